/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* <controller>: buses. One row of the table for each type and model. */

#include "build.h"

typedef struct ControllerRow ControllerRow;
struct ControllerRow {
        const char *type, *model;  /* model NULL: where the definition has none */
        const char *driver;        /* NULL: the machine has it built in */
        void (*put)(Build *b, json_t *o, const xmlNode *controller);
};

static uint64_t controller_index(Build *b, const xmlNode *c) {
        return attr_u64(b, c, "index", 0);
}

/* chassis and port tell the slots of ports apart; the definition names them, or they follow from the place. */
static void put_port(Build *b, json_t *o, const xmlNode *c) {
        const xmlNode *target = xml_child(c, "target"), *address = xml_child(c, "address");
        uint64_t port = attr_u64(b, address, "slot", 0) * 8 + attr_u64(b, address, "function", 0);

        put_int(b, o, "port", (long long) attr_u64(b, target, "port", port));
        put_int(b, o, "chassis", (long long) attr_u64(b, target, "chassis", controller_index(b, c)));
        if (xml_attr(target, "hotplug"))
                put_bool(b, o, "hotplug", xml_attr_bool(target, "hotplug", true));
        if (xml_attr(target, "memReserve"))
                put_int(b, o, "mem-reserve", (long long) attr_u64(b, target, "memReserve", 0) * 1024);
}

static void put_downstream(Build *b, json_t *o, const xmlNode *c) {
        const xmlNode *target = xml_child(c, "target");

        put_int(b, o, "port", (long long) attr_u64(b, target, "port", attr_u64(b, xml_child(c, "address"), "slot", 0)));
        put_int(b, o, "chassis", (long long) attr_u64(b, target, "chassis", controller_index(b, c)));
        if (xml_attr(target, "hotplug"))
                put_bool(b, o, "hotplug", xml_attr_bool(target, "hotplug", true));
}

static void put_pci_bridge(Build *b, json_t *o, const xmlNode *c) {
        const xmlNode *target = xml_child(c, "target");

        put_int(b, o, "chassis_nr", (long long) attr_u64(b, target, "chassisNr", controller_index(b, c)));
        if (xml_attr(target, "memReserve"))
                put_int(b, o, "mem-reserve", (long long) attr_u64(b, target, "memReserve", 0) * 1024);
}

static void put_expander(Build *b, json_t *o, const xmlNode *c) {
        const xmlNode *target = xml_child(c, "target");
        const char *node = xml_text(xml_child(target, "node"));

        put_attr_uint(b, o, "bus_nr", target, "busNr");
        if (node)
                put_int(b, o, "numa_node", strtol(node, NULL, 10));
}

static void put_xhci(Build *b, json_t *o, const xmlNode *c) {
        uint64_t ports = attr_u64(b, c, "ports", 0);

        if (ports > 15)
                build_refuse(b, c, "an xhci controller has at most 15 ports");
        if (ports > 0) {
                put_int(b, o, "p2", (long long) ports);
                put_int(b, o, "p3", (long long) ports);
        }
}

/* A companion of the EHCI controller with the same index. */
static void put_companion(Build *b, json_t *o, const xmlNode *c) {
        DriverName buf;
        const xmlNode *master = xml_child(c, "master");

        put_strf(b, o, "masterbus", "%s.0", controller_name(b, "usb", xml_attr(c, "index") ?: "0", &buf));
        put_attr_uint(b, o, "firstport", master, "startport");
}

static void put_virtio_scsi(Build *b, json_t *o, const xmlNode *c) {
        const xmlNode *driver = xml_child(c, "driver");

        put_attr_uint(b, o, "num_queues", driver, "queues");
        put_attr_uint(b, o, "cmd_per_lun", driver, "cmd_per_lun");
        put_attr_uint(b, o, "max_sectors", driver, "max_sectors");
        put_attr_bool(b, o, "ioeventfd", driver, "ioeventfd");
        put_attr_bool(b, o, "event_idx", driver, "event_idx");
        put_iothreads(b, o, driver, QEMU_CAP_SCSI_IOTHREAD_VQ_MAPPING);
        put_virtio(b, o, c);
}

static void put_virtio_serial(Build *b, json_t *o, const xmlNode *c) {
        put_attr_uint(b, o, "max_ports", c, "ports");
        put_attr_uint(b, o, "vectors", c, "vectors");
        put_virtio(b, o, c);
}

/* Floppy drives A and B that are to be booted from. */
static void put_fdc(Build *b, json_t *o, const xmlNode *c) {
        XML_FOREACH(disk, b->devices, "disk") {
                const xmlNode *address = xml_child(disk, "address");
                uint64_t boot;

                if (!xml_attr_is(disk, "device", "floppy") ||
                    attr_u64(b, address, "controller", 0) != controller_index(b, c))
                        continue;
                boot = attr_u64(b, xml_child(disk, "boot"), "order", boot_index(b, disk, "fd"));
                if (boot > 0)
                        put_int(b, o, attr_u64(b, address, "unit", 0) == 0 ? "bootindexA" : "bootindexB",
                                (long long) boot);
        }
}

