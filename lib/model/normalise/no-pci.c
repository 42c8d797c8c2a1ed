/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Machines without PCI: microvm, whose virtio devices are there without any bus, and isapc, which has ISA alone. */

#include "base/strings.h"
#include "pci-devices.h"

static bool is_virtio_model(const char *model) {
        return !model || startswith(model, "virtio");
}

static bool is_virtio_controller(const xmlNode *device) {
        return xml_attr_is(device, "type", "virtio-serial") ||
               (xml_attr_is(device, "type", "scsi") && startswith(attr_or(device, "model", ""), "virtio-"));
}

/* Has QEMU the device for a virtio bus of any kind? */
static bool can_be_mmio(const xmlNode *device) {
        static const char *const elements[] = { "filesystem", "memballoon", "rng", "vsock" };

        if (xml_is(device, "disk"))
                return xml_attr_is(xml_child(device, "target"), "bus", "virtio");
        if (xml_is(device, "interface"))
                return !xml_attr_is(device, "type", "hostdev") &&
                       startswith(xml_get(device, "model/@type") ?: "", "virtio");
        if (xml_is(device, "controller"))
                return is_virtio_controller(device);
        if (xml_is(device, "input"))
                return xml_attr_is(device, "bus", "virtio");
        for (size_t i = 0; i < ELEMENTSOF(elements); i++)
                if (xml_is(device, elements[i]))
                        return is_virtio_model(xml_attr(device, "model"));
        return false;
}

int assign_without_pci(Normaliser *n) {
        _cleanup_(pci_devices_done) PciDevices devices = {};
        int r;

        r = pci_devices_collect(n, &devices);
        for (size_t i = 0; r >= 0 && i < devices.n; i++) {
                xmlNode *device = devices.list[i].node;

                if (n->isapc && xml_is(device, "controller") && xml_attr_is(device, "type", "ide"))
                        continue; /* on ISA, as it was in the beginning */
                if (!n->microvm || !can_be_mmio(device) || xml_attr_is(xml_child(device, "address"), "type", "pci"))
                        return fail_xml(n, device, "No PCI buses available");
                (void) new_address(n, device, "virtio-mmio");
        }
        return r;
}

int refuse_mmio(Normaliser *n) {
        XML_FOREACH(device, n->devices, NULL)
                if (xml_attr_is(xml_child(device, "address"), "type", "virtio-mmio"))
                        return fail_unsupported(n, device, "virtio-mmio addresses are only there on machine 'microvm'");
        return 0;
}
