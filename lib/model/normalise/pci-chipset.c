/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "base/strings.h"
#include "pci-chipset.h"

/* pc: function 0 of slot 1 is the ISA bridge, 1 IDE, 2 USB, 3 ACPI. q35: slot 0x1f holds LPC, SATA and SMBus. */
static const PciAddress pc_ide = { .slot = 1, .function = 1 }, pc_usb = { .slot = 1, .function = 2 };
static const PciAddress q35_sata = { .slot = 0x1f, .function = 2 };

void pci_chipset_reserve(const Normaliser *n, PciBuses *b) {
        static const PciAddress pc[] = { { .slot = 1 }, { .slot = 1, .function = 3 } };
        static const PciAddress q35[] = { { .slot = 0x1f }, { .slot = 0x1f, .function = 3 } };

        for (size_t i = 0; i < 2; i++)
                pci_take_function(b, n->q35 ? &q35[i] : &pc[i]);
        /* The other functions of these slots belong to the chipset as well, with or without the device. */
        if (n->q35)
                b->bus[0].used[0x1f] |= 0x04;
}

int pci_chipset_fixed(const Normaliser *n, const xmlNode *device, PciAddress *ret) {
        PciAddress given;

        if (!xml_is(device, "controller") || number_or(device, "index", 0) != 0)
                return 0;

        if (!n->q35 && xml_attr_is(device, "type", "ide"))
                *ret = pc_ide;
        else if (n->q35 && xml_attr_is(device, "type", "sata"))
                *ret = q35_sata;
        else if (!n->q35 && xml_attr_is(device, "type", "usb") && xml_attr_is(device, "model", "piix3-uhci") &&
                 (!device_address(device) || (pci_address_parse(device_address(device), &given) >= 0 &&
                                              (given.slot == 0 || (given.slot == 1 && given.bus == 0)))))
                *ret = pc_usb;
        else
                return 0;

        return 1;
}

const unsigned *pci_chipset_usual_slots(const Normaliser *n, const xmlNode *device) {
        static const unsigned none[] = { 0 }, pc_video[] = { 2, 0 }, q35_video[] = { 1, 0 }, sound[] = { 0x1b, 0 };
        static const unsigned dmi[] = { 0x1e, 0 }, usb2[] = { 0x1d, 0x1a, 0 };

        if (xml_is(device, "video") && xml_attr_is(xml_child(device, "model"), "primary", "yes"))
                return n->q35 ? q35_video : pc_video;
        if (!n->q35)
                return none;
        if (xml_is(device, "sound") && xml_attr_is(device, "model", "ich9"))
                return sound;
        if (xml_is(device, "controller") && xml_attr_is(device, "model", "dmi-to-pci-bridge"))
                return dmi;
        if (pci_companion_function(device) >= 0)
                return usb2;

        return none;
}

int pci_companion_function(const xmlNode *device) {
        static const struct {
                const char *model;
                int function;
        } companions[] = { { "ich9-ehci1", 7 }, { "ich9-uhci1", 0 }, { "ich9-uhci2", 1 }, { "ich9-uhci3", 2 } };

        if (xml_is(device, "controller") && xml_attr_is(device, "type", "usb"))
                for (size_t i = 0; i < ELEMENTSOF(companions); i++)
                        if (xml_attr_is(device, "model", companions[i].model))
                                return companions[i].function;

        return -ENOENT;
}