/* Guests tell disks apart by it, so there has to be one: the guest's UUID, as far as there is room, and the number. */
static void put_nvme(Build *b, json_t *o, const xmlNode *c) {
        const char *serial = nvme_serial(b->devices, (unsigned) controller_index(b, c));
        char text[37] = "";
        uint8_t uuid[16];

        if (serial) {
                put_str(b, o, "serial", serial);
                return;
        }
        if (definition_uuid(b->d, uuid))
                uuid_format(uuid, text);
        put_strf(b, o, "serial", "%.8s%.4s%.4s-%llu", text, text + 9, text + 14,
                 (unsigned long long) controller_index(b, c));
}

/* What there is to set of the root bus. */
static void build_root(Build *b, const xmlNode *c) {
        const xmlNode *hole = xml_child(c, "pcihole64"), *target = xml_child(c, "target");

        if (hole)
                add_option(b, "-global", "%s.pci-hole64-size=%lluK", b->q35 ? "q35-pcihost" : "i440FX-pcihost",
                           (unsigned long long) element_size(b, hole, 1024) / 1024);
        if (!xml_attr(target, "hotplug"))
                return;
        if (b->q35)
                build_refuse(b, target, "attribute hotplug of the root bus is not supported by this machine");
        add_option(b, "-global", "PIIX4_PM.acpi-root-pci-hotplug=%s",
                   xml_attr_bool(target, "hotplug", true) ? "on" : "off");
}

static const ControllerRow rows[] = {
        { "pci", "pci-root", NULL, NULL },
        { "pci", "pcie-root", NULL, NULL },
        { "pci", "pci-bridge", "pci-bridge", put_pci_bridge },
        { "pci", "pcie-root-port", "pcie-root-port", put_port },
        { "pci", "dmi-to-pci-bridge", "i82801b11-bridge", NULL },
        { "pci", "pcie-to-pci-bridge", "pcie-pci-bridge", NULL },
        { "pci", "pcie-switch-upstream-port", "x3130-upstream", NULL },
        { "pci", "pcie-switch-downstream-port", "xio3130-downstream", put_downstream },
        { "pci", "pci-expander-bus", "pxb", put_expander },
        { "pci", "pcie-expander-bus", "pxb-pcie", put_expander },
        { "usb", NULL, "piix3-usb-uhci", NULL },
        { "usb", "piix3-uhci", "piix3-usb-uhci", NULL },
        { "usb", "piix4-uhci", "piix4-usb-uhci", NULL },
        { "usb", "ehci", "usb-ehci", NULL },
        { "usb", "ich9-ehci1", "ich9-usb-ehci1", NULL },
        { "usb", "ich9-uhci1", "ich9-usb-uhci1", put_companion },
        { "usb", "ich9-uhci2", "ich9-usb-uhci2", put_companion },
        { "usb", "ich9-uhci3", "ich9-usb-uhci3", put_companion },
        { "usb", "vt82c686b-uhci", "vt82c686b-usb-uhci", NULL },
        { "usb", "pci-ohci", "pci-ohci", NULL },
        { "usb", "nec-xhci", "nec-usb-xhci", put_xhci },
        { "usb", "qemu-xhci", "qemu-xhci", put_xhci },
        { "usb", "none", NULL, NULL },
        { "ide", NULL, NULL, NULL },
        { "ide", "piix3", NULL, NULL },
        { "sata", NULL, "ahci", NULL },
        { "scsi", NULL, "lsi", NULL },
        { "scsi", "lsilogic", "lsi", NULL },
        { "scsi", "lsisas1068", "mptsas1068", NULL },
        { "scsi", "lsisas1078", "megasas", NULL },
        { "scsi", "vmpvscsi", "pvscsi", NULL },
        { "scsi", "am53c974", "am53c974", NULL },
        { "scsi", "dc390", "dc-390", NULL },
        { "scsi", "virtio-scsi", "virtio-scsi", put_virtio_scsi },
        { "scsi", "virtio-transitional", "virtio-scsi", put_virtio_scsi },
        { "scsi", "virtio-non-transitional", "virtio-scsi", put_virtio_scsi },
        { "virtio-serial", NULL, "virtio-serial", put_virtio_serial },
        { "virtio-serial", "virtio", "virtio-serial", put_virtio_serial },
        { "virtio-serial", "virtio-transitional", "virtio-serial", put_virtio_serial },
        { "virtio-serial", "virtio-non-transitional", "virtio-serial", put_virtio_serial },
        { "fdc", NULL, "isa-fdc", put_fdc },
        { "ccid", NULL, "usb-ccid", NULL },
        { "nvme", NULL, "nvme", put_nvme },
        { "isa", NULL, NULL, NULL },
};

