/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What of a device can be changed while the guest runs: the medium of a drive, whether a card's link is up, the
 * password of a screen. Everything else that a document says has to be as it is. */

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

static int update_graphics(Guest *g, Definition *live, xmlNode *old, const Change *c, bool force, Error *e) {
        static const char *const of_password[] = { "passwd", "passwdValidTo", "connected" };
        static const char *const ours[] = { "port", "tlsPort", "websocket", "autoport", "listen", NULL };
        const char *type = xml_attr(old, "type") ?: "";
        int r;

        if (!streq(type, "vnc") && !streq(type, "spice"))
                return change_fixed(e, "unable to change config on '%s' graphics type", type);
        for (const xmlAttr *a = c->device->properties; a; a = a->next) {
                const char *name = (const char *) a->name, *value = xml_attr(c->device, name);
                bool chosen = change_is_among(name, ours) && (streq(value, "-1") || streq(name, "autoport"));

                if (!chosen && !streq(name, "type") && !startswith(name, "passwd") && !streq(name, "connected") &&
                    !streq(xml_attr(old, name) ?: "", value ?: ""))
                        return change_fixed(e, "cannot change %s settings on %s graphics", name, type);
        }
        r = set_password(g, type, c->device, e);
        for (size_t i = 0; r >= 0 && i < ELEMENTSOF(of_password); i++) {
                const char *value = xml_attr(c->device, of_password[i]);

                xml_unset_attr(old, of_password[i]);
                r = value ? xml_set_attr(old, of_password[i], value) : 0;
        }
        definition_sort(live);
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
