/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* <hostdev>, and interfaces that are cards of the host. */

#include <dirent.h>
#include <fcntl.h>

#include "base/log.h"
#include "base/strings.h"
#include "host/claims.h"
#include "host/pci.h"
#include "host/undo.h"
#include "host/usb.h"
#include "network/vf.h"
#include "prepare.h"

#define PCI_MAX 256U

static unsigned number(const xmlNode *n, const char *attr) {
        unsigned v = 0;

        (void) xml_attr_uint(n, attr, &v);
        return v;
}

static QemuHostdev *next(Prepare *p, const xmlNode *device) {
        QemuHostdev *h;

        if (p->res.n_hostdevs == HOSTDEVS_MAX)
                return NULL;
        h = &p->hostdevs[p->res.n_hostdevs++];
        *h = (QemuHostdev) { .alias = device_alias(device), .fd = -EBADF };
        return h;
}

/* What is another guest's is refused in libvirt's words, before anything of it is touched. */
static int claim(Prepare *p, const xmlNode *device, const Claim *c) {
        _cleanup_free_ char *thing = NULL, *owner = NULL;
        int r;

        p->device = device_alias(device);
        r = claim_device(p->name, p->device, c, &thing, &owner);
        if (r == -EBUSY)
                error_set(&p->error, r, ERROR_OPERATION_INVALID, ORIGIN_QEMU, "%s is in use by driver QEMU, domain %s",
                          thing, owner);
        else if (r < 0)
                error_set_errno(&p->error, r, ORIGIN_QEMU, "cannot learn whether %s is another guest's", c->thing);
        return prepare_blame(p, r, device);
}

/* --- PCI --- */

static bool is_pci(const xmlNode *device) {
        return (xml_is(device, "hostdev") && xml_attr_is(device, "type", "pci")) ||
               (xml_is(device, "interface") && xml_attr_is(device, "type", "hostdev")) ||
               (xml_is(device, "disk") && xml_attr_is(device, "type", "nvme"));
}

static PciHostAddress address_of(const xmlNode *device) {
        const xmlNode *a = xml_find(device, "source/address");

        return (PciHostAddress){
                .domain = number(a, "domain"),
                .bus = number(a, "bus"),
                .slot = number(a, "slot"),
                .function = number(a, "function"),
        };
}

static int check_group(Prepare *p, const xmlNode *device, const PciHostAddress *a, const PciHostAddress *mine,
                       size_t n) {
        _cleanup_free_ char *users = NULL;
        int r;

        r = pci_group_in_use(a, mine, n, &users);
        if (r == -ENODEV)
                return prepare_refuse(p, r, device, "the host has no PCI device %s", pci_name(a).s);
        if (r == -EOPNOTSUPP)
                return prepare_refuse(p, r, device,
                                      "%s is in no IOMMU group: host doesn't support passthrough of host PCI devices",
                                      pci_name(a).s);
        if (r < 0)
                return prepare_refuse(p, r, device, "cannot look at %s: %s", pci_name(a).s, strerror(-r));
        if (users)
                return prepare_refuse(p, -EBUSY, device, "the IOMMU group of %s is not viable: the host uses %s of it",
                                      pci_name(a).s, users);
        return 0;
}

static int claim_pci(Prepare *p, const xmlNode *device, const PciHostAddress *a) {
        _cleanup_free_ char *thing = text_format("PCI device %s", pci_name(a).s);
        _cleanup_strv_ char **others = NULL, **near = NULL;
        int r = thing ? pci_group_others(a, &others) : -ENOMEM;

        for (char *const *other = others; r >= 0 && other && *other; other++)
                r = strv_consume(&near, text_format("PCI device %s", *other));
        return r < 0 ? r : claim(p, device, &(Claim) { thing, (const char *const *) near });
}

