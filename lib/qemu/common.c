/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What devices have in common: alias, address, boot order, virtio options. */

#include "build.h"

const char *need_alias(Build *b, const xmlNode *device) {
        const char *alias = device_alias(device);

        if (!alias && b->r == 0)
                build_invalid(b, device, "the device has no alias");
        return alias ?: "";
}

void put_alias(Build *b, json_t *o, const xmlNode *device) {
        put_str(b, o, "id", need_alias(b, device));
}

const xmlNode *controller_find(const Build *b, const char *type, const char *index) {
        XML_FOREACH(c, b->devices, "controller")
                if (xml_attr_is(c, "type", type) && streq(xml_attr(c, "index") ?: "0", index))
                        return c;
        return NULL;
}

const char *controller_name(Build *b, const char *type, const char *index, DriverName *buf) {
        const xmlNode *c = controller_find(b, type, index);
        const char *alias = c ? device_alias(c) : NULL;
        bool builtin = streq(index, "0") &&
                       (streq(type, "pci") || (b->q35 ? streq(type, "sata") : streq(type, "ide")));

        /* What the machine brings has the machine's names, whatever the definition calls it. */
        if (builtin && b->q35 && streq(type, "sata"))
                return "ide";
        if (alias && !builtin)
                return alias;
        if (streq(type, "pci"))
                snprintf(buf->s, sizeof(buf->s), "%s.%s", b->q35 && streq(index, "0") ? "pcie" : "pci", index);
        else if (streq(index, "0") && (streq(type, "usb") || streq(type, "ide")))
                snprintf(buf->s, sizeof(buf->s), "%s", type);
        else
                snprintf(buf->s, sizeof(buf->s), "%s%s", type, index);
        return buf->s;
}

unsigned sibling_index(const xmlNode *node) {
        unsigned n = 0;

        for (const xmlNode *p = node->prev; p; p = p->prev)
                if (xml_is(p, xml_name(node)))
                        n++;
        return n;
}

/* "addr": "0x2" or, where there is a function, "0x2.0x1". */
static void put_pci(Build *b, json_t *o, const xmlNode *device, const xmlNode *address) {
        uint64_t bus = attr_u64(b, address, "bus", 0), slot = attr_u64(b, address, "slot", 0);
        uint64_t function = attr_u64(b, address, "function", 0);
        char index[24];
        DriverName buf;

        if (attr_u64(b, address, "domain", 0) != 0) {
                build_refuse(b, address, "only PCI domain 0 is there for guests of this machine");
                return;
        }
        snprintf(index, sizeof(index), "%llu", (unsigned long long) bus);
        put_str(b, o, "bus", controller_name(b, "pci", index, &buf));
        put_attr_bool(b, o, "multifunction", address, "multifunction");
        if (function != 0)
                put_strf(b, o, "addr", "0x%llx.0x%llx", (unsigned long long) slot, (unsigned long long) function);
        else
                put_strf(b, o, "addr", "0x%llx", (unsigned long long) slot);
        put_attr_uint(b, o, "acpi-index", xml_child(device, "acpi"), "index");
}

static void put_usb(Build *b, json_t *o, const xmlNode *address) {
        DriverName buf;

        put_strf(b, o, "bus", "%s.0", controller_name(b, "usb", xml_attr(address, "bus") ?: "0", &buf));
        put_attr(b, o, "port", address, "port");
}

static void put_isa(Build *b, json_t *o, const xmlNode *address) {
        put_attr_uint(b, o, "iobase", address, "iobase");
        put_attr_uint(b, o, "irq", address, "irq");
}

void put_address(Build *b, json_t *o, const xmlNode *device) {
        const xmlNode *address = xml_child(device, "address");
        const char *type = xml_attr(address, "type");

        if (!type || streq(type, "virtio-mmio")) /* the first place that is free */
                return;
        if (streq(type, "pci"))
                put_pci(b, o, device, address);
        else if (streq(type, "usb"))
                put_usb(b, o, address);
        else if (streq(type, "isa"))
                put_isa(b, o, address);
        else
                build_refuse(b, address, "address type '%s' is not supported for this device", type);
}

void put_boot(Build *b, json_t *o, const xmlNode *device) {
        const xmlNode *boot = xml_child(device, "boot");

        put_attr_uint(b, o, "bootindex", boot, "order");
}

void put_virtio(Build *b, json_t *o, const xmlNode *device) {
        const xmlNode *driver = xml_child(device, "driver");

        put_attr_bool(b, o, "iommu_platform", driver, "iommu");
        put_attr_bool(b, o, "ats", driver, "ats");
        put_attr_bool(b, o, "packed", driver, "packed");
        put_attr_bool(b, o, "page-per-vq", driver, "page_per_vq");
}

void put_rom(Build *b, json_t *o, const xmlNode *device) {
        const xmlNode *rom = xml_child(device, "rom");

        if (!rom)
                return;
        if (!xml_attr_bool(rom, "enabled", true)) {
                put_str(b, o, "romfile", ""); /* an empty name switches the ROM off */
                return;
        }
        if (xml_attr(rom, "bar"))
                put_int(b, o, "rombar", xml_attr_bool(rom, "bar", true));
        put_attr(b, o, "romfile", rom, "file");
}

const char *virtio_driver(Build *b, const xmlNode *device, const char *base, const char *model, DriverName *buf) {
        const char *suffix = "", *type = xml_get(device, "address/@type");

        if (model && endswith(model, "-non-transitional"))
                suffix = "-non-transitional";
        else if (model && endswith(model, "-transitional"))
                suffix = "-transitional";
        if (type && streq(type, "virtio-mmio")) {
                snprintf(buf->s, sizeof(buf->s), "%s-device", base);
                return buf->s;
        }
        if (type && !streq(type, "pci"))
                build_refuse(b, device, "virtio devices have PCI addresses, not '%s'", type);
        snprintf(buf->s, sizeof(buf->s), "%s-pci%s", base, suffix);
        return buf->s;
}
