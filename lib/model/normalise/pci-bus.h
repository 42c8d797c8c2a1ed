/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The buses of a guest and which of their slots are taken. */

#include "normalise.h"

#define PCI_MAX_BUSES 256U
#define PCI_SLOTS 32U

/* What a device is to a bus. */
typedef enum PciKind {
        PCI_CONVENTIONAL = 1 << 0,      /* endpoint on conventional PCI */
        PCI_BRIDGE = 1 << 8,            /* pci-bridge, which sits on conventional PCI as well */
        PCI_EXPRESS = 1 << 1,           /* endpoint that wants a port of its own; also pcie-to-pci-bridge */
        PCI_ROOT_PORT = 1 << 2,
        PCI_DMI_BRIDGE = 1 << 3,
        PCI_UPSTREAM = 1 << 4,
        PCI_DOWNSTREAM = 1 << 5,
        PCI_EXPANDER = 1 << 6,
        PCI_EXPRESS_EXPANDER = 1 << 7,
        PCI_INTEGRATED = 1 << 9,        /* endpoint on the root bus of PCI Express */
} PciKind;

typedef struct PciBus {
        bool present;
        bool plugged;                   /* the controller has its place, on parent */
        unsigned parent;
        unsigned accepts;               /* kinds that are put here without being asked */
        unsigned allows;                /* kinds that an explicit address may put here */
        unsigned first, last;           /* slots */
        uint8_t used[PCI_SLOTS];        /* functions */
        bool packed[PCI_SLOTS];         /* ports share this slot, a function each */
} PciBus;

typedef struct PciBuses {
        PciBus bus[PCI_MAX_BUSES];
        unsigned n;                     /* highest present + 1 */
} PciBuses;

/* The kind of a PCI controller by its model; 0 for roots and unknown models. */
unsigned pci_controller_kind(const char *model);

/* Makes the bus that a controller of this model has. */
void pci_bus_init(PciBuses *b, unsigned index, const char *model);

/* What stands for "makes no bus" below. */
#define PCI_NO_BUS PCI_MAX_BUSES

/* The first place for a device of this kind: function 0 of a free slot, or the next function of a packed one.
 * own is the bus that the device makes, which it cannot sit behind. -ENOSPC when there is none. */
int pci_find(const PciBuses *b, PciKind kind, unsigned own, PciAddress *ret);

/* Whether bus is the bus called top or behind it. */
bool pci_is_behind(const PciBuses *b, unsigned bus, unsigned top);

/* Notes that the controller of the bus own sits on parent. */
void pci_plug(PciBuses *b, unsigned own, unsigned parent);

/* Takes the whole slot, or one function where the kind is packed. */
void pci_take(PciBuses *b, PciKind kind, const PciAddress *a);

/* Takes one function. */
void pci_take_function(PciBuses *b, const PciAddress *a);

bool pci_function_is_free(const PciBuses *b, const PciAddress *a);
bool pci_slot_is_free(const PciBuses *b, unsigned bus, unsigned slot);
bool pci_buses_are_full(const PciBuses *b);
