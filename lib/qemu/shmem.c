/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* <shmem>: memory shared with the host and other guests, with or without a server that rings a bell. */

#include "build.h"

static void build_plain(Build *b, const xmlNode *n) {
        const char *role = xml_attr(n, "role"), *alias = need_alias(b, n);
        DriverName id;
        json_t *o;

        snprintf(id.s, sizeof(id.s), "shmmem-%.55s", alias);
        o = build_object(b, "memory-backend-file", id.s);
        put_strf(b, o, "mem-path", "/dev/shm/%s", xml_attr(n, "name") ?: "");
        put_int(b, o, "size", (long long) element_size(b, xml_child(n, "size"), 1));
        put_bool(b, o, "share", true);
        add_props(b, QEMU_PART_OBJECT, o);

        o = device_new(b, "ivshmem-plain");
        put_alias(b, o, n);
        put_str(b, o, "memdev", id.s);
        if (role)
                put_str(b, o, "master", streq(role, "master") ? "on" : "off");
        put_address(b, o, n);
        add_props(b, QEMU_PART_DEVICE, o);
}

static void build_doorbell(Build *b, const xmlNode *n) {
        const xmlNode *msi = xml_child(n, "msi");
        const char *alias = need_alias(b, n), *path = xml_get(n, "server/@path");
        _cleanup_strbuf_ StrBuf chardev = {};
        json_t *o;

        strbuf_addf(&chardev, "socket,id=char%s", alias);
        if (path)
                put_opt(&chardev, "path", path);
        else
                strbuf_addf(&chardev, ",path=/var/lib/libvirt/shmem-%s-sock", xml_attr(n, "name") ?: "");
        add_chardev_buf(b, &chardev);

        o = device_new(b, "ivshmem-doorbell");
        put_alias(b, o, n);
        put_strf(b, o, "chardev", "char%s", alias);
        put_attr_uint(b, o, "vectors", msi, "vectors");
        put_attr_bool(b, o, "ioeventfd", msi, "ioeventfd");
        put_address(b, o, n);
        add_props(b, QEMU_PART_DEVICE, o);
}

void build_shmem(Build *b, const xmlNode *n) {
        const char *model = xml_get(n, "model/@type") ?: "";

        if (streq(model, "ivshmem-plain"))
                build_plain(b, n);
        else if (streq(model, "ivshmem-doorbell"))
                build_doorbell(b, n);
        else
                build_refuse(b, n, "shmem model '%s' is not supported", model);
}
