/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* <input> and <hub>. */

#include "build.h"

static const struct {
        const char *bus, *type, *driver;   /* driver NULL: part of the machine */
} inputs[] = {
        { "ps2", "mouse", NULL },
        { "ps2", "keyboard", NULL },
        { "usb", "mouse", "usb-mouse" },
        { "usb", "tablet", "usb-tablet" },
        { "usb", "keyboard", "usb-kbd" },
        { "virtio", "mouse", "virtio-mouse" },
        { "virtio", "tablet", "virtio-tablet" },
        { "virtio", "keyboard", "virtio-keyboard" },
        { "virtio", "passthrough", "virtio-input-host" },
};

/* Opened by the host side, or as the definition says. */
static const char *evdev_of(const Build *b, const xmlNode *n, const char *attr) {
        const QemuChardev *res = build_find_chardev(b, n);

        return res && res->path ? res->path : xml_attr(xml_child(n, "source"), attr);
}

static void build_evdev(Build *b, const xmlNode *n) {
        const xmlNode *source = xml_child(n, "source");
        const char *grab = xml_attr(source, "grab");
        json_t *o = build_object(b, "input-linux", need_alias(b, n));

        put_str(b, o, "evdev", evdev_of(b, n, "dev"));
        put_attr_bool(b, o, "repeat", source, "repeat");
        if (grab && streq(grab, "all"))
                put_bool(b, o, "grab_all", true);
        put_attr(b, o, "grab-toggle", source, "grabToggle");
        add_props(b, QEMU_PART_OBJECT, o);
}

void build_input(Build *b, const xmlNode *n) {
        const char *type = xml_attr(n, "type") ?: "", *bus = xml_attr(n, "bus") ?: "ps2";
        DriverName name;

        if (streq(type, "evdev")) {
                build_evdev(b, n);
                return;
        }
        for (size_t i = 0; i < ELEMENTSOF(inputs); i++) {
                const char *driver = inputs[i].driver;
                json_t *o;

                if (!streq(inputs[i].bus, bus) || !streq(inputs[i].type, type))
                        continue;
                if (!driver)
                        return;
                if (streq(bus, "virtio"))
                        driver = virtio_driver(b, n, driver, xml_attr(n, "model"), &name);
                o = device_new(b, driver);
                put_virtio(b, o, n);
                put_alias(b, o, n);
                put_str(b, o, "evdev", evdev_of(b, n, "evdev"));
                put_address(b, o, n);
                add_props(b, QEMU_PART_DEVICE, o);
                return;
        }
        build_refuse(b, n, "input '%s' is not supported on bus '%s'", type, bus);
}

void build_hub(Build *b, const xmlNode *n) {
        json_t *o;

        if (!xml_attr_is(n, "type", "usb")) {
                build_refuse(b, n, "hub of type '%s' is not supported", xml_attr(n, "type") ?: "");
                return;
        }
        o = device_new(b, "usb-hub");
        put_alias(b, o, n);
        put_address(b, o, n);
        add_props(b, QEMU_PART_DEVICE, o);
}
