/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The driver for QEMU and KVM: what all its files share. */

#include "dbus/systemd.h"
#include "guest.h"
#include "rpc/driver.h"

typedef struct Console Console;

struct QemuDriver {
        DriverHost *host;
        Systemd *systemd;
        void *by_name;               /* trees of Guest, tsearch(3) */
        void *by_uuid;
        size_t n_guests;
        size_t n_autodestroy;        /* guests that end with a client */
        sd_event_source *watches[3]; /* folders, see index.c */
        Console *consoles;           /* sessions, see console.c */
        struct {
                FileStamp file;
                unsigned version;    /* 0: not known */
        } emulator;                  /* QEMU as it was looked at last, see host.c */
};

extern const Driver driver_qemu; /* as in qemu-driver/driver.h */
