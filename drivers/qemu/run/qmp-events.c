/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* QEMU's events: what they mean to the guest's state, and what clients are told. */

#include "base/strings.h"
#include "guest/events.h"
#include "guest/live.h"
#include "object/event.h"
#include "run/qmp-events.h"
#include "run/thresholds.h"

static bool wanted(const Guest *g, EventId id) {
        return object_event_is_wanted(&g->object, (int) id);
}

static const char *text_of(json_t *data, const char *key) {
        const char *s = json_string_value(json_object_get(data, key));

        return s ? s : "";
}

/* The number of a word in a NULL-terminated list, or otherwise. */
static int number_of(const char *const *words, const char *word, int otherwise) {
        for (int i = 0; words[i]; i++)
                if (strcmp(words[i], word) == 0)
                        return i;
        return otherwise;
}

/* With -no-shutdown QEMU stays after the guest has powered off, until vm-run ends it or starts it again. An end that
 * the host caused is no state of the guest: it says why the connection will end. */
static void on_shutdown(Guest *g, json_t *data) {
        const char *reason = text_of(data, "reason");

        if (strcmp(reason, "host-qmp-quit") == 0 || strcmp(reason, "host-signal") == 0 ||
            strcmp(reason, "host-error") == 0) {
                if (g->run->end_reason == SHUTOFF_UNKNOWN)
                        g->run->end_reason = SHUTOFF_DESTROYED;
                return;
        }
        if (strcmp(reason, "guest-panic") == 0) {
                g->run->end_reason = SHUTOFF_CRASHED;
                guest_enter(g, GUEST_PANICKED, CRASHED_PANICKED);
                return;
        }
        /* vm-run resets it at once. */
        if (g->run->rebooting)
                return;
        g->run->end_reason = SHUTOFF_SHUTDOWN;
        guest_enter(g, GUEST_SHUTDOWN, json_is_true(json_object_get(data, "guest")) ? SHUTDOWN_USER : SHUTDOWN_UNKNOWN);
}

static void on_stop(Guest *g, json_t *data) {
        int reason = g->run->pause_reason ? g->run->pause_reason : PAUSED_USER;

        g->run->pause_reason = 0;
        if (g->run->rebooting)
                return;
        if (g->state == GUEST_RUNNING)
                guest_enter(g, GUEST_PAUSED, reason);
}

static void on_resume(Guest *g, json_t *data) {
        int reason = RUNNING_UNPAUSED;
        bool rebooted = g->run->rebooting && g->state == GUEST_RUNNING;

        g->run->rebooting = false;
        if (rebooted)
                return;
        if (g->state == GUEST_STARTING)
                reason = RUNNING_BOOTED;
        else if (g->state == GUEST_PANICKED)
                reason = RUNNING_CRASHED; /* vm-run has reset it, as on_crash says */
        g->run->end_reason = SHUTOFF_UNKNOWN;
        guest_enter(g, GUEST_RUNNING, reason);
}

static void on_reset(Guest *g, json_t *data) {
        emit_reboot(g);
}

static void on_panicked(Guest *g, json_t *data) {
        g->run->end_reason = SHUTOFF_CRASHED;
        guest_enter(g, GUEST_PANICKED, CRASHED_PANICKED);
}

static void on_suspend(Guest *g, json_t *data) {
        guest_enter(g, GUEST_SUSPENDED, 0);
}

static void on_suspend_disk(Guest *g, json_t *data) {
        emit_pmsuspend_disk(g);
}

static void on_wakeup(Guest *g, json_t *data) {
        if (g->state == GUEST_SUSPENDED)
                guest_enter(g, GUEST_RUNNING, RUNNING_WAKEUP);
}

static void on_rtc_change(Guest *g, json_t *data) {
        remote_domain_event_callback_rtc_change_msg m = {
                .msg = { .dom = guest_for_event(g), .offset = json_integer_value(json_object_get(data, "offset")) },
        };

        object_emit(&g->object, EVENT_RTC_CHANGE, &m);
}

static void on_watchdog(Guest *g, json_t *data) {
        static const char *const actions[] = { "none",     "pause", "reset",      "poweroff",
                                               "shutdown", "debug", "inject-nmi", NULL };
        const char *action = text_of(data, "action");
        remote_domain_event_callback_watchdog_msg m = {
                .msg = { .dom = guest_for_event(g), .action = number_of(actions, action, 0) },
        };

        if (strcmp(action, "pause") == 0)
                g->run->pause_reason = PAUSED_WATCHDOG;
        object_emit(&g->object, EVENT_WATCHDOG, &m);
}

