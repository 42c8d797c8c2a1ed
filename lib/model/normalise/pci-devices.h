/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Which devices sit on PCI, as what, and in which order they get their places. */

#include "pci-bus.h"

typedef struct PciDevice {
        xmlNode *node;
        PciKind kind;
        bool placed;
        PciAddress at;
} PciDevice;

typedef struct PciDevices {
        PciDevice *list;
        size_t n;
} PciDevices;

void pci_devices_done(PciDevices *d);

/* All devices on PCI except the root, in the order of assignment. -ENOMEM. */
int pci_devices_collect(const Normaliser *n, PciDevices *ret);

/* no-pci.c: the same for machines that have none, where virtio devices may do without. */
int assign_without_pci(Normaliser *n);
/* Elsewhere they may not. */
int refuse_mmio(Normaliser *n);