/* Two disks may be on one NVMe controller: the second finds it taken. */
static int take(Prepare *p, const xmlNode *device, const PciHostAddress *a) {
        const char *wanted = (xml_is(device, "disk") ? NULL : xml_get(device, "driver/@model")) ?: "vfio-pci";
        _cleanup_free_ char *driver = NULL, *undo = NULL;
        int r;

        r = pci_driver(a, &driver);
        if (r < 0)
                return prepare_refuse(p, r, device, "cannot learn the driver of %s: %s", pci_name(a).s, strerror(-r));
        if (!xml_attr_is(xml_is(device, "disk") ? xml_child(device, "source") : device, "managed", "yes")) {
                if (startswith(driver, "vfio"))
                        return 0;
                return prepare_refuse(p, -EBUSY, device,
                                      "Unmanaged PCI device %s must be manually detached from the host (driver '%s')",
                                      pci_name(a).s, driver);
        }
        if (streq(driver, wanted))
                return 0;
        undo = text_format("%s %s", pci_name(a).s, driver);
        r = undo ? prepare_undo(p, UNDO_PCI, undo) : -ENOMEM;
        if (r >= 0)
                r = pci_bind(a, wanted);
        if (r >= 0)
                r = pci_check_driver(a, wanted);
        if (r < 0)
                return prepare_refuse(p, r, device, "cannot give %s to the driver %s: %s", pci_name(a).s, wanted,
                                      r == -ENXIO ? "the driver does not take it, or is not there" : strerror(-r));
        return 0;
}

/* A line on the undo list, by which a group is one thing. */
static int note_group(Prepare *p, unsigned group) {
        char text[16];

        (void) snprintf(text, sizeof text, "%u", group);
        return prepare_undo(p, UNDO_VFIO, text);
}

static int give_group(Prepare *p, const xmlNode *device, unsigned group) {
        int r = note_group(p, group);

        if (r >= 0)
                r = vfio_give(group, p->uid, p->gid);
        /* the module may have come with the driver just now */
        if (r >= 0)
                r = prepare_show(p, "/dev/vfio");
        return r < 0 ? prepare_refuse(p, r, device, "cannot give /dev/vfio/%u to the guest: %s", group, strerror(-r))
                     : 0;
}

/* --- iommufd: QEMU gets the device's own node open, and so no node is the guest's --- */

static bool has_iommufd(const xmlNode *device) {
        return xml_is(device, "hostdev") && streq_ptr(xml_get(device, "driver/@iommufd"), "yes");
}

/* One that another device brings, or has brought. */
static bool has_iommu(const Prepare *p, const xmlNode *device) {
        if (p->running)
                XML_FOREACH(other, definition_devices(p->live), "hostdev")
                        if (other != device && has_iommufd(other))
                                return true;
        return p->res.iommu > 0;
}

static int open_node(Prepare *p, const xmlNode *device, const char *path) {
        _cleanup_close_ int fd = open(path, O_RDWR | O_CLOEXEC);

        return fd < 0 ? prepare_refuse(p, -errno, device, "cannot open '%s' for iommufd: %s", path, strerror(errno))
                      : descriptor_store(p, fd);
}

/* The host's, or what a client has opened. */
static int open_iommu(Prepare *p, const xmlNode *device) {
        const xmlNode *iommufd = xml_child(definition_root(p->live), "iommufd");
        const char *name = xml_attr(iommufd, "fdgroup");
        const FdGroup *group = NULL;
        int r = name ? prepare_group(p, iommufd, name, &group) : 0;

        if (!name)
                return open_node(p, device, "/dev/iommu");
        if (r >= 0 && group->n != 1)
                r = prepare_refuse(p, -EINVAL, iommufd, "file descriptor group '%s' has %u descriptors in place of one",
                                   name, group->n);
        return r < 0 ? r : descriptor_store(p, group->fds[0]);
}

static int give_iommufd(Prepare *p, const xmlNode *device, const PciHostAddress *a, unsigned group) {
        _cleanup_free_ char *path = NULL;
        QemuHostdev *h = next(p, device);
        int r = h ? note_group(p, group) : -ENOMEM;

        if (r < 0)
                return r;
        r = pci_vfio_node(a, &path);
        if (r < 0)
                return prepare_refuse(p, r, device, "iommufd is not supported by the host: its kernel has no node of "
                                                    "its own for %s",
                                      pci_name(a).s);
        if (!has_iommu(p, device)) {
                r = open_iommu(p, device);
                if (r < 0)
                        return r;
                p->res.iommu = r;
        }
        r = open_node(p, device, path);
        if (r < 0)
                return r;
        h->fd = r;
        return 0;
}

/* --- virtual functions of network cards --- */

static bool is_card(const xmlNode *device) {
        return xml_is(device, "interface");
}

