/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The drivers that there are. A row without one is a driver that is not written yet: its daemon starts, and
 * refuses its procedures by name. */

#include "daemon.h"
#include "qemu-driver/driver.h"

static const KnownDriver drivers[] = {
        { "qemu", DRIVER_HYPERVISOR, &driver_qemu },
        { "xen", DRIVER_HYPERVISOR, NULL },
        { "network", DRIVER_NETWORK, NULL },
        { "storage", DRIVER_STORAGE, NULL },
        { "nodedev", DRIVER_NODEDEV, NULL },
        { "nwfilter", DRIVER_NWFILTER, NULL },
        { "secret", DRIVER_SECRET, NULL },
        { "interface", DRIVER_INTERFACE, NULL },
        { "log", DRIVER_LOG, NULL },
        { "lock", DRIVER_LOCK, NULL },
};

int main(int argc, char **argv) {
        return daemon_main(argc, argv, drivers, ELEMENTSOF(drivers));
}
