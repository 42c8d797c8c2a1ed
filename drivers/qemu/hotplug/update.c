/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What of a device can be changed while the guest runs: the medium of a drive, whether a card's link is up, the
 * password of a screen, how much of its memory the guest is to have. Everything else that a document says has to be as
 * it is. */

#include "base/strings.h"
#include "guest/emulator.h"
#include "guest/live.h"
#include "hotplug/card.h"
#include "hotplug/live.h"
#include "hotplug/match.h"
#include "hotplug/media.h"
#include "run/monitor.h"

/* --- disks --- */

static bool same_source(const xmlNode *a, const xmlNode *b) {
        static const char *const keys[] = { "file", "dev", "pool", "volume" };

        for (size_t i = 0; i < ELEMENTSOF(keys); i++)
                if (!streq(xml_attr(xml_child(a, "source"), keys[i]) ?: "",
                           xml_attr(xml_child(b, "source"), keys[i]) ?: ""))
                        return false;
        return true;
}

static int update_disk(Guest *g, Definition *live, xmlNode *old, const Change *c, bool force, Error *e) {
        static const char *const of_medium[] = { "source", "driver", "backingStore", "address", "alias", "readonly",
                                                 NULL };
        bool drive = xml_attr_is(old, "device", "cdrom") || xml_attr_is(old, "device", "floppy");
        const char *device = xml_attr(c->device, "device") ?: "disk";
        _cleanup_definition_ Definition *complete = NULL;
        xmlNode *now;
        int r;

        if (!xml_attr_is(old, "device", device))
                return change_fixed(e, "cannot modify field 'device' of the disk");
        if (!drive && !same_source(old, c->device))
                return change_fixed(e, "cannot modify field 'source' of the disk");
        r = change_check_rest(old, c->device, of_medium, "disk", e);
        if (r >= 0)
                r = definition_copy(live, &complete);
        if (r >= 0)
                r = change_update(complete, c, &now, e);
        if (r >= 0)
                r = driver_normalise(g->driver, complete, true, NULL, e);
        if (r < 0 || !drive || same_source(old, now))
                return r;
        return media_change(g, live, old, now, force, e);
}

/* --- screens --- */

static int set_password(Guest *g, const char *protocol, const xmlNode *wanted, Error *e) {
        const char *password = xml_attr(wanted, "passwd"), *until = xml_attr(wanted, "passwdValidTo");
        const char *connected = xml_attr(wanted, "connected");
        char when[32] = "never";
        int64_t seconds;
        int r;

        if (until && utc_time_parse(until, &seconds) < 0)
                return error_set(e, -EINVAL, ERROR_XML_ERROR, ORIGIN_DOMAIN, "'%s' is no time", until);
        if (until)
                snprintf(when, sizeof(when), "%lli", (long long) seconds);
        r = guest_command(g, "set_password",
                          json_pack("{s:s,s:s,s:s}", "protocol", protocol, "password", password ?: "", "connected",
                                    connected ?: "keep"),
                          NULL, e);
        if (r < 0)
                return r;
        return guest_command(g, "expire_password",
                             json_pack("{s:s,s:s}", "protocol", protocol, "time", password ? when : "now"), NULL, e);
}

/* A password that had, or has, its time is set again; else only what is another one. */
static bool wants_password(const xmlNode *old, const xmlNode *wanted) {
        static const char *const words[] = { "passwd", "connected" };

        for (size_t i = 0; i < ELEMENTSOF(words); i++)
                if (!streq(xml_attr(old, words[i]) ?: "", xml_attr(wanted, words[i]) ?: ""))
                        return true;
        return xml_attr(old, "passwdValidTo") || xml_attr(wanted, "passwdValidTo");
}

/* What is said of where it listens is as it was. */
static int check_listens(const xmlNode *old, const xmlNode *wanted, Error *e) {
        static const char *const words[] = { "address", "network", "socket" };
        const char *type = xml_attr(old, "type");
        xmlNode *have = xml_child(old, "listen");

        XML_FOREACH(listen, wanted, "listen") {
                if (!have)
                        return change_fixed(e, "cannot change the number of listen addresses on '%s' graphics", type);
                if (!streq(xml_attr(have, "type") ?: "", xml_attr(listen, "type") ?: "address"))
                        return change_fixed(e, "cannot change the type of listen address on '%s' graphics", type);
                for (size_t i = 0; i < ELEMENTSOF(words); i++)
                        if (xml_attr(listen, words[i]) &&
                            !streq(xml_attr(have, words[i]) ?: "", xml_attr(listen, words[i])))
                                return change_fixed(e, "cannot change listen %s setting on '%s' graphics",
                                                    streq(words[i], "socket") ? "socket" : "address", type);
                have = xml_next(have, "listen");
        }
        return 0;
}

