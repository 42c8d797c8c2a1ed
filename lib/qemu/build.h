/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What the builders of lib/qemu share: the state of one translation, words to
 * compose properties, and one line for each device class.
 *
 * Errors stick: the first failure is kept in Build.r and makes every later
 * addition a no-op, so that a builder reads as the list of what it sets. */

#include "base/strings.h"
#include "model/definition.h"
#include "qemu/device.h"

typedef struct Build {
        const Definition *d;
        const xmlNode *root, *devices;
        const QemuCaps *caps;
        const QemuHostResources *res;
        const char *run_dir;
        const char *machine;         /* as the definition names it */
        bool q35, kvm;
        bool emulated;               /* the definition says kvm, the host side had to choose tcg */
        bool joins;                  /* one device alone, for a guest that runs */
        QemuParts *parts;
        unsigned images;             /* images of all disks, where the definition does not number them */
        int r;                       /* 0 or the first error */
        Error *e;
} Build;

/* --- errors --- */

/* Refuses what node says: "FILE:LINE: PATH: " and the words; code 67, -EOPNOTSUPP. */
int build_refuse(Build *b, const xmlNode *node, const char *format, ...) _printf_(3, 4);
/* The same for values that contradict each other; code 27, -EINVAL. */
int build_invalid(Build *b, const xmlNode *node, const char *format, ...) _printf_(3, 4);
int build_fail(Build *b, int r);

/* --- additions --- */

/* Take props (or free it after an error). */
void add_props(Build *b, QemuPartKind kind, json_t *props);

/* What all devices of this element share that share() says yes to is brought by the first one; of those that join a
 * guest that runs, by one that finds no other. */
bool is_brought_by_another(const Build *b, const xmlNode *device, bool (*share)(const xmlNode *device));
/* An option without hotplug form; format NULL: the option stands alone. */
void add_option(Build *b, const char *name, const char *format, ...) _printf_(3, 4);
/* Take what the buffer holds. */
void add_option_buf(Build *b, const char *name, StrBuf *value);
void add_chardev_buf(Build *b, StrBuf *value);

/* What <qemu:override> and <qemu:capabilities> change of a device: its properties, and, where it is not to be JSON, its
 * text; NULL: it stays JSON. Takes props in that case (override.c). */
void override_device(Build *b, json_t *props);
char *override_device_text(Build *b, json_t *props);

/* --- properties --- */

/* {"driver": driver}, {"qom-type": type, "id": id}; never NULL while b->r is 0. */
json_t *device_new(Build *b, const char *driver);
json_t *build_object(Build *b, const char *type, const char *id);
json_t *props_new(Build *b);

void put_json(Build *b, json_t *o, const char *key, json_t *value);      /* takes value */
void put_str(Build *b, json_t *o, const char *key, const char *value);   /* NULL: nothing */
void put_strf(Build *b, json_t *o, const char *key, const char *format, ...) _printf_(4, 5);
void put_int(Build *b, json_t *o, const char *key, long long value);
void put_bool(Build *b, json_t *o, const char *key, bool value);

/* From an attribute of node (which may be NULL); absent: nothing. */
void put_attr(Build *b, json_t *o, const char *key, const xmlNode *node, const char *attr);       /* text */
void put_attr_uint(Build *b, json_t *o, const char *key, const xmlNode *node, const char *attr);  /* whole number */
void put_attr_bool(Build *b, json_t *o, const char *key, const xmlNode *node, const char *attr);  /* on, yes: true */
void put_attr_onoff(Build *b, json_t *o, const char *key, const xmlNode *node, const char *attr); /* "on", "off" */

/* Whole number of an attribute or text; sticks an error for anything else; otherwise when absent. */
uint64_t attr_u64(Build *b, const xmlNode *node, const char *attr, uint64_t otherwise);
/* A size with the unit in the attribute @unit (NULL: default_scale), in bytes. */
uint64_t element_size(Build *b, const xmlNode *node, uint64_t default_scale);

/* Adds ",key=value" with commas in value doubled; NULL value: nothing. */
void put_opt(StrBuf *o, const char *key, const char *value);
void put_opt_onoff(StrBuf *o, const char *key, bool value);

/* --- common parts of devices (common.c) --- */

/* "id" from <alias>; sticks an error when the element has none. */
const char *need_alias(Build *b, const xmlNode *device);
void put_alias(Build *b, json_t *o, const xmlNode *device);
/* bus, addr, port, unit, ... from <address>; acpi-index from <acpi>. */
void put_address(Build *b, json_t *o, const xmlNode *device);
/* bootindex from <boot order>, loadparm. */
void put_boot(Build *b, json_t *o, const xmlNode *device);
/* iommu_platform, ats, packed, page-per-vq from <driver>. */
void put_virtio(Build *b, json_t *o, const xmlNode *device);
/* romfile, rombar from <rom>. */
void put_rom(Build *b, json_t *o, const xmlNode *device);
/* iothread or iothread-vq-mapping from <driver>; cap: what the mapping needs (disk.c). */
void put_iothreads(Build *b, json_t *o, const xmlNode *driver, QemuCap cap);
/* "virtio-net" -> "virtio-net-pci", "-transitional" where model says so; *buf is static in size. */
typedef struct DriverName {
        char s[64];
} DriverName;
const char *virtio_driver(Build *b, const xmlNode *device, const char *base, const char *model, DriverName *buf);
/* Alias of the controller type/index: the name of its bus. Falls back to the alias rules. */
const char *controller_name(Build *b, const char *type, const char *index, DriverName *buf);
const xmlNode *controller_find(const Build *b, const char *type, const char *index);
/* Position of node among its namesakes, from 0. */
unsigned sibling_index(const xmlNode *node);

