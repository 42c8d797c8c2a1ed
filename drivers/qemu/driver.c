/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The driver as the supervisor sees it: the tables of its files, and the hooks of its life. */

#include "calls/calls.h"
#include "calls/host-cpu.h"
#include "calls/image-look.h"
#include "config-report.h"
#include "hotplug/receive.h"
#include "hotplug/unplug.h"
#include "run/end.h"
#include "run/fd-groups.h"

static void driver_stop(void *state) {
        QemuDriver *d = state;

        if (!d)
                return;
        index_stop(d);
        fd_groups_drop(d, 0);
        host_cpu_forget(d);
        kept_memory_drop(&d->capabilities.text);
        image_look_forget(d);
        free(d);
}

/* Of a guest that ran before we came, nobody has heard what its cards said. */
static void on_connected(Guest *g) {
        unplug_on_connected(g);
        if (g->run->quiet)
                receive_on_changed(g, NULL);
}

static const DeviceHooks hooks = { unplug_on_deleted, unplug_on_refused, on_connected, receive_on_changed };

static int driver_start(DriverHost *host, void **ret_state, Error *e) {
        QemuDriver *d;
        int r;

        d = calloc(1, sizeof(*d));
        if (!d)
                return -ENOMEM;
        d->host = host;
        d->systemd = host->systemd;
        d->hooks = &hooks;
        r = index_start(d, e);
        if (r < 0) {
                driver_stop(d);
                return r;
        }
        /* Their clients went with an earlier supervisor. */
        guests_autodestroy(d, AUTODESTROY_ORPHAN);
        config_report(false);
        *ret_state = d;
        return 0;
}

static int driver_reload(void *state, Error *e) {
        config_report(true);
        return 0;
}

static void driver_close(void *state, Connection *c) {
        guests_autodestroy(state, guest_mark(c));
        fd_groups_drop(state, guest_mark(c));
}

static const RpcTable *const tables[] = {
        &qemu_addresses_table,
        &qemu_agent_table,
        &qemu_autostart_table,
        &qemu_capabilities_table,
        &qemu_cpus_table,
        &qemu_domain_capabilities_table,
        &qemu_console_table,
        &qemu_control_table,
        &qemu_create_table,
        &qemu_define_table,
        &qemu_devices_table,
        &qemu_disk_tuning_table,
        &qemu_host_changes_table,
        &qemu_peek_table,
        &qemu_throttle_groups_table,
        &qemu_interface_tuning_table,
        &qemu_guest_info_table,
        &qemu_guest_vcpus_table,
        &qemu_iothreads_table,
        &qemu_limits_table,
        &qemu_perf_table,
        &qemu_pin_table,
        &qemu_vcpu_table,
        &qemu_vcpus_table,
        &qemu_host_table,
        &qemu_hotplug_table,
        &qemu_info_table,
        &qemu_jobs_table,
        &qemu_keys_table,
        &qemu_lookup_table,
        &qemu_memory_table,
        &qemu_metadata_table,
        &qemu_pins_table,
        &qemu_qmp_table,
        &qemu_screenshot_table,
        &qemu_stats_table,
        &qemu_translate_table,
        &qemu_tuning_table,
        &qemu_undefine_table,
        NULL,
};

const Driver driver_qemu = {
        .name = "qemu",
        .class = DRIVER_HYPERVISOR,
        .origin = ORIGIN_QEMU,
        .tables = tables,
        .start = driver_start,
        .stop = driver_stop,
        .reload = driver_reload,
        .close = driver_close,
};
