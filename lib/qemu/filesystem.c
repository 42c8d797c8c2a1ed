/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* <filesystem>: a folder of the host, by QEMU's own 9p server, a virtiofs helper beside it, or as a USB media
 * device. */

#include "build.h"

static void add_fsdev(Build *b, const xmlNode *n) {
        static const char *const models[][2] = { { "passthrough", "passthrough" },
                                                 { "mapped", "mapped" },
                                                 { "squash", "none" } };
        const char *mode = xml_attr(n, "accessmode") ?: "passthrough", *devices = xml_attr(n, "multidevs");
        const char *policy = xml_get(n, "driver/@wrpolicy");
        _cleanup_strbuf_ StrBuf o = {};

        strbuf_add(&o, "local");
        for (size_t i = 0; i < ELEMENTSOF(models); i++)
                if (streq(models[i][0], mode))
                        put_opt(&o, "security_model", models[i][1]);
        if (devices && !streq(devices, "default"))
                put_opt(&o, "multidevs", devices);
        put_opt(&o, "fmode", xml_attr(n, "fmode"));
        put_opt(&o, "dmode", xml_attr(n, "dmode"));
        put_opt(&o, "writeout", policy);
        strbuf_addf(&o, ",id=fsdev-%s", need_alias(b, n));
        put_opt(&o, "path", xml_get(n, "source/@dir"));
        if (xml_child(n, "readonly"))
                strbuf_add(&o, ",readonly=on");
        add_option_buf(b, "-fsdev", &o);
}

static void build_9p(Build *b, const xmlNode *n) {
        DriverName name;
        json_t *o;

        add_fsdev(b, n);
        o = device_new(b, virtio_driver(b, n, "virtio-9p", xml_attr(n, "model"), &name));
        put_virtio(b, o, n);
        put_alias(b, o, n);
        put_strf(b, o, "fsdev", "fsdev-%s", need_alias(b, n));
        put_str(b, o, "mount_tag", xml_get(n, "target/@dir"));
        put_address(b, o, n);
        add_props(b, QEMU_PART_DEVICE, o);
}

static void add_virtiofs_socket(Build *b, const xmlNode *n, const char *id) {
        const char *path = xml_get(n, "source/@socket");
        _cleanup_free_ char *recorded = NULL;
        _cleanup_strbuf_ StrBuf o = {};

        if (path && !build_find_chardev(b, n)) {
                strbuf_addf(&o, "socket,id=%s", id);
                put_opt(&o, "path", path);
                add_chardev_buf(b, &o);
                return;
        }
        recorded =
                text_format("/var/lib/libvirt/qemu/domain--1-%s/%s-fs.sock", definition_name(b->d), need_alias(b, n));
        if (!recorded)
                build_fail(b, -ENOMEM);
        build_helper_chardev(b, n, id, recorded);
}

static void build_virtiofs(Build *b, const xmlNode *n) {
        DriverName id, name;
        json_t *o;

        snprintf(id.s, sizeof(id.s), "chr-vu-%.55s", need_alias(b, n));
        add_virtiofs_socket(b, n, id.s);
        o = device_new(b, virtio_driver(b, n, "vhost-user-fs", NULL, &name));
        put_virtio(b, o, n);
        put_alias(b, o, n);
        put_str(b, o, "chardev", id.s);
        put_attr_uint(b, o, "queue-size", xml_child(n, "driver"), "queue");
        put_str(b, o, "tag", xml_get(n, "target/@dir"));
        put_boot(b, o, n);
        put_address(b, o, n);
        add_props(b, QEMU_PART_DEVICE, o);
}

static void build_mtp(Build *b, const xmlNode *n) {
        json_t *o = device_new(b, "usb-mtp");

        put_alias(b, o, n);
        put_str(b, o, "rootdir", xml_get(n, "source/@dir"));
        put_str(b, o, "desc", xml_get(n, "target/@dir"));
        put_bool(b, o, "readonly", xml_child(n, "readonly"));
        put_address(b, o, n);
        add_props(b, QEMU_PART_DEVICE, o);
}

void build_filesystem(Build *b, const xmlNode *n) {
        const char *type = xml_get(n, "driver/@type") ?: "path";

        if (streq(type, "path"))
                build_9p(b, n);
        else if (streq(type, "virtiofs"))
                build_virtiofs(b, n);
        else if (streq(type, "mtp"))
                build_mtp(b, n);
        else
                build_refuse(b, n, "filesystem driver '%s' is not supported", type);
}