/* --- the machine: each adds the options of its part of the definition --- */

void build_machine(Build *b);      /* machine.c */
void build_machine_check(Build *b);
void build_cpu(Build *b);          /* cpu.c */
void build_memory(Build *b);       /* memory.c */
void build_smp(Build *b);          /* cpu.c */
void build_iothreads(Build *b);    /* memory.c */
void build_sysinfo(Build *b);      /* sysinfo.c */
void build_clock(Build *b);
void build_commandline(Build *b);
void build_deprecation(Build *b);  /* override.c */
void build_pm(Build *b);           /* clock.c */
void build_boot(Build *b);         /* os.c */
void build_firmware(Build *b);     /* os.c */
void build_kernel(Build *b);       /* os.c */
void build_features(Build *b);     /* features.c: globals and devices */
/* Memory is given to NUMA cells rather than to the machine (memory.c). */
bool memory_is_split(const Build *b);
/* Whole MiB are what machine types expect. */
uint64_t memory_round(uint64_t bytes);
/* sgx-epc.N.memdev= of memory that is kept from the host (memory-device.c). */
void machine_enclave_memory(Build *b, StrBuf *machine);
/* The definition says how fast the ways between nodes are (numa.c). */
bool numa_has_hmat(const Build *b);
void machine_firmware(Build *b, StrBuf *machine); /* os.c: pflash0=, pflash1= */
/* Adds ",key=value" to -cpu, whose values cannot hold a comma: such a value is refused, naming node (cpu.c). */
void cpu_opt(Build *b, StrBuf *cpu, const xmlNode *node, const char *key, const char *value);
void cpu_features(Build *b, StrBuf *cpu);         /* features.c: hyperv, kvm, apic */
void cpu_timers(Build *b, StrBuf *cpu);           /* clock.c */

/* The object that encrypts the guest's memory; the machine refers to it as LAUNCH_SECURITY_ID (launch-security.c). */
void build_launch_security(Build *b);
#define LAUNCH_SECURITY_ID "lsec0"

/* Boot index of a device by <os><boot dev>: 0 for none, and for one that joins a guest. kind is "hd", "cdrom",
 * "network", "fd". */
unsigned boot_index(const Build *b, const xmlNode *device, const char *kind);

/* --- devices: each adds the parts of one element --- */

void build_disk(Build *b, const xmlNode *n);
void build_controller(Build *b, const xmlNode *n);
/* All controllers and hubs, what others are plugged into first (controller.c). */
void build_buses(Build *b);
void build_interface(Build *b, const xmlNode *n);
/* The host's end of an interface that is no tap: "type" and what belongs to it, and what has to be there first
 * (netdev.c). False for other types. */
bool put_netdev(Build *b, json_t *o, const xmlNode *n);
void build_serial(Build *b, const xmlNode *n);
void build_parallel(Build *b, const xmlNode *n);
void build_console(Build *b, const xmlNode *n);
void build_channel(Build *b, const xmlNode *n);
void build_input(Build *b, const xmlNode *n);
void build_hub(Build *b, const xmlNode *n);
void build_graphics(Build *b, const xmlNode *n);
void build_video(Build *b, const xmlNode *n);
void build_sound(Build *b, const xmlNode *n);
void build_audio(Build *b, const xmlNode *n);
void build_memballoon(Build *b, const xmlNode *n);
void build_rng(Build *b, const xmlNode *n);
void build_watchdog(Build *b, const xmlNode *n);
/* "host" from the <address> of a PCI device of the host (hostdev.c). */
void put_vfio_host(Build *b, json_t *o, const xmlNode *source);
void build_hostdev(Build *b, const xmlNode *n);
void build_filesystem(Build *b, const xmlNode *n);
void build_memory_device(Build *b, const xmlNode *n);
void build_shmem(Build *b, const xmlNode *n);
void build_tpm(Build *b, const xmlNode *n);
void build_iommu(Build *b, const xmlNode *n);     /* platform.c, with the three below */
void build_vsock(Build *b, const xmlNode *n);
void build_crypto(Build *b, const xmlNode *n);
void build_pstore(Build *b, const xmlNode *n);
void build_redirdev(Build *b, const xmlNode *n);
void build_panic(Build *b, const xmlNode *n);
void build_smartcard(Build *b, const xmlNode *n);

/* "filter" from <redirfilter> (smartcard.c). */
void put_redirfilter(Build *b, json_t *o);

/* Groups of <throttlegroups>, and the nodes of a disk that is in some, above the one whose name is in node; number: of
 * the first of them (throttle.c). */
void build_throttle_groups(Build *b);
void build_throttle_filters(Build *b, const xmlNode *disk, unsigned number, DriverName *node);

/* bus, channel, scsi-id, lun of a device on a SCSI controller (disk.c). */
void put_scsi_place(Build *b, json_t *o, const xmlNode *device);
/* How many images all disks have: what is numbered behind them begins there (disk.c). */
unsigned disk_image_count(const Build *b);

/* What the host side prepared for a character device, or for the socket of a helper; NULL: nothing (chardev.c). */
const QemuChardev *build_find_chardev(const Build *b, const xmlNode *device);
/* A connection to a helper of the guest: the descriptor that the host side connected, or a socket by its path
 * (chardev.c). */
void build_helper_chardev(Build *b, const xmlNode *device, const char *id, const char *recorded_path);

/* What the <reconnect> of a source says, as options of the chardev (chardev.c). */
void chardev_reconnect(Build *b, StrBuf *o, const xmlNode *source);

/* The chardev "char" + alias of a serial, channel, ... element (chardev.c). */
void build_chardev(Build *b, const xmlNode *device, const char *id);
/* -display none where nothing shows the guest's screen (graphics.c). */
void build_display_none(Build *b);
