/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* vm-prepare leaves out what is not there and need not be: what the definition has and the live one has not. */

#include "base/strings.h"
#include "guest/media.h"
#include "object/event.h"

/* VIR_DOMAIN_EVENT_DISK_x_MISSING_ON_START */
#define DISK_CHANGE_MISSING 0
#define DISK_DROP_MISSING 1

static const char *source_of(const xmlNode *disk) {
        return disk_path(disk) ?: xml_get(disk, "source/@volume");
}

static const xmlNode *disk_at(const Definition *d, const char *target) {
        XML_FOREACH(disk, definition_devices(d), "disk")
                if (streq_ptr(xml_get(disk, "target/@dev"), target))
                        return disk;
        return NULL;
}

static void tell(const Guest *g, const xmlNode *disk, const xmlNode *now) {
        const char *path = source_of(disk);
        char *old = (char *) path;
        remote_domain_event_callback_disk_change_msg m = {
                .msg = {
                        .dom = guest_for_event(g),
                        .oldSrcPath = &old,
                        .devAlias = (char *) ((now ? device_alias(now) : device_alias(disk)) ?: ""),
                        .reason = now ? DISK_CHANGE_MISSING : DISK_DROP_MISSING,
                },
        };

        object_emit(&g->object, EVENT_DISK_CHANGE, &m);
}

void media_tell_missing(Guest *g) {
        _cleanup_definition_ Definition *wanted = NULL, *live = NULL;

        if (!object_event_is_wanted(&g->object, EVENT_DISK_CHANGE) ||
            object_load(&g->object, OBJECT_NEXT, &wanted, NULL) < 0 ||
            object_load(&g->object, OBJECT_LIVE, &live, NULL) < 0 || definition_assign_aliases(wanted, NULL) < 0)
                return;
        XML_FOREACH(disk, definition_devices(wanted), "disk") {
                const xmlNode *now = disk_at(live, xml_get(disk, "target/@dev"));

                if (xml_attr_is(xml_child(disk, "source"), "startupPolicy", "optional") && source_of(disk) &&
                    (!now || !source_of(now)))
                        tell(g, disk, now);
        }
}
