/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "base/strings.h"
#include "pci-bus.h"

#define ENDPOINTS (PCI_CONVENTIONAL | PCI_EXPRESS)

/* What the bus behind a controller takes; the controller itself is of kind. */
static const struct {
        const char *model;
        unsigned kind, accepts, allows, first, last;
} controllers[] = {
        { "pci-root", 0, PCI_CONVENTIONAL | PCI_BRIDGE | PCI_EXPANDER, ENDPOINTS | PCI_BRIDGE | PCI_EXPANDER, 1, 31 },
        { "pcie-root", 0, PCI_ROOT_PORT | PCI_DMI_BRIDGE | PCI_EXPRESS_EXPANDER | PCI_INTEGRATED,
          ENDPOINTS | PCI_INTEGRATED | PCI_BRIDGE | PCI_ROOT_PORT | PCI_DMI_BRIDGE | PCI_EXPRESS_EXPANDER, 1, 31 },
        { "pci-bridge", PCI_BRIDGE, PCI_CONVENTIONAL | PCI_BRIDGE, ENDPOINTS | PCI_BRIDGE, 1, 31 },
        { "dmi-to-pci-bridge", PCI_DMI_BRIDGE, PCI_BRIDGE, ENDPOINTS | PCI_BRIDGE, 0, 31 },
        { "pcie-to-pci-bridge", PCI_EXPRESS, PCI_CONVENTIONAL | PCI_BRIDGE, ENDPOINTS | PCI_BRIDGE, 1, 31 },
        { "pcie-root-port", PCI_ROOT_PORT, PCI_EXPRESS | PCI_UPSTREAM, ENDPOINTS | PCI_UPSTREAM, 0, 0 },
        { "pcie-switch-upstream-port", PCI_UPSTREAM, PCI_DOWNSTREAM, PCI_DOWNSTREAM, 0, 31 },
        { "pcie-switch-downstream-port", PCI_DOWNSTREAM, PCI_EXPRESS | PCI_UPSTREAM, ENDPOINTS | PCI_UPSTREAM, 0, 0 },
        { "pci-expander-bus", PCI_EXPANDER, 0, PCI_CONVENTIONAL | PCI_BRIDGE, 0, 31 },
        { "pcie-expander-bus", PCI_EXPRESS_EXPANDER, 0, PCI_ROOT_PORT | PCI_DMI_BRIDGE | ENDPOINTS, 0, 31 },
};

unsigned pci_controller_kind(const char *model) {
        for (size_t i = 0; i < ELEMENTSOF(controllers); i++)
                if (streq(controllers[i].model, model))
                        return controllers[i].kind;

        return 0;
}

void pci_bus_init(PciBuses *b, unsigned index, const char *model) {
        PciBus *bus = &b->bus[index];

        for (size_t i = 0; i < ELEMENTSOF(controllers); i++)
                if (streq(controllers[i].model, model))
                        *bus = (PciBus) {
                                .present = true,
                                .accepts = controllers[i].accepts,
                                .allows = controllers[i].allows,
                                .first = controllers[i].first,
                                .last = controllers[i].last,
                        };
        if (index >= b->n)
                b->n = index + 1;
}

static bool is_packed(PciKind kind) {
        return kind == PCI_ROOT_PORT;
}

static int find_on_bus(const PciBus *bus, PciKind kind) {
        for (unsigned slot = bus->first; slot <= bus->last; slot++) {
                if (bus->used[slot] == 0)
                        return (int) (slot * 8);
                if (is_packed(kind) && bus->packed[slot] && bus->used[slot] != 0xff)
                        return (int) (slot * 8) + __builtin_ctz(~(unsigned) bus->used[slot]);
        }

        return -ENOSPC;
}

bool pci_is_behind(const PciBuses *b, unsigned bus, unsigned top) {
        for (unsigned steps = 0; steps < PCI_MAX_BUSES; steps++) {
                if (bus == top)
                        return true;
                if (!b->bus[bus].plugged)
                        return false;
                bus = b->bus[bus].parent;
        }

        return true;
}

void pci_plug(PciBuses *b, unsigned own, unsigned parent) {
        if (own >= PCI_MAX_BUSES)
                return;

        b->bus[own].plugged = true;
        b->bus[own].parent = parent;
}

int pci_find(const PciBuses *b, PciKind kind, unsigned own, PciAddress *ret) {
        for (unsigned i = 0; i < b->n; i++) {
                int place;

                if (!b->bus[i].present || !(b->bus[i].accepts & kind) || pci_is_behind(b, i, own))
                        continue;
                place = find_on_bus(&b->bus[i], kind);
                if (place < 0)
                        continue;

                *ret = (PciAddress) { .bus = i, .slot = (unsigned) place / 8, .function = (unsigned) place % 8 };
                return 0;
        }

        return -ENOSPC;
}

void pci_take(PciBuses *b, PciKind kind, const PciAddress *a) {
        PciBus *bus = &b->bus[a->bus];

        if (is_packed(kind)) {
                bus->packed[a->slot] = true;
                bus->used[a->slot] |= (uint8_t) (1U << a->function);
        } else
                bus->used[a->slot] = 0xff;
}

void pci_take_function(PciBuses *b, const PciAddress *a) {
        b->bus[a->bus].used[a->slot] |= (uint8_t) (1U << a->function);
}

bool pci_function_is_free(const PciBuses *b, const PciAddress *a) {
        return !(b->bus[a->bus].used[a->slot] >> a->function & 1);
}

bool pci_slot_is_free(const PciBuses *b, unsigned bus, unsigned slot) {
        return b->bus[bus].used[slot] == 0;
}

bool pci_buses_are_full(const PciBuses *b) {
        for (unsigned i = 0; i < b->n; i++)
                for (unsigned slot = b->bus[i].first; b->bus[i].present && slot <= b->bus[i].last; slot++)
                        if (b->bus[i].used[slot] == 0)
                                return false;

        return true;
}
