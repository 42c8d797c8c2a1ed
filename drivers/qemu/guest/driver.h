/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The state of the driver for QEMU and KVM: what all its files share.
 *
 * Folders, and the direction of their includes: guest/ (a guest and what is known of it) <- run/ (following and
 * changing a running QEMU) <- hotplug/ (devices that come and go) <- calls/ (what clients ask for, a file a family)
 * <- driver.c. */

#include "base/memory.h"
#include "dbus/systemd.h"
#include "object/kind.h"

typedef struct Console Console;
typedef struct DeafFolder DeafFolder;

typedef struct Guest Guest;

/* What is done where a QEMU tells of its devices, by code that run/ may not include: hotplug/unplug.h,
 * hotplug/receive.h. */
typedef struct DeviceHooks {
        void (*deleted)(Guest *g, const char *alias);
        void (*refused)(Guest *g, const char *alias);
        void (*connected)(Guest *g);
        void (*receives)(Guest *g, const char *alias);
} DeviceHooks;

typedef struct FdGroups FdGroups;

typedef struct QemuDriver {
        DriverHost *host;
        Systemd *systemd;            /* the host's */
        ObjectIndex guests;          /* of Guest, see run/index.h */
        const DeviceHooks *hooks;    /* the table of driver.c */
        size_t n_autodestroy;        /* guests that end with a client */
        Console *consoles;           /* sessions, see calls/console.c */
        DeafFolder *deaf;            /* whose file systems did not answer; NULL: none, see calls/image-look.c */
        FdGroups *fd_groups;         /* see run/fd-groups.h */
        struct {
                FileStamp file;
                unsigned version;    /* 0: not known */
                char board[64];      /* one that it has; "": not known */
        } emulator;                  /* QEMU as it was looked at last, see guest/emulator.h */
        struct {
                FileStamp file;      /* of QEMU */
                bool known;          /* all that can be */
                KeptMemory words;    /* its model and what it has more, each with its NUL */
                uint64_t tsc_hz;     /* 0: unknown */
                bool tsc_scales;
        } cpu;                       /* the host's processor, see calls/host-cpu.c */
        struct {
                KeptMemory text;
                uint64_t until;      /* CLOCK_MONOTONIC */
        } capabilities;              /* what the next callers get as well, see calls/capabilities.c */
} QemuDriver;

extern const Driver driver_qemu; /* as in qemu-driver/driver.h */
