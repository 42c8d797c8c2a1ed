/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* PCI addresses, in two passes over the same devices: the first finds out which bridges and ports are missing and
 * adds them as controllers, the second gives out the places. So bridges have their places before what is behind
 * them, whichever device made them necessary. */

#include "base/strings.h"
#include "pci-chipset.h"
#include "pci-devices.h"

typedef struct Assign {
        Normaliser *n;
        PciBuses *buses;
        PciDevices devices;
        bool grow;      /* first pass: add controllers, leave addresses alone */
} Assign;

static void assign_done(Assign *a) {
        free(a->buses);
        pci_devices_done(&a->devices);
}

static int fail_full(Normaliser *n, const xmlNode *device) {
        const char *advice = n->facts->running
                                     ? n->q35 ? "add <controller type='pci' model='pcie-root-port'/> to the definition "
                                                "for each device that is to be plugged in, before the next start"
                                              : "add <controller type='pci' model='pci-bridge'/> to the definition "
                                                "before the next start"
                                     : "leave out <address> of the devices and of the PCI controllers, or take out "
                                       "devices";

        return fail(n, device ?: n->devices, -ENOSPC, ERROR_INTERNAL, "No more available PCI slots: %s", advice);
}

static int init_buses(Assign *a) {
        /* Those behind the last one were not touched. */
        memset(a->buses->bus, 0, a->buses->n * sizeof(PciBus));
        a->buses->n = 0;
        XML_FOREACH(c, a->n->devices, "controller")
                if (xml_attr_is(c, "type", "pci") && number_or(c, "index", PCI_MAX_BUSES) < PCI_MAX_BUSES)
                        pci_bus_init(a->buses, number_or(c, "index", 0), attr_or(c, "model", ""));

        /* There are no gaps: what the document leaves out below its highest index is added. */
        for (unsigned i = 0; i < a->buses->n; i++)
                if (!a->buses->bus[i].present) {
                        const char *model = a->n->q35 ? "pcie-root-port" : "pci-bridge";

                        if (!add_controller(a->n, "pci", i, model))
                                return -ENOMEM;
                        pci_bus_init(a->buses, i, model);
                }

        return 0;
}

/* Adds a controller behind the last one, and its bus. */
static int add_bus(Assign *a, const char *model, unsigned *ret) {
        unsigned index = a->buses->n;

        if (index >= PCI_MAX_BUSES || a->n->facts->running)
                return fail_full(a->n, NULL);
        if (!add_controller(a->n, "pci", index, model))
                return -ENOMEM;

        pci_bus_init(a->buses, index, model);
        *ret = index;
        return 0;
}

/* The bus that a device makes. */
static unsigned bus_of(const xmlNode *device) {
        if (!device || !xml_is(device, "controller") || !xml_attr_is(device, "type", "pci"))
                return PCI_NO_BUS;

        return MIN(number_or(device, "index", PCI_NO_BUS), PCI_NO_BUS);
}

static int place(Assign *a, const xmlNode *device, PciKind kind, PciAddress *ret);

/* Makes room for a device of this kind: the new controllers take places themselves. */
static int grow(Assign *a, const xmlNode *device, PciKind kind) {
        PciAddress address;
        unsigned index = 0;
        int r;

        if (!a->grow)
                return fail_full(a->n, device);

        if (kind == PCI_CONVENTIONAL && !a->n->q35) {
                /* Its own place is taken in the second pass, before all devices. */
                return add_bus(a, "pci-bridge", &index);
        }
        if (kind == PCI_CONVENTIONAL || kind == PCI_BRIDGE) {
                /* With a port of its own, whatever is free: the bridge takes the first one, and the other stays. */
                r = place(a, device, PCI_ROOT_PORT, &address);
                if (r >= 0)
                        r = add_bus(a, "pcie-root-port", &index);
                if (r < 0)
                        return r;
                address = (PciAddress){ .bus = index };
                pci_take(a->buses, PCI_EXPRESS, &address);
                return add_bus(a, "pcie-to-pci-bridge", &index);
        }
        if (kind == PCI_EXPRESS || kind == PCI_UPSTREAM) {
                r = place(a, device, PCI_ROOT_PORT, &address);
                return r < 0 ? r : add_bus(a, "pcie-root-port", &index);
        }

        return fail_full(a->n, device);
}

