/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Rows of calls about guests (object/call.h), and the tables of them: each file of this folder ends with its own. */

#include "object/call.h"
#include "run/index.h"

#define CALL(NAME, f, ...) OBJECT_CALL(remote, REMOTE, &kind_domain, Guest, NAME, f, __VA_ARGS__)
#define ACTION(NAME, f, ...) OBJECT_ACTION(remote, REMOTE, &kind_domain, Guest, NAME, f, __VA_ARGS__)
#define PLAIN(NAME, f, ...) PLAIN_CALL(remote, REMOTE, &kind_domain, NAME, f, __VA_ARGS__)

static inline QemuDriver *driver_of(const Call *c) {
        return call_driver(c);
}

extern const RpcTable qemu_addresses_table, qemu_autostart_table, qemu_capabilities_table, qemu_console_table,
        qemu_control_table, qemu_cpus_table, qemu_create_table, qemu_define_table, qemu_devices_table,
        qemu_domain_capabilities_table, qemu_host_table, qemu_hotplug_table, qemu_info_table, qemu_jobs_table,
        qemu_keys_table, qemu_lookup_table, qemu_memory_table, qemu_metadata_table, qemu_pins_table, qemu_qmp_table,
        qemu_screenshot_table, qemu_stats_table, qemu_translate_table, qemu_tuning_table, qemu_undefine_table;
/* about guests that run: their agents, their limits */
extern const RpcTable qemu_agent_table, qemu_disk_tuning_table, qemu_guest_info_table, qemu_guest_vcpus_table,
        qemu_host_changes_table,
        qemu_interface_tuning_table, qemu_iothreads_table, qemu_limits_table, qemu_peek_table, qemu_perf_table,
        qemu_pin_table,
        qemu_throttle_groups_table, qemu_vcpu_table, qemu_vcpus_table;
