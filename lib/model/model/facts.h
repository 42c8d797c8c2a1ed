/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What normalising must know about the host: recorded facts of a QEMU version and names of files, never the
 * result of probing. */

#include "base/macros.h"
#include "model/firmware.h"

/* Versions of QEMU as one number: 7.2.22 is 7002022. */
#define QEMU_VERSION(major, minor, micro) ((major) * 1000000U + (minor) * 1000U + (micro))

typedef struct HostFacts {
        unsigned qemu_version;     /* QEMU_VERSION(); decides the versioned names of pc and q35 */
        const char *emulator;      /* program for x86_64 guests, "/usr/bin/qemu-system-x86_64" */
        bool spice;                /* QEMU is built with SPICE */
        bool kvm;                  /* not consulted today: definitions of type kvm may be made on any host */
        bool running;              /* the guest runs: no PCI bus can be added to it any more */
        uint8_t host_uuid[16];     /* for smbios mode=host; zero when unknown */
        /* The host's firmware, asked for only by a definition that leaves it to be chosen, or names an image of UEFI.
         * The list stays the callee's. NULL: none is known. Negative errno. See qemu/firmware.h. */
        int (*firmware)(void *context, const FirmwareList **ret);
        void *firmware_context;
} HostFacts;

/* The newest version this build has recorded. */
#define HOST_FACTS_NEWEST QEMU_VERSION(11, 1, 0)

/* Facts of a QEMU version given as "7.2", "7.2.22", or NULL for the version of the distribution this build
 * was configured for. -EINVAL for what is no version or older than 7.2. All strings are static. */
int host_facts_for_qemu(const char *version, HostFacts *ret);

/* The versioned machine for pc or q35, "pc-q35-7.2", written to ret; 0, or -ENOENT when alias is neither. */
int host_facts_machine(const HostFacts *facts, const char *alias, char ret[32]);
