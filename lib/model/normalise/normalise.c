/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The kind of guests: its chain of transformations, in the order in which they depend on each other. */

#include "base/strings.h"
#include "normalise.h"
#include "schema.h"

int refuse_virtio_options(Normaliser *n, xmlNode *device) {
        static const char *const options[][2] = {
                { "iommu", "iommu driver" }, { "ats", "ats driver" }, { "packed", "packed driver" },
                { "page_per_vq", "page_per_vq" },
        };

        for (size_t i = 0; i < ELEMENTSOF(options); i++)
                if (xml_attr(xml_child(device, "driver"), options[i][0]))
                        return fail_unsupported(n, device, "%s option is only supported for virtio devices",
                                                options[i][1]);
        return 0;
}

static const NormaliseStep steps[] = {
        normalise_devices,
        normalise_identity,
        normalise_memory_devices,
        normalise_numa,
        normalise_memory,
        normalise_memory_backing,
        normalise_vcpu,
        normalise_tuning,
        normalise_pins,
        normalise_resctrl,
        normalise_perf,
        normalise_os,
        normalise_features,
        normalise_clock,
        normalise_lifecycle,
        normalise_commandline,
        normalise_emulator,
        normalise_cpu,
        normalise_throttle_groups,
        normalise_disks,
        normalise_leases,
        normalise_controllers,
        normalise_interfaces,
        normalise_serials,
        normalise_channels,
        normalise_inputs,
        normalise_graphics,
        normalise_videos,
        normalise_hostdevs,
        normalise_filesystems,
        normalise_shmems,
        normalise_tpms,
        normalise_platform,
        normalise_launch_security,
        normalise_sounds,
        normalise_small_devices,
        normalise_boot,
        assign_drive_addresses,
        assign_hostdev_addresses,
        normalise_implied_controllers,
        assign_virtio_serial_addresses,
        assign_usb_addresses,
        assign_pci_addresses,
        check_aliases,
        NULL,
};

static const DocumentNamespace namespaces[] = {
        { "qemu", "http://libvirt.org/schemas/domain/qemu/1.0" },
        {},
};

const DocumentKind document_domain = {
        .root = "domain",
        .word = "guest",
        .origin = ORIGIN_DOMAIN,
        .key = "name",
        .schema = &schema_domain,
        .namespaces = namespaces,
        .steps = steps,
};

/* Steps look for devices without asking whether there are any. */
int normalise_devices(Normaliser *n) {
        n->devices = norm_ensure(n, n->root, "devices");
        return 0;
}

/* The first serial port, shown a second time: it has the port's name. */
static bool is_shadow(const xmlNode *device) {
        return xml_is(device, "console") && xml_attr_is(xml_child(device, "target"), "type", "serial");
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
                        if (streq_ptr(device_alias(other), name) && !is_shadow(device) && !is_shadow(other))
                                return fail_xml(n, other, "non unique alias detected: %s", name);
        }

        return 0;
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
        a = norm_add(n, device, "address");
        norm_set(n, a, "type", type);
        return a;
}