static int check_card(Prepare *p, const xmlNode *interface, const PciHostAddress *a) {
        const xmlNode *vlan = xml_child(interface, "vlan"), *tag = vlan ? xml_child(vlan, "tag") : NULL;
        VfPlace place;
        int r;

        if (!is_card(interface))
                return 0;
        r = vf_find(pci_name(a).s, &place);
        if (r == -ENODEV)
                return 0; /* which is said of its group */
        if (r == -EOPNOTSUPP)
                return prepare_refuse(p, r, interface,
                                      "Interface type hostdev is currently supported on SR-IOV Virtual Functions only "
                                      "(%s is none)",
                                      pci_name(a).s);
        if (r < 0)
                return prepare_refuse(p, r, interface, "cannot look at %s: %s", pci_name(a).s, strerror(-r));
        if (tag && (xml_attr_is(vlan, "trunk", "yes") || xml_next(tag, "tag")))
                return prepare_refuse(p, -EOPNOTSUPP, vlan,
                                      "vlan trunking is not supported by SR-IOV network devices");
        return 0;
}

/* What the function was set to is on the undo list, behind whose driver it was: so it is given back first. */
static int change_card(Prepare *p, const xmlNode *interface, Netlink *links, const VfPlace *place,
                       const VfSettings *wanted) {
        _cleanup_free_ char *undo = NULL;
        VfSettings before;
        LinkFacts card;
        int r;

        r = link_read(links, place->card, &card);
        if (r >= 0 && !card.up)
                return prepare_refuse(p, -ENETDOWN, interface,
                                      "Unable to configure VF %u of PF '%s' because the PF is not online. Please "
                                      "change host network config to put the PF online.",
                                      place->index, place->card);
        if (r >= 0)
                r = vf_read(links, place, &before);
        if (r < 0)
                return prepare_refuse(p, r, interface, "cannot learn what VF %u of PF '%s' is set to: %s",
                                      place->index, place->card, strerror(-r));
        undo = vf_undo_value(place, &before);
        r = undo ? prepare_undo(p, UNDO_VF, undo) : -ENOMEM;
        if (r >= 0)
                r = vf_set(links, place, wanted);
        return r < 0 ? prepare_refuse(p, r, interface, "cannot set MAC address and vlan tag of VF %u of PF '%s': %s",
                                      place->index, place->card, strerror(-r))
                     : 0;
}

static int set_card(Prepare *p, const xmlNode *interface, const PciHostAddress *a) {
        const xmlNode *vlan = xml_child(interface, "vlan");
        _cleanup_netlink_ Netlink *links = NULL;
        VfSettings wanted = {};
        VfPlace place;
        int r;

        if (!is_card(interface))
                return 0;
        if (vlan)
                wanted.vlan = number(xml_child(vlan, "tag"), "id");
        r = mac_parse(xml_get(interface, "mac/@address"), wanted.mac);
        if (r >= 0)
                r = vf_find(pci_name(a).s, &place);
        if (r >= 0)
                r = netlink_open(&links);
        return r < 0 ? prepare_refuse(p, r, interface, "cannot find the card that %s is a function of: %s",
                                      pci_name(a).s, strerror(-r))
                     : change_card(p, interface, links, &place, &wanted);
}

/* All that the guest has, and is to have: they may be of one group. */
static size_t list_pci(const Prepare *p, PciHostAddress list[static PCI_MAX]) {
        size_t n = 0;

        XML_FOREACH(device, definition_devices(p->live), NULL)
                if (is_pci(device) && n < PCI_MAX)
                        list[n++] = address_of(device);
        return n;
}

static int check_pci(Prepare *p, const xmlNode *device, const PciHostAddress *list, size_t n) {
        PciHostAddress a = address_of(device);
        int r = check_card(p, device, &a);

        if (r >= 0)
                r = check_group(p, device, &a, list, n);
        return r < 0 ? r : claim_pci(p, device, &a);
}

/* The live definition says how it is given. */
static int name_driver(xmlNode *device) {
        xmlNode *driver = xml_is(device, "disk") ? NULL : xml_ensure(device, "driver");

        if (xml_is(device, "disk") || xml_attr(driver, "name"))
                return 0;
        return driver ? xml_set_attr(driver, "name", "vfio") : -ENOMEM;
}

static int give_pci(Prepare *p, xmlNode *device) {
        PciHostAddress a = address_of(device);
        unsigned group;
        int r;

        p->device = device_alias(device);
        r = take(p, device, &a);
        if (r >= 0)
                r = name_driver(device);
        if (r >= 0)
                r = set_card(p, device, &a);
        if (r >= 0)
                r = pci_group(&a, &group);
        if (r < 0)
                return r;
        return has_iommufd(device) ? give_iommufd(p, device, &a, group) : give_group(p, device, group);
}

