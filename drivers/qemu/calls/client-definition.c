/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Definitions that clients send, and the guests that they are for. */

#include "base/strings.h"
#include "calls/client-definition.h"
#include "guest/emulator.h"
#include "plan/names.h"
#include "qemu/args.h"
#include "qemu/caps.h"
#include "qemu/machines.h"

static int ensure_uuid(Definition *d) {
        uint8_t uuid[16];
        char text[37];
        int r;

        if (definition_uuid(d, uuid))
                return 0;
        r = uuid_generate(uuid);
        if (r < 0)
                return r;
        uuid_format(uuid, text);
        return xml_add_after(xml_child(definition_root(d), "name"), "uuid", text) ? 0 : -ENOMEM;
}

/* A name becomes a file's and a unit's. */
int client_check_name(const char *name, Error *e) {
        _cleanup_free_ char *unit = NULL;
        int r;

        if (name[0] == 0 || name[0] == '.' || strchr(name, '/') || strchr(name, '\n'))
                return error_set(e, -EINVAL, ERROR_XML_ERROR, ORIGIN_DOMAIN,
                                 "name '%s' cannot be that of a file: empty, with '/' or a leading '.'", name);
        r = unit_name_for_guest(name, &unit);
        return r < 0 ? unit_name_refuse(name, r, e) : 0;
}

/* What would fail at every start is refused now. Where there is no QEMU yet, definitions can be made all the same. */
static int check_emulator(QemuDriver *d, const Definition *def, const HostFacts *facts, Error *e) {
        const xmlNode *root = definition_root(def);
        const char *emulator = xml_get(root, "devices/emulator"), *arch = xml_get(root, "os/type/@arch"),
                   *machine = xml_get(root, "os/type/@machine");
        const QemuCaps *caps;
        char version[32];
        int r;

        if (!emulator || d->emulator.version == 0)
                return 0;
        r = emulator_has_board(d, emulator, machine) ? 0 : qemu_emulator_check(def, false, e);
        if (r >= 0)
                emulator_remember_board(d, emulator, machine);
        if (r < 0 || !streq(emulator, facts->emulator))
                return r;
        snprintf(version, sizeof(version), "%u.%u", facts->qemu_version / 1000000U,
                 facts->qemu_version / 1000U % 1000U);
        caps = qemu_caps_for(version, arch);
        return caps ? qemu_machine_check(def, caps, e) : 0;
}

int client_complete(QemuDriver *d, Definition *def, Error *e) {
        HostFacts facts;
        int r;

        r = driver_normalise(d, def, false, &facts, e);
        return r < 0 ? r : check_emulator(d, def, &facts, e);
}

int client_definition(QemuDriver *d, const char *xml, bool validate, Definition **ret, Error *e) {
        _cleanup_definition_ Definition *def = NULL;
        int r;

        r = definition_parse(xml, strlen(xml), NULL, validate ? DEFINITION_VALIDATE : 0, &def, e);
        if (r >= 0)
                r = client_check_name(definition_name(def), e);
        if (r >= 0)
                r = ensure_uuid(def);
        if (r >= 0)
                r = client_complete(d, def, e);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(def);
        return 0;
}

/* A guest that was ended stays until its unit is gone: its name is free then, and what is written for a new guest under
 * it would go with the old one's files. */
static void let_ending_go(QemuDriver *d, const char *name) {
        Guest *known = guest_by_name(d, name);
        _cleanup_guest_ Guest *g = known ? guest_ref(known) : NULL;

        if (g && !g->object.persistent && g->state == GUEST_ENDING)
                (void) guest_wait_for_cleanup(g);
}

static int new_guest(QemuDriver *d, const char *name, const uint8_t uuid[16], Guest **ret) {
        _cleanup_object_ Object *o = NULL;
        int r;

        r = object_new(&d->guests, NULL, name, uuid, &o);
        if (r >= 0)
                r = object_index_add(o);
        if (r < 0)
                return r;
        *ret = guest_of(TAKE_PTR(o));
        return 0;
}

int client_guest(Call *c, const Definition *def, uint32_t flags, bool *ret_new, Guest **ret, Error *e) {
        const char *name = definition_name(def);
        QemuDriver *d = driver_of(c);
        uint8_t uuid[16] = {};
        Object *known;
        int r;

        (void) definition_uuid(def, uuid);
        r = object_check_access_to(c, &kind_domain, name, uuid, flags, e);
        if (r < 0)
                return r;
        let_ending_go(d, name);
        r = object_for_identity(&d->guests, name, uuid, &known, e);
        if (r < 0)
                return r;
        *ret_new = !known;
        if (!known)
                return new_guest(d, name, uuid, ret);
        *ret = guest_of(object_ref(known));
        return 0;
}
