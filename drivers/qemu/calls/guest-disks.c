/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "calls/guest-disks.h"

static bool is_number(json_t *object, const char *key, unsigned v) {
        json_t *n = json_object_get(object, key);

        return json_is_integer(n) && json_integer_value(n) == v;
}

static bool is_at(const xmlNode *device, json_t *pci) {
        PciAddress a;

        return pci_address_parse(xml_child(device, "address"), &a) >= 0 && is_number(pci, "domain", a.domain) &&
               is_number(pci, "bus", a.bus) && is_number(pci, "slot", a.slot) &&
               is_number(pci, "function", a.function);
}

/* A disk's place below its controller. */
static bool has_place(const xmlNode *disk, json_t *address) {
        static const char *const keys[] = { "bus", "target", "unit" };
        const xmlNode *a = xml_child(disk, "address");
        unsigned v;

        for (size_t i = 0; i < ELEMENTSOF(keys); i++)
                if (xml_attr_uint(a, keys[i], &v) < 0 || !is_number(address, keys[i], v))
                        return false;
        return true;
}

static const xmlNode *controller_of(const Definition *d, const xmlNode *disk) {
        const char *index = xml_get(disk, "address/@controller"), *bus = xml_get(disk, "target/@bus");

        XML_FOREACH(controller, definition_devices(d), "controller")
                if (index && bus && xml_attr_is(controller, "index", index) && xml_attr_is(controller, "type", bus))
                        return controller;
        return NULL;
}

const xmlNode *guest_disk(const Definition *d, json_t *address) {
        json_t *pci = json_object_get(address, "pci-controller");

        XML_FOREACH(disk, definition_devices(d), "disk") {
                if (xml_attr_is(xml_child(disk, "address"), "type", "pci") && is_at(disk, pci))
                        return disk;
                if (xml_attr_is(xml_child(disk, "address"), "type", "drive") && has_place(disk, address) &&
                    is_at(controller_of(d, disk), pci))
                        return disk;
        }
        return NULL;
}
