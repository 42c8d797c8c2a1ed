/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* <tpm>: a chip of the host, or a connection to a program that emulates one. */

#include "build.h"

/* Descriptors of the host's chip and of the file that cancels a command of it. */
static void add_passthrough(Build *b, const xmlNode *n, const xmlNode *backend) {
        const QemuChardev *res = build_find_chardev(b, n);
        _cleanup_strbuf_ StrBuf o = {};

        strbuf_addf(&o, "passthrough,id=tpm-%s", need_alias(b, n));
        if (b->res->recorded) {
                strbuf_add(&o, ",path=/dev/fdset/0,cancel-path=/dev/fdset/1");
        } else {
                put_opt(&o, "path", res && res->path ? res->path : xml_get(backend, "device/@path"));
                put_opt(&o, "cancel-path", res ? res->log_path : NULL);
        }
        add_option_buf(b, "-tpmdev", &o);
}

static void add_socket(Build *b, const xmlNode *n, const xmlNode *backend) {
        bool external = xml_attr_is(backend, "type", "external");
        const char *path = xml_get(backend, "source/@path");
        _cleanup_strbuf_ StrBuf o = {};

        if (external && !build_find_chardev(b, n)) {
                strbuf_add(&o, "socket,id=chrtpm");
                put_opt(&o, "path", path);
                add_chardev_buf(b, &o);
        } else {
                build_helper_chardev(b, n, "chrtpm", "/dev/test");
        }
        add_option(b, "-tpmdev", "emulator,id=tpm-%s,chardev=chrtpm", need_alias(b, n));
}

void build_tpm(Build *b, const xmlNode *n) {
        const xmlNode *backend = xml_child(n, "backend");
        json_t *o;

        if (xml_attr_is(backend, "type", "passthrough"))
                add_passthrough(b, n, backend);
        else
                add_socket(b, n, backend);
        o = device_new(b, xml_attr(n, "model") ?: "tpm-tis");
        put_strf(b, o, "tpmdev", "tpm-%s", need_alias(b, n));
        put_alias(b, o, n);
        add_props(b, QEMU_PART_DEVICE, o);
}
