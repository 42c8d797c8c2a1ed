/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* <hostdev>: devices of the host that a guest has for itself. */

#include "blockdev.h"

#define MAX_NODES 128U

static const QemuHostdev *find_hostdev(Build *b, const xmlNode *n) {
        const char *alias = need_alias(b, n);

        for (size_t i = 0; i < b->res->n_hostdevs; i++)
                if (streq(b->res->hostdevs[i].alias, alias))
                        return &b->res->hostdevs[i];
        return NULL;
}

/* Boot order, place, ROM: what all of them end with. */
static void put_rest(Build *b, json_t *o, const xmlNode *n) {
        put_boot(b, o, n);
        put_address(b, o, n);
        put_rom(b, o, n);
}

/* The node of the device: what the host side found, or what the definition says. */
static void put_usb_node(Build *b, json_t *o, const xmlNode *n) {
        const xmlNode *source = xml_child(n, "source"), *address = xml_child(source, "address");
        const QemuHostdev *found = find_hostdev(b, n);

        if (found && found->path)
                put_str(b, o, "hostdevice", found->path);
        else if (xml_attr(address, "device"))
                put_strf(b, o, "hostdevice", "/dev/bus/usb/%03u/%03u", (unsigned) attr_u64(b, address, "bus", 0),
                         (unsigned) attr_u64(b, address, "device", 0));
        else if (b->res->stand_ins)
                put_str(b, o, "hostdevice", "/dev/bus/usb/000/000");
        else
                build_invalid(b, source, "no USB device of the host was looked up for this");
}

static bool loses_capability(const Build *b, const char *capability) {
        XML_FOREACH(del, xml_child(b->root, "qemu:capabilities"), "qemu:del")
                if (xml_attr_is(del, "capability", capability))
                        return true;
        return false;
}

/* By bus and number, QEMU waits for the device where it is not there (yet). */
static void put_usb_numbers(Build *b, json_t *o, const xmlNode *n) {
        const QemuHostdev *found = find_hostdev(b, n);
        const xmlNode *address = xml_find(n, "source/address");
        unsigned bus = 0, device = 0;

        if (found && found->path && sscanf(found->path, "/dev/bus/usb/%3u/%3u", &bus, &device) == 2) {
                put_int(b, o, "hostbus", bus);
                put_int(b, o, "hostaddr", device);
        } else if (xml_attr(address, "device")) {
                put_attr_uint(b, o, "hostbus", address, "bus");
                put_attr_uint(b, o, "hostaddr", address, "device");
        } else if (b->res->stand_ins) {
                put_int(b, o, "hostbus", 0);
                put_int(b, o, "hostaddr", 0);
        } else
                build_invalid(b, xml_child(n, "source"), "no USB device of the host was looked up for this");
}

/* Whether the guest may reset the device: not at all, until it was set up, always. */
static void put_guest_reset(Build *b, json_t *o, const xmlNode *n) {
        const char *reset = xml_get(n, "source/@guestReset");

        if (!reset)
                return;
        put_bool(b, o, "guest-reset", !streq(reset, "off"));
        if (!streq(reset, "off"))
                put_bool(b, o, "guest-resets-all", streq(reset, "on"));
}

static void build_usb(Build *b, const xmlNode *n) {
        json_t *o;

        if (xml_attr_is(xml_child(n, "source"), "missing", "yes"))
                return;
        o = device_new(b, "usb-host");
        if (loses_capability(b, "usb-host.hostdevice"))
                put_usb_numbers(b, o, n);
        else
                put_usb_node(b, o, n);
        put_alias(b, o, n);
        put_guest_reset(b, o, n);
        put_rest(b, o, n);
        add_props(b, QEMU_PART_DEVICE, o);
}

/* A device whose screen shows from the first moment on has it in memory of its own, and cannot be unplugged then. */
static const char *vfio_driver(const xmlNode *n) {
        return xml_attr_is(n, "ramfb", "on") ? "vfio-pci-nohotplug" : "vfio-pci";
}

