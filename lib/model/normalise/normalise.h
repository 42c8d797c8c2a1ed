/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The steps of <domain>, and what they share. */

#include "normaliser.h"

/* The steps, in the order of the chain. */
int normalise_devices(Normaliser *n);
int normalise_identity(Normaliser *n);
int normalise_numa(Normaliser *n);
int normalise_memory(Normaliser *n);
int normalise_memory_backing(Normaliser *n);
int normalise_memory_devices(Normaliser *n);
int normalise_vcpu(Normaliser *n);
int normalise_tuning(Normaliser *n);
int normalise_pins(Normaliser *n);
int normalise_resctrl(Normaliser *n);
int normalise_perf(Normaliser *n);
int normalise_os(Normaliser *n);
int normalise_features(Normaliser *n);
int normalise_cpu(Normaliser *n);
int normalise_clock(Normaliser *n);
int normalise_lifecycle(Normaliser *n);
int normalise_commandline(Normaliser *n);
int normalise_emulator(Normaliser *n);
int normalise_disks(Normaliser *n);
int normalise_leases(Normaliser *n);
int normalise_controllers(Normaliser *n);
int normalise_interfaces(Normaliser *n);
int normalise_serials(Normaliser *n);
int normalise_channels(Normaliser *n);
int normalise_inputs(Normaliser *n);
int normalise_graphics(Normaliser *n);
int normalise_videos(Normaliser *n);
int normalise_hostdevs(Normaliser *n);
int normalise_filesystems(Normaliser *n);
int normalise_shmems(Normaliser *n);
int normalise_tpms(Normaliser *n);
int normalise_platform(Normaliser *n);
int normalise_launch_security(Normaliser *n);
int normalise_sounds(Normaliser *n);
int normalise_small_devices(Normaliser *n);
int normalise_implied_controllers(Normaliser *n);
int normalise_boot(Normaliser *n);
int assign_drive_addresses(Normaliser *n);
int assign_hostdev_addresses(Normaliser *n);
int assign_usb_addresses(Normaliser *n);
int assign_virtio_serial_addresses(Normaliser *n);
int assign_pci_addresses(Normaliser *n);
int write_pci_targets(Normaliser *n);
int check_aliases(Normaliser *n);

/* iotune of a disk, as part of its step. */
int normalise_throttle(Normaliser *n, xmlNode *disk);
int normalise_throttle_groups(Normaliser *n);

/* <source> of a disk and of what backs it, by its type, and <encryption> and <auth>, as part of its step
 * (disk-source.c). */
int normalise_disk_source(Normaliser *n, xmlNode *disk);
/* <source> with a protocol of what is no disk: a device of an iSCSI target, the firmware's variables. */
int normalise_network_source(Normaliser *n, xmlNode *layer);
/* Refuses what the <driver> of a device says of virtio, where that is none of virtio's (normalise.c). */
int refuse_virtio_options(Normaliser *n, xmlNode *device);

/* Drives that may stand empty (disk.c). */
bool disk_is_removable(const xmlNode *disk);

/* <source> of an interface, by its type, as part of its step (interface-source.c). */
/* The family of each <ip> below parent. */
int normalise_ip_addresses(Normaliser *n, xmlNode *parent);
int normalise_interface_source(Normaliser *n, xmlNode *interface);

/* The <address> of a PCI device of the host, as it is printed (hostdev.c). */
int normalise_host_pci_address(Normaliser *n, xmlNode *device, xmlNode *source);

/* Chooses the firmware, as part of the os step. */
int normalise_firmware(Normaliser *n, xmlNode *os);

/* Whether SPICE is among the graphics (sound.c). */
bool has_spice(const Normaliser *n);

/* Whether the guest has an I/O thread of this id: listed, or one of as many as <iothreads> says. */
bool has_iothread(const Normaliser *n, unsigned id);

/* Whether all memory of the guest can be mapped by helpers beside it; the second refuses a device of which that is
 * needed, naming what to add (filesystem.c). */
bool has_shared_memory(const Normaliser *n);
int need_shared_memory(Normaliser *n, xmlNode *device, const char *what);

/* Rewrites the set of CPUs or nodes of an attribute, or of the text of a node, in its shortest form: "3,1-2,^2" is
 * "1,3". Refuses what is none, or empty (vcpu.c). */
int norm_cpuset(Normaliser *n, xmlNode *node, const char *attr);

/* Rewrites a size in KiB, rounded up. */
int norm_kib(Normaliser *n, xmlNode *size, uint64_t *ret_kib);

/* --- controllers --- */

xmlNode *find_controller(const Normaliser *n, const char *type, unsigned index);

/* Adds one beside its kind: behind the last of its type with a lower index, at the end otherwise. */
xmlNode *add_controller(Normaliser *n, const char *type, unsigned index, const char *model);

/* Adds each missing controller of the type from 0 to index. */
void need_controllers(Normaliser *n, const char *type, unsigned index, const char *model);

/* --- addresses --- */

/* The address of a device, NULL where it has none or is left to be chosen (type unassigned, or type alone). */
xmlNode *device_address(const xmlNode *device);

/* A fresh, empty address of this type in place of what is there. */
xmlNode *new_address(Normaliser *n, xmlNode *device, const char *type);

/* Whether the model says that the device sits on conventional PCI only. */
static inline bool is_transitional(const xmlNode *device) {
        return xml_attr_is(device, "model", "virtio-transitional");
}
