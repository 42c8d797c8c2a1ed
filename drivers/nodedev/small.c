/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Kinds of devices of a few lines each: USB, links, graphics, mediated and vDPA devices. */

#include "base/fs.h"
#include "base/strings.h"
#include "nodedev.h"


/* --- USB --- */

static bool is_usb(sd_device *d, const char *subsystem, const char *devtype) {
        return streq(devtype, "usb_device");
}

static void describe_usb(Description *d) {
        describe_number(d, "bus", device_number(d->device, "busnum", 10));
        describe_number(d, "device", device_number(d->device, "devnum", 10));
        describe_id(d, "product", "idProduct",
                    device_property(d->device, "ID_MODEL_FROM_DATABASE") ?: device_attribute(d->device, "product"));
        describe_id(d, "vendor", "idVendor",
                    device_property(d->device, "ID_VENDOR_FROM_DATABASE") ?:
                    device_attribute(d->device, "manufacturer"));
}

const DeviceKind device_usb = { .capability = "usb_device", .flag = 4, .is = is_usb, .describe = describe_usb };

static bool is_usb_interface(sd_device *d, const char *subsystem, const char *devtype) {
        return streq(devtype, "usb_interface");
}

static void describe_usb_interface(Description *d) {
        describe_number(d, "number", device_number(d->device, "bInterfaceNumber", 16));
        describe_number(d, "class", device_number(d->device, "bInterfaceClass", 16));
        describe_number(d, "subclass", device_number(d->device, "bInterfaceSubClass", 16));
        describe_number(d, "protocol", device_number(d->device, "bInterfaceProtocol", 16));
        describe_text(d, "description", device_attribute(d->device, "interface"));
}

const DeviceKind device_usb_interface = {
        .capability = "usb", .flag = 8, .is = is_usb_interface, .describe = describe_usb_interface,
};

/* --- links --- */

/* Of one that is about to go the kernel says nothing any more, and without its address it would be another device to
 * clients. */
static bool is_net(sd_device *d, const char *subsystem, const char *devtype) {
        const char *address;
        int ifindex;

        return streq(subsystem, "net") && sd_device_get_ifindex(d, &ifindex) >= 0 &&
               sd_device_get_sysattr_value(d, "address", &address) >= 0;
}

static const char *mac(sd_device *d) {
        return device_attribute(d, "address");
}

static void describe_net(Description *d) {
        const char *address = mac(d->device), *state = device_attribute(d->device, "operstate"), *devtype = "";
        long long speed = state && streq(state, "up") ? device_number(d->device, "speed", 10) : 0;
        bool has_mac = address && strlen(address) == 17;
        const char *sysname = NULL, *syspath;
        DocumentElement *n;

        if (sd_device_get_sysname(d->device, &sysname) >= 0)
                describe_text(d, "interface", sysname);
        describe_text(d, "address", has_mac ? address : NULL);
        n = document_add(d->writer, d->capability, "link", NULL);
        if (speed > 0)
                document_attrf(d->writer, n, "speed", "%lli", speed);
        document_attr(d->writer, n, "state", state);
        if (sysname && sd_device_get_syspath(d->device, &syspath) >= 0)
                describe_link_features(d, sysname, syspath);
        (void) sd_device_get_devtype(d->device, &devtype);
        if (has_mac)
                document_attr(d->writer, document_add(d->writer, d->capability, "capability", NULL), "type",
                              streq(devtype, "wlan") ? "80211" : "80203");
}

/* Links tell of their state and address, but not of another speed. That of others than those in use is not shown, and
 * not asked for: the kernel keeps who asks waiting while links come and go anywhere. */
static void unannounced_net(const char *syspath, StrBuf *to) {
        unannounced_attribute(to, syspath, "operstate");
        if (!to->failed && streq(to->data, "up\n;"))
                unannounced_attribute(to, syspath, "speed");
}

const DeviceKind device_net = {
        .capability = "net", .flag = 16, .is = is_net, .suffix = mac, .describe = describe_net,
        .unannounced = unannounced_net,
};

/* --- graphics --- */

static const struct {
        const char *prefix, *type;
} drm_types[] = { { "card", "primary" }, { "controlD", "control" }, { "renderD", "render" } };

/* Connectors ("card0-DP-1") are in the same subsystem. */
static const char *drm_type(sd_device *d) {
        const char *sysname = "", *number;

        (void) sd_device_get_sysname(d, &sysname);
        for (size_t i = 0; i < ELEMENTSOF(drm_types); i++) {
                number = startswith(sysname, drm_types[i].prefix);
                if (number && *number && strspn(number, "0123456789") == strlen(number))
                        return drm_types[i].type;
        }
        return NULL;
}

static bool is_drm(sd_device *d, const char *subsystem, const char *devtype) {
        return streq(subsystem, "drm") && drm_type(d);
}

static void describe_drm(Description *d) {
        describe_text(d, "type", drm_type(d->device));
}

const DeviceKind device_drm = { .capability = "drm", .flag = 4096, .is = is_drm, .describe = describe_drm };

/* --- mediated devices --- */

static bool is_mdev(sd_device *d, const char *subsystem, const char *devtype) {
        return streq(subsystem, "mdev");
}

static const char *mdev_parent(sd_device *d) {
        const char *sysname;
        sd_device *parent;

        return sd_device_get_parent(d, &parent) >= 0 && sd_device_get_sysname(parent, &sysname) >= 0 ? sysname : NULL;
}

/* The last part of what a link of the device leads to; NULL where there is none. The caller's. */
static char *link_end(sd_device *d, const char *name) {
        _cleanup_free_ char *path = NULL;
        const char *syspath;
        char *end;

        if (sd_device_get_syspath(d, &syspath) < 0 || !(path = text_format("%s/%s", syspath, name)))
                return NULL;
        return link_target_name(path, &end) < 0 ? NULL : end;
}

static void describe_mdev(Description *d) {
        _cleanup_free_ char *type = link_end(d->device, "mdev_type"), *group = link_end(d->device, "iommu_group");
        const char *s;

        if (type)
                document_attr(d->writer, document_add(d->writer, d->capability, "type", NULL), "id", type);
        if (sd_device_get_sysname(d->device, &s) >= 0)
                describe_text(d, "uuid", s);
        describe_text(d, "parent_addr", mdev_parent(d->device));
        if (group)
                document_attr(d->writer, document_add(d->writer, d->capability, "iommuGroup", NULL), "number", group);
}

const DeviceKind device_mdev = {
        .capability = "mdev", .flag = 16384, .is = is_mdev, .suffix = mdev_parent, .describe = describe_mdev,
};

/* --- vDPA --- */

static bool is_vdpa(sd_device *d, const char *subsystem, const char *devtype) {
        return streq(subsystem, "vdpa");
}

static void describe_vdpa(Description *d) {
        sd_device *c = sd_device_get_child_first(d->device, NULL);

        for (; c; c = sd_device_get_child_next(d->device, NULL)) {
                const char *sysname;

                if (sd_device_get_sysname(c, &sysname) >= 0 && startswith(sysname, "vhost-vdpa-"))
                        document_addf(d->writer, d->capability, "chardev", "/dev/%s", sysname);
        }
}

const DeviceKind device_vdpa = { .capability = "vdpa", .flag = 131072, .is = is_vdpa, .describe = describe_vdpa };