/* Buses that the machine brings: IDE on pc, the first SATA of q35, the floppy controller of pc. */
static bool is_builtin(const Build *b, const xmlNode *c) {
        const char *type = xml_attr(c, "type") ?: "";
        bool first = streq(xml_attr(c, "index") ?: "0", "0");

        return (streq(type, "sata") && b->q35 && first) || (streq(type, "fdc") && !b->q35 && first);
}

static void check_builtin(Build *b, const xmlNode *c) {
        if (xml_attr_is(c, "type", "ide") && (b->q35 || !streq(xml_attr(c, "index") ?: "0", "0")))
                build_refuse(b, c, "this machine has no such IDE controller");
}

void build_controller(Build *b, const xmlNode *c) {
        const char *type = xml_attr(c, "type") ?: "", *model = xml_attr(c, "model");
        const ControllerRow *row = NULL;
        DriverName name;
        const char *driver;
        json_t *o;

        for (size_t i = 0; i < ELEMENTSOF(rows) && !row; i++)
                if (streq(rows[i].type, type) && streq_ptr(rows[i].model, model))
                        row = &rows[i];
        if (!row) {
                build_refuse(b, c, "controller type '%s' model '%s' is not supported", type, model ?: "");
                return;
        }
        check_builtin(b, c);
        if (streq(type, "pci") && !row->driver)
                build_root(b, c);
        if (!row->driver || is_builtin(b, c))
                return;
        driver = row->driver;
        if (streq(type, "pci") && xml_get(c, "model/@name"))
                driver = xml_get(c, "model/@name"); /* ioh3420, pcie-root-port, ...: which one of the kind */
        else if (startswith(driver, "virtio-"))
                driver = virtio_driver(b, c, driver, model, &name);

        o = device_new(b, driver);
        if (row->put)
                row->put(b, o, c);
        if (!streq(type, "fdc") && row->put != put_companion)
                put_alias(b, o, c);
        put_address(b, o, c);
        add_props(b, QEMU_PART_DEVICE, o);
}

#define MAX_BUSES 256U

/* PCI buses hang from each other in any order: those whose own bus is there come first, until no more follow. */
static void build_pci_buses(Build *b) {
        bool there[MAX_BUSES] = { true }, done[MAX_BUSES] = {}, progress = true;
        const xmlNode *left = NULL;

        while (progress) {
                unsigned i = 0;

                progress = false;
                left = NULL;
                XML_FOREACH(c, b->devices, "controller") {
                        uint64_t bus = attr_u64(b, xml_child(c, "address"), "bus", 0), index = controller_index(b, c);

                        if (!xml_attr_is(c, "type", "pci"))
                                continue;
                        if (index >= MAX_BUSES || bus >= MAX_BUSES || i >= MAX_BUSES) {
                                build_refuse(b, c, "more than %u PCI buses are not supported", MAX_BUSES);
                                return;
                        }
                        if (!done[i] && there[bus]) {
                                build_controller(b, c);
                                done[i] = there[index] = progress = true;
                        } else if (!done[i]) {
                                left = c;
                        }
                        i++;
                }
        }
        if (left)
                build_invalid(b, left, "there is no PCI bus %s", xml_get(left, "address/@bus") ?: "");
}

static bool is_companion(const xmlNode *c) {
        return xml_attr_is(c, "type", "usb") && startswith(xml_attr(c, "model") ?: "", "ich9-uhci");
}

static void build_some(Build *b, bool (*wanted)(const xmlNode *c)) {
        XML_FOREACH(c, b->devices, "controller")
                if (wanted(c))
                        build_controller(b, c);
}

static bool is_ordinary(const xmlNode *c) {
        return !xml_attr_is(c, "type", "pci") && !xml_attr_is(c, "type", "ccid") && !is_companion(c);
}

static bool is_ccid(const xmlNode *c) {
        return xml_attr_is(c, "type", "ccid");
}

/* Hubs hang from hubs: "1" before "1.2" before "1.2.1". */
static void build_hubs(Build *b) {
        for (unsigned depth = 0; depth <= 5; depth++)
                XML_FOREACH(hub, b->devices, "hub") {
                        unsigned dots = 0;

                        for (const char *p = xml_get(hub, "address/@port") ?: ""; *p; p++)
                                dots += *p == '.';
                        if (dots == depth || (depth == 5 && dots > depth))
                                build_hub(b, hub);
                }
}

void build_buses(Build *b) {
        build_pci_buses(b);
        build_some(b, is_ordinary);
        build_some(b, is_companion);
        build_hubs(b);
        build_some(b, is_ccid); /* card readers are USB devices */
}
