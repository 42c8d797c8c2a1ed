/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What a version of QEMU can do, from tables recorded with it: no program is
 * started and no file is read, so a definition gives the same arguments on
 * every machine. What the tables leave out (a display module that is not
 * installed, say) QEMU itself reports at start. */

#include "base/macros.h"

typedef struct QemuCaps QemuCaps;

/* Where versions differ in what they accept. */
typedef enum QemuCap {
        QEMU_CAP_RAW_WITHOUT_FORMAT, /* block jobs keep protocol nodes out of image headers, so raw needs no format
                                        node; 9.0 */
        QEMU_CAP_RECONNECT_MS, /* chardev and netdev reconnect-ms=, 9.2; reconnect= in seconds before */
        QEMU_CAP_SOUND_VIRTIO, /* virtio-sound-pci, 8.2 */
        QEMU_CAP_IGB, /* igb network adapter, 8.0 */
        QEMU_CAP_GENERIC_INITIATOR, /* -object acpi-generic-initiator, 9.0 */
        QEMU_CAP_IOMMUFD, /* vfio-pci,iommufd= and fd=, 9.0 */
        QEMU_CAP_BLK_IOTHREAD_VQ_MAPPING, /* virtio-blk-pci iothread-vq-mapping, 9.0 */
        QEMU_CAP_SCSI_IOTHREAD_VQ_MAPPING, /* the same of virtio-scsi-pci, 10.0 */
        QEMU_CAP_DISCARD_NO_UNREF, /* qcow2 discard-no-unref, 8.1 */
        QEMU_CAP_AUDIO_PIPEWIRE, /* -audiodev pipewire, 8.1 */
        QEMU_CAP_ASYNC_TEARDOWN, /* -run-with async-teardown=, 8.1 */
        QEMU_CAP_SHIM, /* -shim, 10.0 */
        QEMU_CAP_SEV_SNP, /* sev-snp-guest, 9.1 */
        QEMU_CAP_TDX, /* tdx-guest, 10.1 */
        QEMU_CAP_DYNAMIC_MEMSLOTS, /* virtio-mem-pci dynamic-memslots, 8.2 */
        QEMU_CAP_SGX_EPC_NODE, /* machine sgx-epc.N.node=, 7.0 */
        QEMU_CAP_BLOB, /* virtio-gpu blob=, 6.1 */
        _QEMU_CAP_MAX,
} QemuCap;

/* The tables of the newest recorded version that is not newer than version
 * ("7.2", "10.0.3", "11.1.0"); NULL means the newest of all. arch is as in
 * os/type@arch ("x86_64", "i686"). Returns NULL for a version older than the
 * oldest recorded one (7.2), for what is no version, and for other architectures. */
const QemuCaps *qemu_caps_for(const char *version, const char *arch);

/* major * 100 + minor of the version that was asked for. */
unsigned qemu_caps_version(const QemuCaps *caps);
bool qemu_caps_has(const QemuCaps *caps, QemuCap cap);
const char *qemu_caps_arch(const QemuCaps *caps);

/* The versioned name behind an alias ("pc" -> "pc-i440fx-10.0"), name itself
 * where it is a versioned name that this QEMU has, NULL where it has no such machine. */
const char *qemu_caps_machine(const QemuCaps *caps, const char *name);
/* How many vCPUs a machine can have, by its name in any form that qemu_caps_machine() takes. */
unsigned qemu_caps_max_vcpus(const QemuCaps *caps, const char *machine);
const char *qemu_caps_default_machine(const QemuCaps *caps); /* versioned name */
const char *qemu_caps_emulator(const QemuCaps *caps);        /* "/usr/bin/qemu-system-x86_64" */

/* The recorded versions, oldest first, NULL-terminated: for tests and --help. */
const char *const *qemu_caps_versions(void);
