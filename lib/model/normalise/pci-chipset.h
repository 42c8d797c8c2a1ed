/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What the chipset puts at fixed places, and where QEMU's own boards put the rest by custom. */

#include "pci-devices.h"

/* Takes the functions of the chipset that are no devices of the document. */
void pci_chipset_reserve(const Normaliser *n, PciBuses *b);

/* Where a device has its fixed place: 1 and *ret; 0 for all others. Such a device can be nowhere else. */
int pci_chipset_fixed(const Normaliser *n, const xmlNode *device, PciAddress *ret);

/* The slots of bus 0 where a device goes by custom when they are free; 0 ends the list. */
const unsigned *pci_chipset_usual_slots(const Normaliser *n, const xmlNode *device);

/* The function that a controller has in its USB 2 set, all in one slot; negative for other devices. */
int pci_companion_function(const xmlNode *device);
