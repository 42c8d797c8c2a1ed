/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The guest's end of character devices: serial and parallel ports, consoles,
 * channels, USB redirection. */

#include "build.h"

/* "char" and the alias: the id of the chardev of a device. */
static const char *chardev_id(Build *b, const xmlNode *n, DriverName *buf) {
        snprintf(buf->s, sizeof(buf->s), "char%.58s", need_alias(b, n));
        return buf->s;
}

static const struct {
        const char *target, *driver;
} serial_models[] = {
        { "isa-serial", "isa-serial" },
        { "usb-serial", "usb-serial" },
        { "pci-serial", "pci-serial" },
        { "isa-debug", "isa-debugcon" },
};

void build_serial(Build *b, const xmlNode *n) {
        const xmlNode *target = xml_child(n, "target");
        const char *type = xml_attr(target, "type") ?: "isa-serial";
        DriverName id;

        for (size_t i = 0; i < ELEMENTSOF(serial_models); i++) {
                json_t *o;

                if (!streq(serial_models[i].target, type))
                        continue;
                build_chardev(b, n, chardev_id(b, n, &id));
                o = device_new(b, serial_models[i].driver);
                put_str(b, o, "chardev", id.s);
                put_alias(b, o, n);
                if (streq(type, "isa-serial"))
                        put_int(b, o, "index", (long long) attr_u64(b, target, "port", sibling_index(n)));
                put_address(b, o, n);
                add_props(b, QEMU_PART_DEVICE, o);
                return;
        }
        build_refuse(b, target, "serial port of type '%s' is not supported", type);
}

void build_parallel(Build *b, const xmlNode *n) {
        DriverName id;
        json_t *o;

        build_chardev(b, n, chardev_id(b, n, &id));
        o = device_new(b, "isa-parallel");
        put_str(b, o, "chardev", id.s);
        put_alias(b, o, n);
        put_address(b, o, n);
        add_props(b, QEMU_PART_DEVICE, o);
}

static void put_port(Build *b, json_t *o, const xmlNode *n) {
        const xmlNode *address = xml_child(n, "address");
        DriverName buf;

        if (!xml_attr_is(address, "type", "virtio-serial"))
                return;
        put_strf(b, o, "bus", "%s.%llu",
                 controller_name(b, "virtio-serial", xml_attr(address, "controller") ?: "0", &buf),
                 (unsigned long long) attr_u64(b, address, "bus", 0));
        put_int(b, o, "nr", (long long) attr_u64(b, address, "port", 0));
}

static json_t *virtio_port(Build *b, const xmlNode *n, const char *driver) {
        DriverName id;
        json_t *o;

        build_chardev(b, n, chardev_id(b, n, &id));
        o = device_new(b, driver);
        put_port(b, o, n);
        put_str(b, o, "chardev", id.s);
        put_alias(b, o, n);
        return o;
}

/* The first console with the target of a serial port is that port once more. */
void build_console(Build *b, const xmlNode *n) {
        const char *type = xml_get(n, "target/@type") ?: "serial";
        json_t *o;

        if (streq(type, "serial") && sibling_index(n) == 0 && xml_child(b->devices, "serial"))
                return;
        if (!streq(type, "virtio")) {
                build_refuse(b, xml_child(n, "target") ?: n, "console of type '%s' is not supported", type);
                return;
        }
        o = virtio_port(b, n, "virtconsole");
        add_props(b, QEMU_PART_DEVICE, o);
}

/* A user network without a card: what the guest sends to the address goes to the host's end. */
static void build_forward(Build *b, const xmlNode *n, const xmlNode *target) {
        json_t *o, *list = json_array(), *item = json_object();
        DriverName id;

        build_chardev(b, n, chardev_id(b, n, &id));
        o = props_new(b);
        put_str(b, o, "type", "user");
        put_strf(b, item, "str", "tcp:%s:%s-chardev:%s", xml_attr(target, "address") ?: "",
                 xml_attr(target, "port") ?: "", id.s);
        if (!list || !item || json_array_append_new(list, item) < 0)
                build_fail(b, -ENOMEM);
        put_json(b, o, "guestfwd", list);
        put_alias(b, o, n);
        add_props(b, QEMU_PART_NETDEV, o);
}

void build_channel(Build *b, const xmlNode *n) {
        const xmlNode *target = xml_child(n, "target");
        const char *type = xml_attr(target, "type") ?: "", *name = xml_attr(target, "name");
        json_t *o;

        if (streq(type, "guestfwd")) {
                build_forward(b, n, target);
                return;
        }
        if (!streq(type, "virtio")) {
                build_refuse(b, target ?: n, "channel of type '%s' is not supported", type);
                return;
        }
        o = virtio_port(b, n, "virtserialport");
        if (!name && xml_attr_is(n, "type", "spicevmc"))
                name = "com.redhat.spice.0";
        put_str(b, o, "name", name);
        add_props(b, QEMU_PART_DEVICE, o);
}

void build_redirdev(Build *b, const xmlNode *n) {
        DriverName id;
        json_t *o;

        if (!xml_attr_is(n, "bus", "usb")) {
                build_refuse(b, n, "redirection on bus '%s' is not supported", xml_attr(n, "bus") ?: "");
                return;
        }
        build_chardev(b, n, chardev_id(b, n, &id));
        o = device_new(b, "usb-redir");
        put_str(b, o, "chardev", id.s);
        put_alias(b, o, n);
        put_redirfilter(b, o);
        put_boot(b, o, n);
        put_address(b, o, n);
        add_props(b, QEMU_PART_DEVICE, o);
}
