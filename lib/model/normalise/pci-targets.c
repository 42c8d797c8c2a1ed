/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The model name and target of PCI controllers: numbers that the guest sees and that must stay. */

#include "base/strings.h"
#include "normalise.h"

static const struct {
        const char *model, *name;
        bool chassis, port, chassis_nr, root;
} targets[] = {
        { "pci-bridge", "pci-bridge", .chassis_nr = true },
        { "dmi-to-pci-bridge", "i82801b11-bridge" },
        { "pcie-to-pci-bridge", "pcie-pci-bridge" },
        { "pcie-root-port", "pcie-root-port", .chassis = true, .port = true, .root = true },
        { "pcie-switch-upstream-port", "x3130-upstream" },
        { "pcie-switch-downstream-port", "xio3130-downstream", .chassis = true, .port = true },
        { "pci-expander-bus", "pxb" },
        { "pcie-expander-bus", "pxb-pcie" },
};

static void write_target(Normaliser *n, xmlNode *c, size_t row) {
        unsigned index = number_or(c, "index", 0);
        xmlNode *target = xml_child(c, "target");
        PciAddress at = {};

        norm_set_default(n, norm_ensure(n, c, "model"), "name", targets[row].name);
        if (!target && (targets[row].chassis || targets[row].chassis_nr))
                target = norm_add(n, c, "target");

        if (targets[row].chassis_nr && !xml_attr(target, "chassisNr"))
                norm_setf(n, target, "chassisNr", "%u", index);
        if (targets[row].chassis && !xml_attr(target, "chassis"))
                norm_setf(n, target, "chassis", "%u", index);
        if (targets[row].port) {
                (void) pci_address_parse(xml_child(c, "address"), &at);
                norm_setf(n, target, "port", "0x%x",
                          number_or(target, "port", targets[row].root ? at.slot << 3 | at.function : at.slot));
        }
}

static int write_hole(Normaliser *n, xmlNode *hole) {
        uint64_t bytes;
        char text[24];

        if (!hole)
                return 0;
        if (size_parse(xml_text(hole), xml_attr(hole, "unit"), 1024, &bytes) < 0)
                return fail_xml(n, hole, "malformed size");

        snprintf(text, sizeof(text), "%llu", (unsigned long long) (bytes / 1024));
        norm_set(n, hole, "unit", "KiB");
        norm_set_text(n, hole, text);
        return 0;
}

int write_pci_targets(Normaliser *n) {
        int r;

        XML_FOREACH(c, n->devices, "controller") {
                if (!xml_attr_is(c, "type", "pci"))
                        continue;
                drop_empty(c, "target");
                r = write_hole(n, xml_child(c, "pcihole64"));
                if (r < 0)
                        return r;
                for (size_t i = 0; i < ELEMENTSOF(targets); i++)
                        if (xml_attr_is(c, "model", targets[i].model))
                                write_target(n, c, i);
        }

        return 0;
}
