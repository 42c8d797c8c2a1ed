/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Devices of the host that a guest which runs gets by VFIO. QEMU opens them itself, so the guest's unit has to let it:
 * one that had such a device at its start does (lib/plan), all others get no more than the groups of those that come.
 * Within fibers. */

#include "guest/guest.h"

/* Before vm-plug gives the device to it: the driver of the host that leaves a PCI device to guests may be a module.
 * Whether that has helped is seen then. */
int vfio_load_driver(Guest *g, const xmlNode *device);

/* Once the device is VFIO's: QEMU may open it, and sees where. live is the definition with it. Nothing for devices that
 * are not opened so. */
int vfio_admit(Guest *g, const Definition *live, const xmlNode *device, Error *e);

/* When one has gone, or came to nothing: no more may be opened than what the live definition has. What fails is in the
 * journal. */
void vfio_settle(Guest *g);