static void put_display(Build *b, json_t *o, const xmlNode *n) {
        put_attr_onoff(b, o, "display", n, "display");
        if (xml_attr_is(n, "ramfb", "on"))
                put_bool(b, o, "ramfb", true);
}

void put_vfio_host(Build *b, json_t *o, const xmlNode *source) {
        const xmlNode *address = xml_child(source, "address");

        put_strf(b, o, "host", "%04x:%02x:%02x.%x", (unsigned) attr_u64(b, address, "domain", 0),
                 (unsigned) attr_u64(b, address, "bus", 0), (unsigned) attr_u64(b, address, "slot", 0),
                 (unsigned) attr_u64(b, address, "function", 0));
}

static bool has_iommufd(const xmlNode *n) {
        return streq_ptr(xml_get(n, "driver/@iommufd"), "yes");
}

/* One object for all such devices. */
static void add_iommufd(Build *b, const xmlNode *n) {
        json_t *o;

        if (!qemu_caps_has(b->caps, QEMU_CAP_IOMMUFD))
                build_refuse(b, xml_child(n, "driver"), "iommufd is not supported by this QEMU");
        if (is_brought_by_another(b, n, has_iommufd))
                return;
        o = props_new(b);
        put_str(b, o, "qom-type", "iommufd");
        put_str(b, o, "id", "iommufd0");
        if (b->res->iommu > 0)
                put_strf(b, o, "fd", "%d", b->res->iommu);
        add_props(b, QEMU_PART_OBJECT, o);
}

static void put_iommufd(Build *b, json_t *o, const xmlNode *n) {
        const QemuHostdev *found = find_hostdev(b, n);

        put_str(b, o, "iommufd", "iommufd0");
        if (found && found->fd >= 0)
                put_strf(b, o, "fd", "%d", found->fd);
}

/* Of one device, in the order of all: gi0, gi1, ... */
static unsigned count_nodes(const xmlNode *n, uint64_t *nodes) {
        const char *set = xml_get(n, "acpi/@nodeset");
        unsigned count = 0;

        if (!set || cpuset_parse(set, nodes, MAX_NODES) < 0)
                return 0;
        for (unsigned i = 0; i < MAX_NODES; i++)
                count += nodes[i / 64] >> i % 64 & 1;
        return count;
}

/* Nodes of the guest that the firmware tells it to be the device's. */
static void add_initiators(Build *b, const xmlNode *n) {
        uint64_t nodes[MAX_NODES / 64] = {}, others[MAX_NODES / 64];
        unsigned number = 0;

        if (count_nodes(n, nodes) == 0)
                return;
        if (!qemu_caps_has(b->caps, QEMU_CAP_GENERIC_INITIATOR)) {
                build_refuse(b, xml_child(n, "acpi"), "an ACPI nodeset is not supported by this QEMU");
                return;
        }
        for (const xmlNode *p = n->prev; p; p = p->prev)
                if (xml_is(p, "hostdev"))
                        number += count_nodes(p, others);
        for (unsigned i = 0; i < MAX_NODES; i++) {
                json_t *o = nodes[i / 64] >> i % 64 & 1 ? props_new(b) : NULL;

                if (!o)
                        continue;
                put_str(b, o, "qom-type", "acpi-generic-initiator");
                put_strf(b, o, "id", "gi%u", number++);
                put_str(b, o, "pci-dev", need_alias(b, n));
                put_int(b, o, "node", i);
                add_props(b, QEMU_PART_OBJECT, o);
        }
}

static void build_pci(Build *b, const xmlNode *n) {
        const xmlNode *teaming = xml_child(n, "teaming");
        json_t *o;

        /* The host's driver gives it up, but it is not shown to the guest. */
        if (xml_attr_is(xml_child(n, "address"), "type", "unassigned"))
                return;
        if (has_iommufd(n))
                add_iommufd(b, n);
        o = device_new(b, vfio_driver(n));
        put_vfio_host(b, o, xml_child(n, "source"));
        if (has_iommufd(n))
                put_iommufd(b, o, n);
        put_alias(b, o, n);
        put_display(b, o, n);
        put_attr(b, o, "failover_pair_id", teaming, "persistent");
        put_rest(b, o, n);
        add_props(b, QEMU_PART_DEVICE, o);
        add_initiators(b, n);
}

