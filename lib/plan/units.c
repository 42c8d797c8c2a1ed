/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The kinds of units. They are apart from kinds.c, whose table leads to all that plans: who only needs the name of a
 * unit, as most of the programs that systemd runs for guests, is not linked to libxml2, whose libraries take longer to
 * load than such a program runs. */

#include "plan/kind.h"

/* A unit with PrivateTmp=, which DynamicUser= implies, has a folder "systemd-private-BOOTID-UNIT-XXXXXX" in /tmp, and a
 * file's name has 255 bytes (systemd, src/core/namespace.c, setup_one_tmp_dir()). All kinds keep to it, so that it does
 * not matter which of them has a folder there. */
#define UNIT_NAME_MAX_TMP (255U - 16U - 32U - 8U)

/* Helpers of a guest: its TPM, one for each folder that it shares, one for each card with passt, one for reservations
 * of disks, one for each graphics card of vhost-user, one for each disk that QEMU cannot log in for, one for a bus of
 * its own. */
#define HELPER(start, what, text, own)                                                                    \
        { .prefix = start, .suffix = ".service", .word = what, .description = text " of virtual machine %I", \
          .prepare = "vm-helper", .name_max = UNIT_NAME_MAX_TMP, .origin = ORIGIN_DOMAIN, .own_user = own }

const UnitKind unit_swtpm = HELPER("vm-swtpm@", "TPM", "TPM", true);
const UnitKind unit_virtiofsd = HELPER("vm-virtiofsd@", "shared folder", "Folder", false);
const UnitKind unit_passt = HELPER("vm-passt@", "card", "Network", true);
const UnitKind unit_pr_helper = HELPER("vm-pr-helper@", "persistent reservations", "Persistent reservations", true);
const UnitKind unit_gpu = HELPER("vm-gpu@", "graphics card", "Graphics card", true);
const UnitKind unit_nbdkit = HELPER("vm-nbdkit@", "disk", "Disk", true);
const UnitKind unit_dbus = HELPER("vm-dbus@", "bus", "Bus", true);

static const UnitKind *const guest_sidecars[] = {
        &unit_swtpm, &unit_virtiofsd, &unit_passt, &unit_pr_helper, &unit_gpu, &unit_nbdkit, &unit_dbus, NULL,
};

const UnitKind unit_guest = {
        .sidecars = guest_sidecars,
        .prefix = "vm@",
        .suffix = ".service",
        .word = "guest",
        .description = "Virtual machine %I",
        .prepare = "vm-prepare",
        .target = "machines.target",
        .name_max = UNIT_NAME_MAX_TMP,
        .origin = ORIGIN_DOMAIN,
};

/* vm-network starts it, in the middle of its own start. */
const UnitKind unit_dnsmasq = {
        .prefix = "vm-dnsmasq@", .suffix = ".service", .word = "DHCP and DNS",
        .description = "DHCP and DNS of the Virtual Network %I", .prepare = "vm-helper",
        .name_max = UNIT_NAME_MAX_TMP, .origin = ORIGIN_NETWORK, .own_start = true,
};

static const UnitKind *const network_sidecars[] = { &unit_dnsmasq, NULL };

const UnitKind unit_network = {
        .sidecars = network_sidecars,
        .prefix = "vm-network@", .suffix = ".service", .word = "network", .description = "Virtual network %I",
        .prepare = "vm-network", .target = "machines.target", .name_max = UNIT_NAME_MAX_TMP, .origin = ORIGIN_NETWORK,
};

const UnitKind unit_pool = {
        .prefix = "vm-pool@", .suffix = ".service", .word = "storage pool", .description = "Storage pool %I",
        .prepare = "vm-pool", .target = "machines.target", .name_max = UNIT_NAME_MAX_TMP, .origin = ORIGIN_STORAGE,
};