int prepare_pci_device(Prepare *p, xmlNode *device) {
        PciHostAddress list[PCI_MAX];
        int r;

        p->res.hostdevs = p->hostdevs;
        r = check_pci(p, device, list, list_pci(p, list));

        return r < 0 ? r : give_pci(p, device);
}

/* All are looked at before one is taken, and nothing of a guest that cannot start was touched. */
static int prepare_pci(Prepare *p) {
        PciHostAddress list[PCI_MAX];
        size_t n = list_pci(p, list);
        int r = 0;

        XML_FOREACH(device, definition_devices(p->live), NULL)
                if (r >= 0 && is_pci(device))
                        r = check_pci(p, device, list, n);
        XML_FOREACH(device, definition_devices(p->live), NULL)
                if (r >= 0 && is_pci(device))
                        r = give_pci(p, device);
        return r;
}

static int prepare_mdev(Prepare *p, xmlNode *hostdev) {
        const char *uuid = xml_get(hostdev, "source/address/@uuid") ?: "";
        _cleanup_free_ char *thing = text_format("mediated device %s", uuid);
        unsigned group;
        int r;

        r = mdev_group(uuid, &group);
        if (r == -ENODEV)
                return prepare_refuse(p, r, hostdev, "mediated device '%s' not found", uuid);
        if (r < 0)
                return prepare_refuse(p, r, hostdev, "the mediated device '%s' is in no IOMMU group", uuid);
        r = thing ? claim(p, hostdev, &(Claim) { thing }) : -ENOMEM;
        return r < 0 ? r : give_group(p, hostdev, group);
}

/* --- USB --- */

static int missing_usb(Prepare *p, xmlNode *hostdev, xmlNode *source, const UsbMatch *m) {
        const char *policy = xml_attr(source, "startupPolicy");

        if (streq_ptr(policy, "optional"))
                return xml_set_attr(source, "missing", "yes");
        if (m->vendor)
                return prepare_refuse(p, -ENODEV, hostdev, "Did not find USB device %04x:%04x", m->vendor, m->product);
        return prepare_refuse(p, -ENODEV, hostdev, "Did not find USB device bus:%u device:%u", m->bus, m->device);
}

/* One that is given by what it is comes back by itself; without udev's help it does not, and that is all. */
static void wish_for(const UsbMatch *m) {
        int r = m->vendor && m->product ? usb_wish(m->vendor, m->product) : 0;

        if (r < 0)
                log_warning_errno(r, "the USB device %04x:%04x would not come back by itself: %s", m->vendor,
                                  m->product, strerror(-r));
}

static int claim_usb(Prepare *p, const xmlNode *hostdev, unsigned bus, unsigned device) {
        _cleanup_free_ char *thing = text_format("USB device %03u:%03u", bus, device);

        return thing ? claim(p, hostdev, &(Claim) { thing }) : -ENOMEM;
}

static int prepare_usb(Prepare *p, xmlNode *hostdev) {
        xmlNode *source = xml_child(hostdev, "source"), *address = xml_child(source, "address");
        UsbMatch m = {
                .vendor = number(xml_child(source, "vendor"), "id"),
                .product = number(xml_child(source, "product"), "id"),
                .bus = number(address, "bus"),
                .device = number(address, "device"),
                .port = xml_attr(address, "port"),
        };
        QemuHostdev *h = next(p, hostdev);
        unsigned bus, device;
        int r;

        r = h ? usb_find(&m, &bus, &device, &p->error) : -ENOMEM;
        if (r < 0)
                return prepare_blame(p, r, hostdev);
        wish_for(&m);
        if (r == 0)
                return missing_usb(p, hostdev, source, &m);
        r = claim_usb(p, hostdev, bus, device);
        if (r < 0)
                return r;
        address = address ?: xml_ensure(source, "address");
        r = address ? xml_set_attrf(address, "bus", "%u", bus) : -ENOMEM;
        if (r >= 0)
                r = xml_set_attrf(address, "device", "%u", device);
        if (r >= 0)
                r = usb_give(bus, device, &p->sink, &p->error);
        if (r < 0)
                return prepare_blame(p, r, hostdev);
        return descriptor_name(p, r, &h->path);
}