/* Finds a place and takes it, after making room where there is none. */
static int place(Assign *a, const xmlNode *device, PciKind kind, PciAddress *ret) {
        int r;

        r = pci_find(a->buses, kind, bus_of(device), ret);
        if (r < 0) {
                r = grow(a, device, kind);
                if (r < 0)
                        return r;
                r = pci_find(a->buses, kind, bus_of(device), ret);
                if (r < 0)
                        return fail_full(a->n, device);
        }

        pci_take(a->buses, kind, ret);
        pci_plug(a->buses, bus_of(device), ret->bus);
        return 0;
}

/* A bus that an address names and no controller makes is added with all before it. */
static int need_bus(Assign *a, const xmlNode *address, const PciDevice *device, unsigned bus) {
        unsigned index;
        int r;

        if (bus >= PCI_MAX_BUSES)
                return fail_xml(a->n, address, "Invalid PCI address bus='0x%x', must be <= 0xFF", bus);
        while (a->buses->n <= bus) {
                const char *model = !a->n->q35 ? "pci-bridge"
                                    : device->kind == PCI_CONVENTIONAL && a->buses->n == bus && bus > 1
                                            ? "pcie-to-pci-bridge"
                                            : "pcie-root-port";

                r = add_bus(a, model, &index);
                if (r < 0)
                        return r;
        }

        if (!a->buses->bus[bus].present)
                return fail_xml(a->n, address, "no PCI controller with index='%u' is there for this address", bus);

        return 0;
}

static int check_bus(Assign *a, const xmlNode *node, const PciDevice *device, const PciAddress *p) {
        const PciBus *bus = &a->buses->bus[p->bus];
        const char *index = attr_or(device->node, "index", "");

        if (!(bus->allows & device->kind))
                return fail_xml(
                        a->n, node,
                        "The device at PCI address %04x:%02x:%02x.%x cannot be plugged into the PCI controller with "
                        "index='%u'",
                        p->domain, p->bus, p->slot, p->function, p->bus);
        if (p->slot < bus->first || p->slot > bus->last)
                return fail_xml(a->n, node, "Invalid PCI address %04x:%02x:%02x.%x. slot must be >= %u and <= %u",
                                p->domain, p->bus, p->slot, p->function, bus->first, bus->last);
        if (pci_is_behind(a->buses, p->bus, bus_of(device->node)))
                return fail_xml(a->n, node, "the PCI controller with index '%s' cannot sit behind itself", index);

        return 0;
}

static bool is_blank(const PciAddress *p) {
        return p->domain == 0 && p->bus == 0 && p->slot == 0 && p->function == 0;
}

static bool same_function(const PciAddress *p, const PciAddress *q) {
        return p->bus == q->bus && p->slot == q->slot && p->function == q->function;
}

/* What the document says about the place of a device: -ENOENT where that is nothing. */
static int read_explicit(Assign *a, const PciDevice *device, PciAddress *ret) {
        xmlNode *node = device_address(device->node);
        int r;

        if (!node)
                return -ENOENT;
        r = pci_address_parse(node, ret);
        if (r == -ENOENT)
                return fail_unsupported(a->n, node, "a %s cannot have an address of type '%s'", xml_name(device->node),
                                        attr_or(node, "type", ""));
        if (r < 0)
                return fail_xml(a->n, node, "Invalid PCI address domain='%s' bus='%s' slot='%s' function='%s'",
                                attr_or(node, "domain", "0"), attr_or(node, "bus", "0"), attr_or(node, "slot", "0"),
                                attr_or(node, "function", "0"));
        if (is_blank(ret))
                return -ENOENT;
        if (ret->domain != 0)
                return fail_xml(a->n, node, "Only PCI domain 0 is available");
        if (ret->bus == 0 && ret->slot == 0)
                return fail_xml(a->n, node, "Invalid PCI address: slot 0 of bus 0 is the host bridge");

        return 0;
}

