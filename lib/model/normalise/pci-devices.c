/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "base/strings.h"
#include "pci-devices.h"

/* 0: not on PCI. */
typedef unsigned (*KindOf)(const Normaliser *n, const xmlNode *device);

static bool is_any(const char *s, const char *const *list) {
        for (; *list; list++)
                if (streq(*list, s))
                        return true;

        return false;
}

#define IS_ANY(s, ...) is_any((s), (const char *const[]) { __VA_ARGS__, NULL })

static unsigned virtio_kind(const xmlNode *device) {
        return is_transitional(device) ? PCI_CONVENTIONAL : PCI_EXPRESS;
}

static unsigned kind_of_bridge(const Normaliser *n, const xmlNode *device) {
        return xml_attr_is(device, "type", "pci") ? pci_controller_kind(attr_or(device, "model", "")) : 0;
}

static unsigned kind_of_filesystem(const Normaliser *n, const xmlNode *device) {
        return xml_attr_is(xml_child(device, "driver"), "type", "mtp") ? 0 : virtio_kind(device);
}

static unsigned kind_of_conventional(const Normaliser *n, const xmlNode *device) {
        return PCI_CONVENTIONAL;
}

static unsigned kind_of_interface(const Normaliser *n, const xmlNode *device) {
        const char *model = xml_get(device, "model/@type") ?: "";

        if (streq(model, "usb-net") || xml_attr_is(device, "type", "hostdev"))
                return 0;

        /* what is not among these has a port of its own, e1000-82545em and pcnet too */
        return IS_ANY(model, "e1000", "rtl8139", "virtio-transitional", "vmxnet3") ? PCI_CONVENTIONAL : PCI_EXPRESS;
}

/* A device of the host, whatever it is for. */
static unsigned kind_of_given_card(const Normaliser *n, const xmlNode *device) {
        return xml_attr_is(device, "type", "hostdev") ? PCI_EXPRESS : 0;
}

static unsigned kind_of_sound(const Normaliser *n, const xmlNode *device) {
        const char *model = attr_or(device, "model", "");

        if (streq(model, "virtio"))
                return PCI_EXPRESS;

        return IS_ANY(model, "ich6", "ich9", "ac97", "es1370") ? PCI_CONVENTIONAL : 0;
}

static unsigned kind_of_controller(const Normaliser *n, const xmlNode *device) {
        const char *type = attr_or(device, "type", ""), *model = attr_or(device, "model", "");

        if (streq(type, "scsi"))
                return IS_ANY(model, "virtio-scsi", "virtio-non-transitional") ? PCI_EXPRESS
                                                                                           : PCI_CONVENTIONAL;
        if (streq(type, "virtio-serial"))
                return virtio_kind(device);
        if (streq(type, "usb"))
                return streq(model, "none")                     ? 0
                       : IS_ANY(model, "nec-xhci", "qemu-xhci") ? PCI_EXPRESS
                                                                : PCI_CONVENTIONAL;

        if (streq(type, "nvme"))
                return PCI_EXPRESS;

        return streq(type, "sata") || streq(type, "ide") ? PCI_CONVENTIONAL : 0;
}

static unsigned kind_of_disk(const Normaliser *n, const xmlNode *device) {
        return xml_attr_is(xml_child(device, "target"), "bus", "virtio") ? virtio_kind(device) : 0;
}

static unsigned kind_of_virtio(const Normaliser *n, const xmlNode *device) {
        return xml_attr_is(device, "model", "none") ? 0 : virtio_kind(device);
}

static unsigned kind_of_watchdog(const Normaliser *n, const xmlNode *device) {
        return xml_attr_is(device, "model", "i6300esb") ? PCI_CONVENTIONAL : 0;
}

static unsigned kind_of_video(const Normaliser *n, const xmlNode *device) {
        const char *type = xml_get(device, "model/@type") ?: "";

        if (streq(type, "none") || streq(type, "ramfb"))
                return 0;

        return streq(type, "virtio") || streq(type, "bochs") ? PCI_EXPRESS : PCI_CONVENTIONAL;
}

static unsigned kind_of_input(const Normaliser *n, const xmlNode *device) {
        return xml_attr_is(device, "bus", "virtio") ? virtio_kind(device) : 0;
}

static unsigned kind_of_serial(const Normaliser *n, const xmlNode *device) {
        return xml_attr_is(xml_child(device, "target"), "type", "pci-serial") ? PCI_CONVENTIONAL : 0;
}

static unsigned kind_of_memory(const Normaliser *n, const xmlNode *device) {
        return startswith(attr_or(device, "model", ""), "virtio-") ? PCI_EXPRESS : 0;
}

/* Intel's is part of the chipset. */
static unsigned kind_of_iommu(const Normaliser *n, const xmlNode *device) {
        return xml_attr_is(device, "model", "virtio") ? PCI_INTEGRATED : 0;
}

/* What the host has is nearly always PCI Express, and whether it is cannot be known where the device is not. */
static unsigned kind_of_hostdev(const Normaliser *n, const xmlNode *device) {
        const char *type = attr_or(device, "type", "");

        if (xml_attr_is(xml_child(device, "address"), "type", "unassigned"))
                return 0;
        if (streq(type, "scsi_host"))
                return virtio_kind(device);

        return streq(type, "pci") || streq(type, "mdev") ? PCI_EXPRESS : 0;
}

/* The order decides who sits where, so it is part of what clients see: see the facts in docs. */
static const struct {
        const char *element;
        KindOf kind;
} order[] = {
        { "controller", kind_of_bridge },
        { "filesystem", kind_of_filesystem },
        { "interface", kind_of_interface },
        { "sound", kind_of_sound },
        { "controller", kind_of_controller },
        { "disk", kind_of_disk },
        { "interface", kind_of_given_card },
        { "hostdev", kind_of_hostdev },
        { "memballoon", kind_of_virtio },
        { "rng", kind_of_virtio },
        { "watchdog", kind_of_watchdog },
        { "video", kind_of_video },
        { "shmem", kind_of_conventional },
        { "input", kind_of_input },
        { "serial", kind_of_serial },
        { "vsock", kind_of_virtio },
        { "memory", kind_of_memory },
        { "crypto", kind_of_virtio },
        { "pstore", kind_of_conventional },
        { "iommu", kind_of_iommu },
};

void pci_devices_done(PciDevices *d) {
        free(d->list);
        *d = (PciDevices) {};
}

int pci_devices_collect(const Normaliser *n, PciDevices *ret) {
        PciDevices d = {};
        size_t max = 0;

        XML_FOREACH(device, n->devices, NULL)
                max++;
        d.list = calloc(max + 1, sizeof(*d.list));
        if (!d.list)
                return -ENOMEM;

        for (size_t i = 0; i < ELEMENTSOF(order); i++)
                XML_FOREACH(device, n->devices, order[i].element) {
                        unsigned kind = order[i].kind(n, device);

                        if (kind == PCI_EXPRESS && !n->q35)
                                kind = PCI_CONVENTIONAL;
                        if (kind != 0 && d.n < max)
                                d.list[d.n++] = (PciDevice) { .node = device, .kind = kind };
                }

        *ret = d;
        return 0;
}