static int update_graphics(Guest *g, Definition *live, xmlNode *old, const Change *c, bool force, Error *e) {
        static const char *const of_password[] = { "passwd", "passwdValidTo", "connected" };
        static const char *const ports[] = { "port", "tlsPort", "websocket", NULL };
        const char *type = xml_attr(old, "type") ?: "";
        bool free = xml_attr_is(old, "autoport", "yes") && xml_attr_is(c->device, "autoport", "yes");
        int r;

        if (!streq(type, "vnc") && !streq(type, "spice"))
                return change_fixed(e, "unable to change config on '%s' graphics type", type);
        for (const xmlAttr *a = c->device->properties; a; a = a->next) {
                const char *name = (const char *) a->name, *value = xml_attr(c->device, name);
                bool port = change_is_among(name, ports), chosen = port && (free || streq(value, "-1"));

                if (!chosen && !streq(name, "type") && !streq(name, "autoport") && !startswith(name, "passwd") &&
                    !streq(name, "connected") && !streq(xml_attr(old, name) ?: "", value ?: ""))
                        return change_fixed(e, "cannot change %s settings on %s graphics", port ? "port" : name, type);
        }
        r = check_listens(old, c->device, e);
        if (r < 0)
                return r;
        r = wants_password(old, c->device) ? set_password(g, type, c->device, e) : 0;
        for (size_t i = 0; r >= 0 && i < ELEMENTSOF(of_password); i++) {
                const char *value = xml_attr(c->device, of_password[i]);

                xml_unset_attr(old, of_password[i]);
                r = value ? xml_set_attr(old, of_password[i], value) : 0;
        }
        definition_sort(live);
        return r < 0 ? r : live_write(g, live, e);
}

/* --- memory --- */

static int check_memory(const xmlNode *old, const xmlNode *now, Error *e) {
        static const char *const fields[][2] = {
                { "target/size", "size" }, { "target/block", "block size" }, { "target/node", "targetNode" },
        };
        const char *from = xml_attr(old, "model") ?: "", *to = xml_attr(now, "model") ?: "";

        if (!streq(from, to))
                return change_fixed(e, "cannot modify memory model from '%s' to '%s'", from, to);
        if (!streq(from, "virtio-mem"))
                return change_fixed(e, "cannot modify memory of model '%s'", from);
        for (size_t i = 0; i < ELEMENTSOF(fields); i++) {
                const char *a = xml_get(old, fields[i][0]) ?: "", *b = xml_get(now, fields[i][0]) ?: "";

                if (!streq(a, b))
                        return change_fixed(e, "cannot modify memory %s from '%s' to '%s'", fields[i][1], a, b);
        }
        return 0;
}

/* How much of it the guest is asked to have. */
static int update_memory(Guest *g, Definition *live, xmlNode *old, const Change *c, bool force, Error *e) {
        _cleanup_free_ char *path = text_format("/machine/peripheral/%s", device_alias(old) ?: "");
        _cleanup_definition_ Definition *complete = NULL;
        uint64_t kib = 0;
        xmlNode *now;
        int r;

        r = path ? definition_copy(live, &complete) : -ENOMEM;
        if (r >= 0)
                r = change_update(complete, c, &now, e);
        if (r >= 0)
                r = driver_normalise(g->driver, complete, true, NULL, e);
        if (r >= 0)
                r = check_memory(old, now, e);
        if (r >= 0)
                r = xml_get_u64(now, "target/requested", &kib);
        if (r < 0)
                return r;
        r = guest_command(g, "qom-set",
                          json_pack("{s:s,s:s,s:I}", "path", path, "property", "requested-size", "value",
                                    (json_int_t) (kib * 1024)),
                          NULL, e);
        if (r >= 0)
                r = xml_set_text(xml_find(old, "target/requested"), xml_get(now, "target/requested"));
        return r < 0 ? r : live_write(g, live, e);
}

/* --- all --- */

static const struct {
        const char *element;
        int (*update)(Guest *g, Definition *live, xmlNode *old, const Change *c, bool force, Error *e);
} classes[] = {
        { "disk", update_disk },
        { "interface", card_update },
        { "graphics", update_graphics },
        { "memory", update_memory },
};

int live_update(Guest *g, Definition *live, const Change *c, bool force, Error *e) {
        xmlNode *old;
        int r;

        r = change_find(live, c, &old, e);
        if (r < 0)
                return r;
        for (size_t i = 0; i < ELEMENTSOF(classes); i++)
                if (streq(classes[i].element, c->class->element))
                        return classes[i].update(g, live, old, c, force, e);
        return change_unsupported(c, "update", e);
}