/* Addresses that the document gives, and those that cannot be another, come first. */
static int take_given(Assign *a, PciDevice *device) {
        xmlNode *node = device_address(device->node);
        PciAddress p, fixed;
        bool is_fixed;
        int r;

        is_fixed = pci_chipset_fixed(a->n, device->node, &fixed);
        r = read_explicit(a, device, &p);
        if (r == -ENOENT && is_fixed)
                p = fixed;
        else if (r == -ENOENT)
                return 0;
        else if (r < 0)
                return r;
        else if (is_fixed && !same_function(&p, &fixed))
                return fail_xml(a->n, node, "this controller must have PCI address 0:0:%x.%u", fixed.slot,
                                fixed.function);

        if (!is_fixed) {
                r = need_bus(a, node, device, p.bus);
                if (r < 0)
                        return r;
                r = check_bus(a, node, device, &p);
                if (r < 0)
                        return r;
                if (!pci_function_is_free(a->buses, &p))
                        return fail_xml(a->n, node, "Attempted double use of PCI Address %04x:%02x:%02x.%x", p.domain,
                                        p.bus, p.slot, p.function);
        }

        pci_take_function(a->buses, &p);
        if (device->kind == PCI_ROOT_PORT)
                a->buses->bus[p.bus].packed[p.slot] = !xml_attr_is(node, "multifunction", "off");
        pci_plug(a->buses, bus_of(device->node), p.bus);
        device->placed = true;
        device->at = p;
        return 0;
}

static void take_usual(Assign *a, PciDevice *device) {
        const unsigned *slots = pci_chipset_usual_slots(a->n, device->node);

        for (; !device->placed && *slots; slots++)
                if (pci_slot_is_free(a->buses, 0, *slots)) {
                        int function = pci_companion_function(device->node);

                        device->at = (PciAddress){ .slot = *slots, .function = function > 0 ? (unsigned) function : 0 };
                        device->placed = true;
                        pci_plug(a->buses, bus_of(device->node), 0);
                        if (function >= 0)
                                pci_take_function(a->buses, &device->at);
                        else
                                pci_take(a->buses, PCI_CONVENTIONAL, &device->at);
                }
}

/* Controllers of one USB 2 set share a slot: the first one that has a place decides. */
static bool take_beside_companion(Assign *a, PciDevice *device) {
        int function = pci_companion_function(device->node);

        if (function < 0 || device->placed)
                return false;

        for (size_t i = 0; i < a->devices.n; i++) {
                const PciDevice *other = &a->devices.list[i];
                PciAddress p = other->at;

                if (!other->placed || other == device || pci_companion_function(other->node) < 0 ||
                    number_or(other->node, "index", 0) != number_or(device->node, "index", 0))
                        continue;

                p.function = (unsigned) function;
                if (!pci_function_is_free(a->buses, &p))
                        return false;
                pci_take_function(a->buses, &p);
                device->at = p;
                return device->placed = true;
        }

        return false;
}

static int place_rest(Assign *a) {
        int r;

        for (size_t i = 0; i < a->devices.n; i++) {
                PciDevice *device = &a->devices.list[i];
                int function = pci_companion_function(device->node);

                if (device->placed || take_beside_companion(a, device))
                        continue;

                r = place(a, device->node, device->kind, &device->at);
                if (r < 0)
                        return r;
                device->placed = true;

                if (function >= 0) {
                        /* The rest of the slot is for the others of the set. */
                        a->buses->bus[device->at.bus].used[device->at.slot] = (uint8_t) (1U << function);
                        device->at.function = (unsigned) function;
                }
        }

        return 0;
}