static void on_balloon_change(Guest *g, json_t *data) {
        uint64_t kib = (uint64_t) json_integer_value(json_object_get(data, "actual")) / 1024U;
        remote_domain_event_callback_balloon_change_msg m = { .msg = { .dom = guest_for_event(g), .actual = kib } };

        g->run->balloon_kib = kib;
        object_emit(&g->object, EVENT_BALLOON_CHANGE, &m);
}

/* How much of it the guest has taken by now. */
static void on_memory_size(Guest *g, json_t *data) {
        uint64_t bytes = (uint64_t) json_integer_value(json_object_get(data, "size"));
        remote_domain_event_memory_device_size_change_msg m = {
                .dom = guest_for_event(g), .alias = (char *) text_of(data, "id"), .size = bytes / 1024U,
        };

        if (!m.alias[0])
                return;
        live_set_memory(g, m.alias, bytes / 1024U);
        object_emit(&g->object, EVENT_MEMORY_DEVICE_SIZE_CHANGE, &m);
}

static void on_tray_moved(Guest *g, json_t *data) {
        remote_domain_event_callback_tray_change_msg m = {
                .msg = {
                        .dom = guest_for_event(g),
                        .devAlias = (char *) text_of(data, "id"),
                        .reason = json_is_true(json_object_get(data, "tray-open")) ? 0 : 1,
                },
        };

        if (m.msg.devAlias[0])
                object_emit(&g->object, EVENT_TRAY_CHANGE, &m);
}

static void on_device_deleted(Guest *g, json_t *data) {
        const char *alias = text_of(data, "device");

        /* It is news once the live definition is without it. */
        if (alias[0])
                g->driver->hooks->deleted(g, alias);
}

static void on_unplug_failed(Guest *g, json_t *data) {
        remote_domain_event_callback_device_removal_failed_msg m = {
                .dom = guest_for_event(g), .devAlias = (char *) text_of(data, "device"),
        };

        if (!m.devAlias[0])
                return;
        g->driver->hooks->refused(g, m.devAlias);
        object_emit(&g->object, EVENT_DEVICE_REMOVAL_FAILED, &m);
}

/* The disk whose images QEMU knows as libvirt-INDEX-storage and -format. */
static const xmlNode *disk_of_node(const Definition *d, const char *node) {
        unsigned want, index;

        if (sscanf(node, "libvirt-%u-", &want) != 1)
                return NULL;
        XML_FOREACH(disk, definition_devices(d), "disk")
                if (xml_attr_uint(xml_child(disk, "source"), "index", &index) >= 0 && index == want)
                        return disk;
        return NULL;
}

static void on_io_error(Guest *g, json_t *data) {
        static const char *const actions[] = { "ignore", "stop", "report", NULL }; /* none, pause, report */
        const char *action = text_of(data, "action");
        _cleanup_definition_ Definition *d = NULL;
        const xmlNode *disk = NULL;
        remote_domain_event_callback_io_error_msg m = {};
        remote_domain_event_callback_io_error_reason_msg with_reason = {};

        if (strcmp(action, "stop") == 0)
                g->run->pause_reason = PAUSED_IOERROR;
        if (!wanted(g, EVENT_IO_ERROR) && !wanted(g, EVENT_IO_ERROR_REASON))
                return;
        if (object_load(&g->object, OBJECT_LIVE, &d, NULL) >= 0)
                disk = disk_of_node(d, text_of(data, "node-name"));
        m.msg.dom = guest_for_event(g);
        m.msg.srcPath = (char *) (disk ? disk_path(disk) ?: xml_get(disk, "source/@name") ?: "" : "");
        m.msg.devAlias = (char *) (disk && device_alias(disk) ? device_alias(disk) : text_of(data, "device"));
        m.msg.action = number_of(actions, action, 0);
        object_emit(&g->object, EVENT_IO_ERROR, &m);

        with_reason.msg.dom = m.msg.dom;
        with_reason.msg.srcPath = m.msg.srcPath;
        with_reason.msg.devAlias = m.msg.devAlias;
        with_reason.msg.action = m.msg.action;
        with_reason.msg.reason = (char *) (json_is_true(json_object_get(data, "nospace")) ? "enospc" : "");
        object_emit(&g->object, EVENT_IO_ERROR_REASON, &with_reason);
}