static void build_mdev(Build *b, const xmlNode *n) {
        json_t *o = device_new(b, vfio_driver(n));

        put_alias(b, o, n);
        put_strf(b, o, "sysfsdev", "/sys/bus/mdev/devices/%s", xml_get(n, "source/address/@uuid") ?: "");
        put_display(b, o, n);
        put_rest(b, o, n);
        add_props(b, QEMU_PART_DEVICE, o);
        add_initiators(b, n);
}

/* Numbered behind the images of the disks. */
static void scsi_node_name(const Build *b, const xmlNode *n, DriverName *ret) {
        unsigned number = disk_image_count(b) + 1;

        for (const xmlNode *p = n->prev; p; p = p->prev)
                number += xml_is(p, "hostdev") && xml_attr_is(p, "type", "scsi");
        snprintf(ret->s, sizeof(ret->s), "libvirt-%u-backend", number);
}

static void put_scsi_device(Build *b, json_t *o, const xmlNode *n) {
        const QemuHostdev *found = find_hostdev(b, n);
        const char *path = found ? found->path : NULL;

        if (!path && (b->res->recorded || b->res->stand_ins))
                path = "/dev/sg0";
        if (!path)
                build_invalid(b, n, "no SCSI device of the host was looked up for this");
        put_str(b, o, "driver", "host_device");
        put_str(b, o, "filename", path);
}

/* What is on a network is where an image would be. */
static void put_scsi_unit(Build *b, json_t *o, const xmlNode *n, const char *node) {
        const xmlNode *source = xml_child(n, "source");
        Image unit = { .layer = n, .source = source, .type = "network", .auth = xml_child(source, "auth"),
                       .name = node };

        image_put_source(b, o, &unit, "storage");
}

static void build_scsi(Build *b, const xmlNode *n) {
        DriverName node;
        json_t *o;

        scsi_node_name(b, n, &node);
        o = props_new(b);
        if (xml_attr_is(xml_child(n, "source"), "protocol", "iscsi"))
                put_scsi_unit(b, o, n, node.s);
        else
                put_scsi_device(b, o, n);
        put_str(b, o, "node-name", node.s);
        put_bool(b, o, "read-only", xml_child(n, "readonly"));
        add_props(b, QEMU_PART_BLOCKDEV, o);

        o = device_new(b, "scsi-generic");
        put_str(b, o, "drive", node.s);
        put_alias(b, o, n);
        put_boot(b, o, n);
        put_scsi_place(b, o, n);
        add_props(b, QEMU_PART_DEVICE, o);
}

static void build_scsi_host(Build *b, const xmlNode *n) {
        const QemuHostdev *found = find_hostdev(b, n);
        DriverName name;
        json_t *o;

        o = device_new(b, virtio_driver(b, n, "vhost-scsi", xml_attr(n, "model"), &name));
        put_attr(b, o, "wwpn", xml_child(n, "source"), "wwpn");
        if (found && found->fd >= 0)
                put_strf(b, o, "vhostfd", "%d", found->fd);
        else if (b->res->recorded || b->res->stand_ins)
                put_str(b, o, "vhostfd", "3");
        else
                build_invalid(b, n, "/dev/vhost-scsi was not opened for this");
        put_alias(b, o, n);
        put_address(b, o, n);
        add_props(b, QEMU_PART_DEVICE, o);
}

static const struct {
        const char *type;
        void (*build)(Build *b, const xmlNode *n);
} types[] = {
        { "usb", build_usb },
        { "pci", build_pci },
        { "mdev", build_mdev },
        { "scsi", build_scsi },
        { "scsi_host", build_scsi_host },
};

void build_hostdev(Build *b, const xmlNode *n) {
        const char *type = xml_attr(n, "type") ?: "";

        for (size_t i = 0; i < ELEMENTSOF(types); i++)
                if (streq(types[i].type, type)) {
                        types[i].build(b, n);
                        return;
                }
        build_refuse(b, n, "host device of type '%s' is not supported", type);
}
