/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What QEMU needs of what it is otherwise denied: io_uring, TCP of its own, and how many descriptors. */

#include "base/strings.h"
#include "prepare.h"
#include "qemu/concern.h"

/* Clients of its screens and monitors, timers, libraries, and what hotplug brings. */
#define FILES_ANYWAY 512U

typedef struct Need {
        const char *element;
        unsigned files;            /* of one such device */
        bool (*connects)(const xmlNode *device);
        bool (*listens)(const xmlNode *device);
} Need;

static bool is_network_disk(const xmlNode *disk) {
        for (const xmlNode *l = disk; l; l = xml_child(l, "backingStore"))
                if ((xml_attr_is(l, "type", "network") && !disk_is_served(l)) ||
                    xml_attr_is(xml_find(l, "source/dataStore"), "type", "network"))
                        return true;
        return false;
}

static bool is_iscsi_unit(const xmlNode *hostdev) {
        return xml_attr_is(xml_child(hostdev, "source"), "protocol", "iscsi");
}

static bool is_user_network(const xmlNode *interface) {
        const char *type = xml_attr(interface, "type") ?: "";

        return !streq(type, "bridge") && !streq(type, "network") && !streq(type, "ethernet") &&
               !streq(type, "direct") && !streq(type, "hostdev");
}

static bool listens_itself(const xmlNode *graphics) {
        return graphics_has_port(graphics) && (xml_attr(graphics, "websocket") || xml_attr(graphics, "tlsPort"));
}

static const Need needs[] = {
        { "disk",       24, is_network_disk, is_network_disk },
        { "interface",  24, is_user_network, is_user_network },
        { "serial",      8, prepare_chardev_connects, NULL },
        { "parallel",    8, prepare_chardev_connects, NULL },
        { "console",     8, prepare_chardev_connects, NULL },
        { "channel",     8, prepare_chardev_connects, NULL },
        { "smartcard",   8, prepare_chardev_connects, NULL },
        { "redirdev",    8, prepare_chardev_connects, NULL },
        { "rng",         4, prepare_chardev_connects, NULL },
        { "graphics",   64, NULL, listens_itself },
        { "filesystem", 64, NULL, NULL },
        { "hostdev",    64, is_iscsi_unit, NULL },
        { "tpm",         8, NULL, NULL },
        { "vsock",      16, NULL, NULL },
        { "audio",      16, NULL, NULL },
};

static unsigned queues_of(const xmlNode *device) {
        unsigned n = 1;

        (void) parse_uint(xml_get(device, "driver/@queues") ?: "1", &n);
        return MAX(n, 1U);
}

static uint64_t count(Prepare *p) {
        uint64_t n = FILES_ANYWAY, vcpus = 1;

        (void) xml_get_u64(definition_root(p->live), "vcpu", &vcpus);
        for (size_t i = 0; i < ELEMENTSOF(needs); i++)
                XML_FOREACH(device, definition_devices(p->live), needs[i].element) {
                        /* a queue for each processor is what virtio disks have */
                        n += needs[i].files + 6 * (queues_of(device) + (xml_is(device, "disk") ? vcpus : 0));
                        if (needs[i].connects && needs[i].connects(device))
                                p->launch.connects = true;
                        if (needs[i].listens && needs[i].listens(device))
                                p->launch.listens = true;
                }
        return n + 8 * vcpus + (uint64_t) p->next_fd;
}

int prepare_needs(Prepare *p) {
        uint64_t files = count(p);

        XML_FOREACH(disk, definition_devices(p->live), "disk")
                if (streq_ptr(xml_get(disk, "driver/@io"), "io_uring"))
                        p->launch.io_uring = true;
        if (xml_attr_is(xml_find(definition_root(p->live), "os/nvram"), "type", "network"))
                p->launch.connects = true;
        /* arguments of the definition's own may ask for anything */
        if (xml_child(definition_root(p->live), "qemu:commandline")) {
                p->launch.connects = p->launch.listens = p->launch.io_uring = true;
                files = 0;
        }
        p->launch.max_files = p->config->max_files > 0 ? 0 : (int) MIN(files, 65536U);
        return 0;
}
