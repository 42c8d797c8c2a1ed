/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The messages that clients get. Each is built on the stack: the hub encodes it at once. */

#include "base/strings.h"
#include "guest/events.h"
#include "object/event.h"
#include "rpc/typed-params.h"

void emit_reboot(const Guest *g) {
        remote_domain_event_callback_reboot_msg m = { .msg = { .dom = guest_for_event(g) } };

        object_emit(&g->object, EVENT_REBOOT, &m);
}

void emit_pmwakeup(const Guest *g) {
        remote_domain_event_callback_pmwakeup_msg m = { .msg = { .dom = guest_for_event(g) } };

        object_emit(&g->object, EVENT_PMWAKEUP, &m);
}

void emit_pmsuspend(const Guest *g) {
        remote_domain_event_callback_pmsuspend_msg m = { .msg = { .dom = guest_for_event(g) } };

        object_emit(&g->object, EVENT_PMSUSPEND, &m);
}

void emit_pmsuspend_disk(const Guest *g) {
        remote_domain_event_callback_pmsuspend_disk_msg m = { .msg = { .dom = guest_for_event(g) } };

        object_emit(&g->object, EVENT_PMSUSPEND_DISK, &m);
}

void emit_metadata_change(const Guest *g, int type, const char *uri) {
        char *nsuri = (char *) uri;
        remote_domain_event_callback_metadata_change_msg m = {
                .dom = guest_for_event(g), .type = type, .nsuri = uri ? &nsuri : NULL,
        };

        object_emit(&g->object, EVENT_METADATA_CHANGE, &m);
}

void emit_agent_lifecycle(const Guest *g, int state, int reason) {
        remote_domain_event_callback_agent_lifecycle_msg m = {
                .dom = guest_for_event(g), .state = state, .reason = reason,
        };

        object_emit(&g->object, EVENT_AGENT_LIFECYCLE, &m);
}

void emit_tunable(const Guest *g, const char *prefix, const char *disk, const remote_typed_param *val, unsigned len) {
        remote_domain_event_callback_tunable_msg m = { .dom = guest_for_event(g) };
        _cleanup_free_ remote_typed_param *list = calloc(len + 1, sizeof(*list));
        _cleanup_strv_ char **names = NULL;
        unsigned n = 0;

        if (!list || strv_addf(&names, "%s.disk", prefix) < 0)
                return;
        for (unsigned i = 0; i < len; i++)
                if (strv_addf(&names, "%s.%s", prefix, val[i].field) < 0)
                        return;
        if (disk)
                list[n++] = (remote_typed_param) {
                        names[0], { TYPED_PARAM_STRING, { .s = (char *) disk } } };
        for (unsigned i = 0; i < len; i++)
                list[n++] = (remote_typed_param) { names[i + 1], val[i].value };
        m.params.params_val = list;
        m.params.params_len = n;
        object_emit(&g->object, EVENT_TUNABLE, &m);
}

void emit_device_added(const Guest *g, const char *alias) {
        remote_domain_event_callback_device_added_msg m = { .dom = guest_for_event(g), .devAlias = (char *) alias };

        object_emit(&g->object, EVENT_DEVICE_ADDED, &m);
}

void emit_device_removed(const Guest *g, const char *alias) {
        remote_domain_event_callback_device_removed_msg m = {
                .msg = { .dom = guest_for_event(g), .devAlias = (char *) alias },
        };

        object_emit(&g->object, EVENT_DEVICE_REMOVED, &m);
}

void emit_monitor_event(const Guest *g, const char *name, json_t *data, uint64_t usec) {
        EventHub *hub = g->driver->host->events;
        _cleanup_free_ char *details = NULL;
        qemu_domain_monitor_event_msg m = {
                .dom = guest_for_event(g),
                .event = (char *) name,
                .seconds = (int64_t) (usec / 1000000U),
                .micros = (unsigned) (usec % 1000000U),
        };

        if (!event_is_wanted(hub, EVENT_QEMU_MONITOR, 0))
                return;
        details = json_dumps(data, JSON_COMPACT);
        m.details = details ? &details : NULL;
        (void) event_emit(hub, &(EventObject) { EVENT_QEMU_MONITOR, g->object.name, g->object.uuid }, 0, name, &m);
}