/* The first screen, when its usual slot is taken, chooses before all others. */
static int place_screen(Assign *a) {
        for (size_t i = 0; i < a->devices.n; i++) {
                PciDevice *device = &a->devices.list[i];
                int r;

                if (device->placed || !xml_is(device->node, "video") ||
                    !xml_attr_is(xml_child(device->node, "model"), "primary", "yes"))
                        continue;
                r = place(a, device->node, device->kind, &device->at);
                if (r < 0)
                        return r;
                device->placed = true;
        }
        return 0;
}

/* Room for what may be plugged in later: a bridge on pc; on q35 one port, if ports were added at all (before is
 * the number of buses then) and the user did not lay them out. */
static int place_spare(Assign *a, bool full, unsigned before) {
        PciAddress address;

        if (a->n->q35)
                return a->n->user_pci || a->buses->n == before ? 0 : place(a, NULL, PCI_EXPRESS, &address);

        return full ? 0 : place(a, NULL, PCI_CONVENTIONAL, &address);
}

static int pass(Assign *a, bool growing) {
        unsigned before;
        bool full;
        int r;

        a->grow = growing;
        r = init_buses(a);
        if (r < 0)
                return r;
        pci_devices_done(&a->devices);
        r = pci_devices_collect(a->n, &a->devices);
        if (r < 0)
                return r;

        before = a->buses->n;
        pci_chipset_reserve(a->n, a->buses);
        for (size_t i = 0; i < a->devices.n; i++) {
                r = take_given(a, &a->devices.list[i]);
                if (r < 0)
                        return r;
        }
        for (size_t i = 0; i < a->devices.n; i++)
                if (!take_beside_companion(a, &a->devices.list[i]))
                        take_usual(a, &a->devices.list[i]);

        r = place_screen(a);
        if (r < 0)
                return r;

        full = pci_buses_are_full(a->buses);
        r = place_rest(a);
        if (r < 0 || !growing || a->n->facts->running)
                return r;

        return place_spare(a, full, before);
}

static void write_address(Assign *a, const PciDevice *device) {
        xmlNode *old = xml_child(device->node, "address"), *node;
        bool multifunction = xml_attr_is(old, "multifunction", "on"), off = xml_attr_is(old, "multifunction", "off");

        if (device->at.function == 0 && !off)
                for (size_t i = 0; i < a->devices.n; i++)
                        multifunction |= a->devices.list[i].placed && a->devices.list[i].at.bus == device->at.bus &&
                                         a->devices.list[i].at.slot == device->at.slot &&
                                         a->devices.list[i].at.function != 0;

        node = new_address(a->n, device->node, "pci");
        norm_set(a->n, node, "domain", "0x0000");
        norm_setf(a->n, node, "bus", "0x%02x", device->at.bus);
        norm_setf(a->n, node, "slot", "0x%02x", device->at.slot);
        norm_setf(a->n, node, "function", "0x%x", device->at.function);
        if (multifunction || off)
                norm_set(a->n, node, "multifunction", multifunction ? "on" : "off");
}

int assign_pci_addresses(Normaliser *n) {
        _cleanup_(assign_done) Assign a = { .n = n, .buses = calloc(1, sizeof(*a.buses)) };
        int r;

        if (!a.buses)
                return -ENOMEM;
        if (n->microvm || n->isapc)
                return assign_without_pci(n);
        r = refuse_mmio(n);
        if (r < 0)
                return r;

        r = pass(&a, true);
        if (r < 0)
                return r;
        r = pass(&a, false);
        if (r < 0)
                return r;

        for (size_t i = 0; i < a.devices.n; i++)
                write_address(&a, &a.devices.list[i]);
        return write_pci_targets(n);
}
