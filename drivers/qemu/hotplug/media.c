/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "base/log.h"
#include "base/strings.h"
#include "guest/live.h"
#include "hotplug/media.h"
#include "hotplug/pending.h"
#include "hotplug/steps.h"
#include "loop/fiber.h"
#include "run/monitor.h"

/* A guest that has locked the tray is asked for it, and opens it when it likes. */
#define TRAY_TRIES 50U
#define TRAY_USEC (100U * 1000U)

static json_t *of_drive(const char *alias) {
        return json_pack("{s:s}", "id", alias);
}

/* --- the old one --- */

/* -EREMOTEIO where the tray stays shut. A drive without a tray gives its medium as it is. */
static int take_medium(Guest *g, const char *alias, bool force, Error *e) {
        int r = -EREMOTEIO;

        (void) guest_command(g, "blockdev-open-tray", json_pack("{s:s,s:b}", "id", alias, "force", force), NULL, NULL);
        for (unsigned i = 0; r == -EREMOTEIO && i < TRAY_TRIES && g->run; i++) {
                if (i > 0 && fiber_sleep(TRAY_USEC) < 0)
                        return -ECANCELED;
                r = guest_command(g, "blockdev-remove-medium", of_drive(alias), NULL, NULL);
        }
        return r == -EREMOTEIO ? error_set(e, r, ERROR_OPERATION_FAILED, ORIGIN_QEMU,
                                           "the guest has locked the tray of '%s' and does not open it: --force does",
                                           alias)
                               : r;
}

/* --- the new one --- */

static const char *last_node(const PlugAnswer *a) {
        const char *name = NULL;
        json_t *step;
        size_t i;

        json_array_foreach(json_object_get(a->json, "steps"), i, step) {
                json_t *request = json_object_get(step, "do");
                const char *command = json_string_value(json_object_get(request, "execute"));

                if (streq_ptr(command, "blockdev-add"))
                        name = json_string_value(
                                json_object_get(json_object_get(request, "arguments"), "node-name"));
        }
        return name;
}

static int insert_medium(Guest *g, const char *alias, const char *node, Error *e) {
        int r;

        r = guest_command(g, "blockdev-insert-medium", json_pack("{s:s,s:s}", "id", alias, "node-name", node), NULL,
                          e);
        if (r >= 0) /* one without a tray refuses */
                (void) guest_command(g, "blockdev-close-tray", of_drive(alias), NULL, NULL);
        return r;
}

/* The image is open, and QEMU has a node of it that nobody uses yet. *drive is the one in live. */
static int open_medium(Guest *g, Definition *live, xmlNode **drive, PlugAnswer *a, Error *e) {
        _cleanup_xml_ xmlDocPtr doc = NULL;
        char version[32];
        const char *text;
        xmlNode *copy;
        unsigned set;
        int r;

        r = steps_query(g, version, &set, e);
        if (r >= 0)
                r = pending_write(g, live, e);
        if (r >= 0)
                r = plug_ask_attach(g, device_alias(*drive), version, set, a, e);
        if (r < 0)
                return r;
        text = json_string_value(json_object_get(a->json, "device")) ?: "";
        r = xml_parse(text, strlen(text), NULL, "disk", &doc, e);
        if (r < 0)
                return r;
        copy = xml_add_copy((*drive)->parent, xmlDocGetRootElement(doc));
        *drive = copy ? definition_replace_device(live, *drive, copy) : NULL;
        return *drive ? steps_run(g, device_alias(*drive), a, true, e) : -ENOMEM;
}

/* --- both --- */

/* before: the live definition with the old medium. */
static int swap(Guest *g, const Definition *before, Definition *live, xmlNode *drive, bool force, Error *e) {
        _cleanup_plug_answer_ PlugAnswer answer = {};
        bool empty = !disk_path(drive) && !xml_get(drive, "source/@pool");
        const xmlNode *old = definition_disk(before, xml_get(drive, "target/@dev") ?: "");
        int r = empty ? 0 : open_medium(g, live, &drive, &answer, e);

        if (r < 0)
                return r;
        r = take_medium(g, device_alias(drive), force, e);
        if (r < 0) {
                steps_take_back_nodes(g, &answer);
                return r;
        }
        steps_take_away_nodes(g, before, old, &answer);
        if (!empty)
                r = insert_medium(g, device_alias(drive), last_node(&answer) ?: "", e);
        else /* as libvirt leaves it */
                (void) guest_command(g, "blockdev-close-tray", of_drive(device_alias(drive)), NULL, NULL);
        if (r < 0) {
                /* the old one is out already */
                steps_take_back_nodes(g, &answer);
                xml_remove_children(drive, "source");
                xml_remove_children(drive, "backingStore");
        }
        if (g->run && live_write(g, live, e) < 0 && r >= 0)
                r = -EIO;
        return r;
}

int media_change(Guest *g, Definition *live, xmlNode *old, const xmlNode *wanted, bool force, Error *e) {
        _cleanup_definition_ Definition *before = NULL;
        xmlNode *drive, *alias;
        int r;

        r = definition_copy(live, &before);
        if (r < 0)
                return r;
        drive = xml_add_copy(old->parent, wanted);
        alias = drive ? xml_ensure(drive, "alias") : NULL;
        r = alias ? xml_set_attr(alias, "name", device_alias(old) ?: "") : -ENOMEM;
        /* while the old one counts: its number is in use until its node has gone */
        if (r >= 0)
                r = definition_number_images(live, drive);
        if (r >= 0)
                drive = definition_replace_device(live, old, drive);
        if (r < 0 || !drive)
                return -ENOMEM;
        if (r >= 0)
                r = swap(g, before, live, drive, force, e);
        pending_remove(g);
        return r;
}
