/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Devices that are attached, detached and changed: of the persistent definition, of the guest that runs, or of both.
 * What the persistent one would become is known to be good before anything is done to the guest, and written once that
 * is done. */

#include "base/strings.h"
#include "calls/client-definition.h"
#include "calls/edit.h"
#include "hotplug/change.h"
#include "hotplug/live.h"
#include "object/unit.h"
#include "qemu/live.h"

typedef enum Verb { ATTACH, DETACH, UPDATE } Verb;
static const char *const verbs[] = { "attach", "detach", "update" };

#define MODIFY_FORCE 4U

/* --- what the client means --- */

/* *ret_doc owns what *ret points to. */
static int parse(const char *xml, xmlDocPtr *ret_doc, Change *ret, Error *e) {
        int r = device_parse(xml, strlen(xml), 0, ret_doc, e);

        if (r < 0)
                return r;
        ret->device = xml_root(*ret_doc);
        ret->class = device_class(xml_name(ret->device));
        return 0;
}

/* Of what an alias names the device itself tells the class. */
static int class_of(const Definition *d, Change *c, Error *e) {
        xmlNode *device;
        int r;

        if (c->device)
                return 0;
        r = change_find(d, c, &device, e);
        if (r >= 0)
                c->class = device_class(xml_name(device));
        return r;
}

static int check_class(const Change *c, Verb verb, bool live, Error *e) {
        bool can = c->class && !c->class->fixed && (!live || live_can_plug(c->class->element));

        if (verb == UPDATE)
                can = c->class && c->class->update && (!live || live_can_update(c->class->element));
        return can ? 0 : change_unsupported(c, verbs[verb], e);
}

/* --- the persistent definition --- */

static int change_definition(QemuDriver *d, Definition *def, Change *c, Verb verb, Error *e) {
        xmlNode *device;
        int r;

        r = class_of(def, c, e);
        if (r >= 0)
                r = check_class(c, verb, false, e);
        if (r < 0)
                return r;
        if (verb == ATTACH)
                r = change_attach(def, c, &device, e);
        else if (verb == UPDATE)
                r = change_update(def, c, &device, e);
        else {
                r = change_find(def, c, &device, e);
                if (r >= 0)
                        r = change_uncount_memory(def, device);
                if (r >= 0)
                        xml_remove(device);
        }
        if (r >= 0)
                r = client_complete(d, def, e);
        return r < 0 || verb != ATTACH ? r : change_count_memory(def, device, e);
}

/* --- both --- */

/* What is attached to a drive that is there is put into it: guides say "virsh attach-disk GUEST x.iso sda --type
 * cdrom", of a time that had no change-media. */
static bool is_medium(const Definition *d, const Change *c) {
        const char *dev = xml_get(c->device, "target/@dev"), *kind = xml_attr(c->device, "device") ?: "disk";

        if (!dev || !streq(xml_name(c->device), "disk") || (!streq(kind, "cdrom") && !streq(kind, "floppy")))
                return false;
        XML_FOREACH(disk, definition_devices(d), "disk")
                if (streq_ptr(xml_get(disk, "target/@dev"), dev))
                        return xml_attr_is(disk, "device", kind);
        return false;
}

static int change_live(Guest *g, Change *c, Verb verb, bool force, Error *e) {
        _cleanup_definition_ Definition *d = NULL;
        int r;

        r = object_load(&g->object, OBJECT_LIVE, &d, e);
        if (r >= 0)
                r = class_of(d, c, e);
        if (r >= 0)
                r = check_class(c, verb, true, e);
        if (r < 0)
                return r;
        switch (verb) {
        case ATTACH:
                if (is_medium(d, c))
                        return live_update(g, d, c, false, e);
                return live_attach(g, d, c, e);
        case DETACH:
                return live_detach(g, d, c, e);
        default:
                return live_update(g, d, c, force, e);
        }
}

static int change(Call *c, Guest *g, Change *change, Verb verb, Error *e) {
        _cleanup_definition_ Definition *config = NULL;
        bool live = call_affects_live(c), persistent = call_affects_config(c);
        const DeviceClass *class = change->class;
        int r = 0;

        if (persistent) {
                change->word = "persistent";
                r = object_load(&g->object, OBJECT_INACTIVE, &config, e);
                if (r >= 0)
                        r = change_definition(g->driver, config, change, verb, e);
        }
        if (r >= 0 && live) {
                change->word = "live";
                change->class = class;
                r = change_live(g, change, verb, call_flags(c) & MODIFY_FORCE, e);
        }
        return r >= 0 && persistent ? edit_write_config(g, config, e) : r;
}

static int by_document(Call *c, Guest *g, const char *xml, Verb verb, Error *e) {
        _cleanup_xml_ xmlDocPtr doc = NULL;
        Change what = {};
        int r;

        r = parse(xml, &doc, &what, e);
        return r < 0 ? r : change(c, g, &what, verb, e);
}

static int attach(Call *c, Guest *g, const remote_domain_attach_device_args *args, rpc_void *ret, Error *e) {
        return by_document(c, g, args->xml, ATTACH, e);
}

static int attach_flags(Call *c, Guest *g, const remote_domain_attach_device_flags_args *args, rpc_void *ret,
                        Error *e) {
        return by_document(c, g, args->xml, ATTACH, e);
}

static int detach(Call *c, Guest *g, const remote_domain_detach_device_args *args, rpc_void *ret, Error *e) {
        return by_document(c, g, args->xml, DETACH, e);
}

static int detach_flags(Call *c, Guest *g, const remote_domain_detach_device_flags_args *args, rpc_void *ret,
                        Error *e) {
        return by_document(c, g, args->xml, DETACH, e);
}

static int update_flags(Call *c, Guest *g, const remote_domain_update_device_flags_args *args, rpc_void *ret,
                        Error *e) {
        return by_document(c, g, args->xml, UPDATE, e);
}

static int detach_alias(Call *c, Guest *g, const remote_domain_detach_device_alias_args *args, rpc_void *ret,
                        Error *e) {
        Change what = { .alias = args->alias };

        return change(c, g, &what, DETACH, e);
}

#define NEEDS (NEED_LOCK | NEED_IMPACTS)
#define FLAGS (AFFECT_LIVE | AFFECT_CONFIG)

static const RpcHandler rows[] = {
        CALL(DOMAIN_ATTACH_DEVICE, attach, .needs = NEEDS | NEED_ACTIVE),
        CALL(DOMAIN_ATTACH_DEVICE_FLAGS, attach_flags, .flags = FLAGS, .needs = NEEDS),
        CALL(DOMAIN_DETACH_DEVICE, detach, .needs = NEEDS | NEED_ACTIVE),
        CALL(DOMAIN_DETACH_DEVICE_FLAGS, detach_flags, .flags = FLAGS, .needs = NEEDS),
        CALL(DOMAIN_DETACH_DEVICE_ALIAS, detach_alias, .flags = FLAGS, .needs = NEEDS),
        CALL(DOMAIN_UPDATE_DEVICE_FLAGS, update_flags, .flags = FLAGS | MODIFY_FORCE, .needs = NEEDS),
};
const RpcTable qemu_hotplug_table = RPC_TABLE(rows);