/* --- SCSI --- */

/* The generic device of a logical unit: the only entry of a folder. */
static int find_generic(const xmlNode *source, char **ret) {
        const char *adapter = xml_get(source, "adapter/@name") ?: "", *host = startswith(adapter, "scsi_host");
        const xmlNode *a = xml_child(source, "address");
        _cleanup_free_ char *folder = NULL;
        struct dirent *d;
        DIR *dir;

        folder = text_format("/sys/bus/scsi/devices/%s:%u:%u:%s/scsi_generic", host ?: "", number(a, "bus"),
                             number(a, "target"), xml_attr(a, "unit") ?: "0");
        if (!folder)
                return -ENOMEM;
        dir = opendir(folder);
        if (!dir)
                return -errno;
        while ((d = readdir(dir)) && d->d_name[0] == '.')
                ;
        *ret = d ? text_format("/dev/%s", d->d_name) : NULL;
        closedir(dir);
        return *ret ? 0 : -ENODEV;
}

static int claim_scsi(Prepare *p, const xmlNode *hostdev) {
        const xmlNode *source = xml_child(hostdev, "source"), *a = xml_child(source, "address");
        const char *adapter = xml_get(source, "adapter/@name") ?: "";
        _cleanup_free_ char *thing = text_format("SCSI device %s:%u:%u:%s", startswith(adapter, "scsi_host") ?: adapter,
                                                 number(a, "bus"), number(a, "target"), xml_attr(a, "unit") ?: "0");

        return thing ? claim(p, hostdev, &(Claim) { thing, NULL, xml_child(hostdev, "shareable") != NULL }) : -ENOMEM;
}

static int prepare_scsi(Prepare *p, xmlNode *hostdev) {
        bool readonly = xml_child(hostdev, "readonly");
        _cleanup_free_ char *path = NULL;
        _cleanup_close_ int fd = -EBADF;
        QemuHostdev *h;
        int r;

        if (xml_attr_is(xml_child(hostdev, "source"), "protocol", "iscsi"))
                return prepare_network_source(p, hostdev);
        h = next(p, hostdev);
        r = h ? find_generic(xml_child(hostdev, "source"), &path) : -ENOMEM;
        if (r < 0)
                return prepare_refuse(p, r, hostdev, "the host has no such SCSI device: %s", strerror(-r));
        r = claim_scsi(p, hostdev);
        if (r < 0)
                return r;
        fd = open(path, (readonly ? O_RDONLY : O_RDWR) | O_CLOEXEC);
        if (fd < 0)
                return prepare_refuse(p, -errno, hostdev, "cannot open '%s': %s", path, strerror(errno));
        r = descriptor_store(p, fd);
        return r < 0 ? r : descriptor_name(p, r, &h->path);
}

static int prepare_scsi_host(Prepare *p, xmlNode *hostdev) {
        _cleanup_close_ int fd = open("/dev/vhost-scsi", O_RDWR | O_CLOEXEC);
        QemuHostdev *h = next(p, hostdev);
        int r;

        if (!h)
                return -ENOMEM;
        if (fd < 0)
                return prepare_refuse(p, -errno, hostdev, "cannot open '/dev/vhost-scsi': %s", strerror(errno));
        r = descriptor_store(p, fd);
        if (r < 0)
                return r;
        h->fd = r;
        return 0;
}

static const struct {
        const char *type;
        int (*prepare)(Prepare *p, xmlNode *hostdev);
} types[] = {
        { "usb", prepare_usb }, { "mdev", prepare_mdev }, { "scsi", prepare_scsi }, { "scsi_host", prepare_scsi_host },
};

int prepare_hostdev(Prepare *p, xmlNode *hostdev) {
        p->res.hostdevs = p->hostdevs;
        p->device = device_alias(hostdev);
        for (size_t i = 0; i < ELEMENTSOF(types); i++)
                if (xml_attr_is(hostdev, "type", types[i].type))
                        return types[i].prepare(p, hostdev);
        return 0;
}

int prepare_hostdevs(Prepare *p) {
        int r;

        p->res.hostdevs = p->hostdevs;
        r = prepare_pci(p);
        XML_FOREACH(hostdev, definition_devices(p->live), "hostdev")
                if (r >= 0)
                        r = prepare_hostdev(p, hostdev);
        p->device = NULL;
        return r;
}
