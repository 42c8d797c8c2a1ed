/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The driver for QEMU and KVM: what all its files share. */

#include "dbus/systemd.h"
#include "rpc/driver.h"

typedef struct QemuDriver QemuDriver;

typedef struct Console Console;

struct QemuDriver {
        DriverHost *host;
        Systemd *systemd;
        void *by_name;               /* trees of Guest, tsearch(3) */
        void *by_uuid;
        size_t n_guests;
        sd_event_source *watches[3]; /* folders, see index.c */
        Console *consoles;           /* sessions, see console.c */
};

extern const Driver driver_qemu; /* as in qemu-driver/driver.h */
