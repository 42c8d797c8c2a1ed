/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The host's ends of network cards that are no taps: sockets between guests, switches by vhost-user, vDPA, passt. */

#include "build.h"

/* "192.168.0.1:5558" */
static void put_endpoint(Build *b, json_t *o, const char *key, const xmlNode *at) {
        put_strf(b, o, key, "%s:%s", xml_attr(at, "address") ?: "", xml_attr(at, "port") ?: "");
}

static void put_socket(Build *b, json_t *o, const xmlNode *n) {
        static const char *const keys[][2] = {
                { "server", "listen" }, { "client", "connect" }, { "mcast", "mcast" }, { "udp", "udp" }
        };
        const xmlNode *source = xml_child(n, "source"), *local = xml_child(source, "local");

        put_str(b, o, "type", "socket");
        for (size_t i = 0; i < ELEMENTSOF(keys); i++)
                if (xml_attr_is(n, "type", keys[i][0]))
                        put_endpoint(b, o, keys[i][1], source);
        if (local)
                put_endpoint(b, o, "localaddr", local);
}

static void add_reconnect(Build *b, StrBuf *chardev, unsigned seconds) {
        if (qemu_caps_has(b->caps, QEMU_CAP_RECONNECT_MS))
                strbuf_addf(chardev, ",reconnect-ms=%u", seconds * 1000);
        else
                strbuf_addf(chardev, ",reconnect=%u", seconds);
}

/* Where passt listens for this guest. */
static char *passt_path(Build *b, const xmlNode *n) {
        if (b->res->recorded)
                return text_format("/var/run/libvirt/qemu/passt/-1-%.12s-%s.socket", definition_name(b->d),
                                   need_alias(b, n));
        return text_format("%s/%s-passt.sock", b->run_dir, need_alias(b, n));
}

#define PASST_RECONNECT 5U

static void put_vhostuser(Build *b, json_t *o, const xmlNode *n) {
        bool passt = xml_attr_is(xml_child(n, "backend"), "type", "passt");
        const xmlNode *source = xml_child(n, "source"), *again = xml_child(source, "reconnect");
        const QemuChardev *res = build_find_chardev(b, n);
        _cleanup_free_ char *path = passt ? passt_path(b, n) : NULL;
        uint64_t queues = attr_u64(b, xml_child(n, "driver"), "queues", 1);
        _cleanup_strbuf_ StrBuf chardev = {};

        strbuf_addf(&chardev, "socket,id=char%s", need_alias(b, n));
        if (res && res->fd > 0)
                strbuf_addf(&chardev, ",fd=%d", res->fd);
        else
                put_opt(&chardev, "path", path ?: xml_attr(source, "path") ?: "");
        if (!passt && xml_attr_is(source, "mode", "server"))
                strbuf_add(&chardev, ",server=on");
        else if (passt)
                add_reconnect(b, &chardev, PASST_RECONNECT);
        else if (again)
                add_reconnect(b, &chardev,
                              xml_attr_bool(again, "enabled", false) ? (unsigned) attr_u64(b, again, "timeout", 0) : 0);
        add_chardev_buf(b, &chardev);

        put_str(b, o, "type", "vhost-user");
        put_strf(b, o, "chardev", "char%s", need_alias(b, n));
        if (queues > 1)
                put_int(b, o, "queues", (long long) queues);
}

static void put_vdpa(Build *b, json_t *o, const xmlNode *n) {
        const QemuChardev *res = build_find_chardev(b, n);
        uint64_t queues = attr_u64(b, xml_child(n, "driver"), "queues", 1);

        put_str(b, o, "type", "vhost-vdpa");
        put_str(b, o, "vhostdev",
                b->res->recorded   ? "/dev/fdset/0"
                : res && res->path ? res->path
                                   : xml_get(n, "source/@dev"));
        if (queues > 1)
                put_int(b, o, "queues", (long long) queues);
}

/* A stream to passt, which does what QEMU's own user network does, faster and beside QEMU. */
static void put_passt(Build *b, json_t *o, const xmlNode *n) {
        _cleanup_free_ char *path = passt_path(b, n);
        const QemuChardev *res = build_find_chardev(b, n);
        json_t *address = json_object();

        if (!path)
                build_fail(b, -ENOMEM);
        put_str(b, o, "type", "stream");
        put_json(b, o, "addr", address);
        if (res && res->fd > 0 && o && address) {
                put_str(b, address, "type", "fd");
                put_strf(b, address, "str", "%d", res->fd);
                put_bool(b, o, "server", false);
                return;
        }
        if (o && address) {
                put_str(b, address, "type", "unix");
                put_str(b, address, "path", path);
        }
        put_bool(b, o, "server", false);
        if (qemu_caps_has(b->caps, QEMU_CAP_RECONNECT_MS))
                put_int(b, o, "reconnect-ms", PASST_RECONNECT * 1000);
        else if (qemu_caps_version(b->caps) >= 800)
                put_int(b, o, "reconnect", PASST_RECONNECT);
}

static const struct {
        const char *type;
        void (*put)(Build *b, json_t *o, const xmlNode *n);
} types[] = {
        { "server", put_socket }, { "client", put_socket }, { "mcast", put_socket }, { "udp", put_socket },
        { "vhostuser", put_vhostuser }, { "vdpa", put_vdpa }, { "user", put_passt },
};

bool put_netdev(Build *b, json_t *o, const xmlNode *n) {
        for (size_t i = 0; i < ELEMENTSOF(types); i++)
                if (xml_attr_is(n, "type", types[i].type)) {
                        types[i].put(b, o, n);
                        return true;
                }
        return false;
}
