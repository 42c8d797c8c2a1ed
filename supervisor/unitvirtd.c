/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The drivers that there are, each in a module of its own. One that is not installed is refused by name. */

#include "daemon.h"

static const KnownDriver drivers[] = {
        { "qemu", DRIVER_HYPERVISOR, "QEMU", NULL },
        { "xen", DRIVER_HYPERVISOR, "Xen", NULL },
        { "network", DRIVER_NETWORK, NULL, NULL },
        { "storage", DRIVER_STORAGE, NULL, NULL },
        { "nodedev", DRIVER_NODEDEV, NULL, NULL },
        { "nwfilter", DRIVER_NWFILTER, NULL, NULL },
        { "secret", DRIVER_SECRET, NULL, NULL },
        { "interface", DRIVER_INTERFACE, NULL, NULL },
        { "log", DRIVER_LOG, NULL, NULL },
        { "lock", DRIVER_LOCK, NULL, NULL },
};

int main(int argc, char **argv) {
        return daemon_main(argc, argv, drivers, ELEMENTSOF(drivers));
}