static void on_port_change(Guest *g, json_t *data) {
        bool open = json_is_true(json_object_get(data, "open"));

        if (live_set_channel(g, text_of(data, "id"), open))
                emit_agent_lifecycle(g, open ? 1 : 2, g->state == GUEST_STARTING ? 1 : 2);
}

static void graphics_address(json_t *data, const char *side, remote_domain_event_graphics_address *ret) {
        static const char *const families[] = { "ipv4", "ipv6", "unix", NULL };
        json_t *a = json_object_get(data, side);

        ret->family = number_of(families, text_of(a, "family"), 0);
        ret->node = (char *) text_of(a, "host");
        ret->service = (char *) text_of(a, "service");
        if (!ret->service[0])
                ret->service = (char *) text_of(a, "port");
}

static void emit_graphics(Guest *g, json_t *data, int phase) {
        remote_domain_event_graphics_identity who[2];
        json_t *client = json_object_get(data, "client"), *server = json_object_get(data, "server");
        remote_domain_event_callback_graphics_msg m = { .msg = { .dom = guest_for_event(g), .phase = phase } };

        graphics_address(data, "server", &m.msg.local);
        graphics_address(data, "client", &m.msg.remote);
        m.msg.authScheme = (char *) text_of(server, "auth");
        m.msg.subject.subject_val = who;
        if (text_of(client, "x509_dname")[0])
                who[m.msg.subject.subject_len++] = (remote_domain_event_graphics_identity) {
                        (char *) "x509dname", (char *) text_of(client, "x509_dname") };
        if (text_of(client, "sasl_username")[0])
                who[m.msg.subject.subject_len++] = (remote_domain_event_graphics_identity) {
                        (char *) "saslUsername", (char *) text_of(client, "sasl_username") };
        object_emit(&g->object, EVENT_GRAPHICS, &m);
}

static void on_graphics_connected(Guest *g, json_t *data) {
        emit_graphics(g, data, 0);
}

static void on_graphics_initialized(Guest *g, json_t *data) {
        emit_graphics(g, data, 1);
}

static void on_graphics_disconnected(Guest *g, json_t *data) {
        emit_graphics(g, data, 2);
}

static void on_receive_filter(Guest *g, json_t *data) {
        const char *alias = text_of(data, "name");

        if (*alias && g->run)
                g->driver->hooks->receives(g, alias);
}

static const struct {
        const char *name;
        void (*handle)(Guest *g, json_t *data);
} qmp_events[] = {
        { "BALLOON_CHANGE", on_balloon_change },
        { "BLOCK_IO_ERROR", on_io_error },
        { "BLOCK_WRITE_THRESHOLD", threshold_exceeded },
        { "DEVICE_DELETED", on_device_deleted },
        { "DEVICE_TRAY_MOVED", on_tray_moved },
        { "DEVICE_UNPLUG_GUEST_ERROR", on_unplug_failed },
        { "GUEST_PANICKED", on_panicked },
        { "MEMORY_DEVICE_SIZE_CHANGE", on_memory_size },
        { "MEM_UNPLUG_ERROR", on_unplug_failed },
        { "NIC_RX_FILTER_CHANGED", on_receive_filter },
        { "RESET", on_reset },
        { "RESUME", on_resume },
        { "RTC_CHANGE", on_rtc_change },
        { "SHUTDOWN", on_shutdown },
        { "SPICE_CONNECTED", on_graphics_connected },
        { "SPICE_DISCONNECTED", on_graphics_disconnected },
        { "SPICE_INITIALIZED", on_graphics_initialized },
        { "STOP", on_stop },
        { "SUSPEND", on_suspend },
        { "SUSPEND_DISK", on_suspend_disk },
        { "VNC_CONNECTED", on_graphics_connected },
        { "VNC_DISCONNECTED", on_graphics_disconnected },
        { "VNC_INITIALIZED", on_graphics_initialized },
        { "VSERPORT_CHANGE", on_port_change },
        { "WAKEUP", on_wakeup },
        { "WATCHDOG", on_watchdog },
};

void guest_on_qmp_event(Guest *g, const char *name, json_t *data, uint64_t usec) {
        emit_monitor_event(g, name, data, usec);
        for (size_t i = 0; i < ELEMENTSOF(qmp_events); i++)
                if (strcmp(qmp_events[i].name, name) == 0) {
                        qmp_events[i].handle(g, data);
                        return;
                }
}
