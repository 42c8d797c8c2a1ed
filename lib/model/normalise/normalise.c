/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The chain of transformations, in the order in which they depend on each other. */


#include "base/strings.h"
#include "normalise.h"
#include "schema.h"

typedef int (*Step)(Normaliser *n);

static const Step steps[] = {
        normalise_identity,
        normalise_memory,
        normalise_vcpu,
        normalise_tuning,
        normalise_os,
        normalise_features,
        normalise_clock,
        normalise_lifecycle,
        normalise_commandline,
        normalise_emulator,
        normalise_cpu,
        normalise_disks,
        normalise_controllers,
        normalise_interfaces,
        normalise_serials,
        normalise_channels,
        normalise_inputs,
        normalise_graphics,
        normalise_videos,
        normalise_sounds,
        normalise_small_devices,
        normalise_boot,
        assign_drive_addresses,
        normalise_implied_controllers,
        assign_virtio_serial_addresses,
        assign_usb_addresses,
        assign_pci_addresses,
        check_aliases,
};

int definition_normalise(Definition *d, const HostFacts *facts, Error *e) {
        Normaliser n = { .d = d, .root = definition_root(d), .facts = facts, .error = e };
        int r;

        n.devices = ensure(&n, n.root, "devices");
        if (!n.devices)
                return -ENOMEM;

        for (size_t i = 0; i < ELEMENTSOF(steps); i++) {
                r = steps[i](&n);
                if (r < 0)
                        return r;
                if (n.out_of_memory)
                        return -ENOMEM;
        }

        schema_sort(n.root, &schema_domain);
        return 0;
}

/* Names that the user chose become ids in QEMU. One that could not is not kept, as libvirt has it. */
int check_aliases(Normaliser *n) {
        static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-";

        XML_FOREACH(device, n->devices, NULL) {
                const char *name = device_alias(device);

                if (!name || !startswith(name, "ua-"))
                        continue;
                if (name[strspn(name, letters)]) {
                        xml_remove_children(device, "alias");
                        continue;
                }
                for (xmlNode *other = xml_next(device, NULL); other; other = xml_next(other, NULL))
                        if (streq_ptr(device_alias(other), name))
                                return fail_xml(n, other, "non unique alias detected: %s", name);
        }

        return 0;
}

void set(Normaliser *n, xmlNode *node, const char *name, const char *value) {
        if (node && xml_set_attr(node, name, value) < 0)
                n->out_of_memory = true;
}

void setf(Normaliser *n, xmlNode *node, const char *name, const char *format, ...) {
        _cleanup_free_ char *s = TEXT_OF_ARGUMENTS(format);

        if (s)
                set(n, node, name, s);
        else
                n->out_of_memory = true;
}

void set_default(Normaliser *n, xmlNode *node, const char *name, const char *value) {
        if (node && !xml_attr(node, name))
                set(n, node, name, value);
}

xmlNode *add(Normaliser *n, xmlNode *parent, const char *name) {
        xmlNode *node = parent ? xml_add(parent, name, NULL) : NULL;

        if (!node)
                n->out_of_memory = true;
        return node;
}

xmlNode *ensure(Normaliser *n, xmlNode *parent, const char *name) {
        return xml_child(parent, name) ?: add(n, parent, name);
}

void set_text(Normaliser *n, xmlNode *node, const char *text) {
        if (node && xml_set_text(node, text) < 0)
                n->out_of_memory = true;
}

void default_child(Normaliser *n, xmlNode *parent, const char *name, const char *text) {
        if (!xml_child(parent, name))
                set_text(n, add(n, parent, name), text);
}

const char *attr_or(const xmlNode *node, const char *name, const char *otherwise) {
        return xml_attr(node, name) ?: otherwise;
}

unsigned number_or(const xmlNode *node, const char *name, unsigned otherwise) {
        unsigned v;

        return xml_attr_uint(node, name, &v) < 0 ? otherwise : v;
}

void drop_empty(xmlNode *parent, const char *name) {
        xmlNode *c = xml_child(parent, name);

        if (c && !c->properties && !xml_child(c, NULL) && !*xml_text(c))
                xml_remove(c);
}

xmlNode *device_address(const xmlNode *device) {
        xmlNode *a = xml_child(device, "address");

        if (!a || !xml_attr(a, "type") || xml_attr_is(a, "type", "unassigned"))
                return NULL;
        /* <address type='pci'/> means: choose one on PCI. */
        return a->properties && a->properties->next ? a : NULL;
}

xmlNode *new_address(Normaliser *n, xmlNode *device, const char *type) {
        xmlNode *a;

        xml_remove_children(device, "address");
        a = add(n, device, "address");
        set(n, a, "type", type);
        return a;
}
