/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Character devices: the host's end of <serial>, <parallel>, <console>,
 * <channel>, ... One row a type. */

#include "blockdev.h"

/* The backend of a random number generator has the alias of that. */
const QemuChardev *build_find_chardev(const Build *b, const xmlNode *device) {
        const char *alias = device_alias(xml_is(device, "backend") ? device->parent : device);

        for (size_t i = 0; alias && i < b->res->n_chardevs; i++)
                if (streq(b->res->chardevs[i].alias, alias))
                        return &b->res->chardevs[i];
        return NULL;
}

static const xmlNode *source_of(const xmlNode *device, const char *mode) {
        XML_FOREACH(s, device, "source")
                if (!mode || streq(xml_attr(s, "mode") ?: "connect", mode))
                        return s;
        return NULL;
}

void chardev_reconnect(Build *b, StrBuf *o, const xmlNode *source) {
        const xmlNode *r = xml_child(source, "reconnect");
        uint64_t seconds;

        if (!r)
                return;
        seconds = xml_attr_bool(r, "enabled", false) ? attr_u64(b, r, "timeout", 0) : 0;
        if (qemu_caps_has(b->caps, QEMU_CAP_RECONNECT_MS))
                strbuf_addf(o, ",reconnect-ms=%llu", (unsigned long long) seconds * 1000);
        else
                strbuf_addf(o, ",reconnect=%llu", (unsigned long long) seconds);
}

static void need_path(Build *b, const xmlNode *device, const char *path) {
        if (!path || !*path)
                build_invalid(b, device, "the source names no path");
}

static void chardev_path(Build *b, StrBuf *o, const xmlNode *device) {
        const char *path = xml_attr(source_of(device, NULL), "path");

        need_path(b, device, path);
        put_opt(o, "path", path);
}

static void chardev_file(Build *b, StrBuf *o, const xmlNode *device) {
        const char *append = xml_attr(source_of(device, NULL), "append");
        const QemuChardev *res = build_find_chardev(b, device);

        if (res && res->path)
                put_opt(o, "path", res->path);
        else
                chardev_path(b, o, device);
        put_opt(o, "append", append ?: "on");
}

/* Where the definition leaves the path of a socket to us (guest agent). */
static void generated_path(Build *b, StrBuf *o, const xmlNode *device) {
        _cleanup_free_ char *path = NULL;

        path = text_format("%s/%s.sock", b->run_dir, need_alias(b, device));
        if (!path) {
                build_fail(b, -ENOMEM);
                return;
        }
        put_opt(o, "path", path);
}

static void chardev_unix(Build *b, StrBuf *o, const xmlNode *device) {
        const xmlNode *source = xml_child(device, "source");
        bool server = streq(xml_attr(source, "mode") ?: "bind", "bind");
        const QemuChardev *res = build_find_chardev(b, device);
        const char *path = res && res->path ? res->path : xml_attr(source, "path");

        if (server && b->res->recorded)
                strbuf_add(o, ",fd=1729");
        else if (res && res->fd > 0)
                strbuf_addf(o, ",fd=%d", res->fd);
        else if (path && *path)
                put_opt(o, "path", path);
        else if (server)
                generated_path(b, o, device);
        else
                need_path(b, device, path);
        if (server)
                strbuf_add(o, ",server=on,wait=off");
        else if (!res || res->fd <= 0)
                chardev_reconnect(b, o, source); /* a connection that was made is not made again */
}

/* The certificates, by which the other end is known. Those of a server may let anybody in. */
static void chardev_tls(Build *b, StrBuf *o, const xmlNode *device, bool server) {
        const QemuChardev *res = build_find_chardev(b, device);
        const char *alias = need_alias(b, xml_is(device, "backend") ? device->parent : device);
        DriverName id = {}, name = {};
        json_t *creds;

        snprintf(id.s, sizeof(id.s), "char%.40s", alias);
        if (image_opened(b, device))
                image_add_secret(b, device, id.s, 0, &name);
        snprintf(id.s, sizeof(id.s), "objchar%.40s_tls0", alias);
        creds = build_object(b, "tls-creds-x509", id.s);
        put_str(b, creds, "dir",
                res && res->tls_dir ? res->tls_dir : b->res->recorded ? "/etc/pki/libvirt-chardev" : "/etc/pki/qemu");
        put_str(b, creds, "endpoint", server ? "server" : "client");
        put_bool(b, creds, "verify-peer", !server || !res || !res->tls_anybody);
        put_str(b, creds, "priority", res ? res->tls_priority : NULL);
        put_str(b, creds, "passwordid", name.s[0] ? name.s : NULL);
        add_props(b, QEMU_PART_OBJECT, creds);
        put_opt(o, "tls-creds", id.s);
}

static void chardev_tcp(Build *b, StrBuf *o, const xmlNode *device) {
        const xmlNode *source = xml_child(device, "source");
        bool server = xml_attr_is(source, "mode", "bind");
        const char *protocol = xml_get(device, "protocol/@type");
        const QemuChardev *res = build_find_chardev(b, device);

        if (res && res->fd > 0) {
                strbuf_addf(o, ",fd=%d", res->fd);
        } else {
                put_opt(o, "host", xml_attr(source, "host") ?: "");
                put_opt(o, "port", xml_attr(source, "service") ?: "");
        }
        if (protocol && streq(protocol, "telnet"))
                put_opt(o, "telnet", "on");
        if (server)
                strbuf_add(o, ",server=on,wait=off");
        else if (!res || res->fd <= 0)
                chardev_reconnect(b, o, source);
        if (xml_attr_is(source, "tls", "yes"))
                chardev_tls(b, o, device, server);
}

static void chardev_udp(Build *b, StrBuf *o, const xmlNode *device) {
        const xmlNode *to = source_of(device, "connect"), *from = source_of(device, "bind");

        put_opt(o, "host", xml_attr(to, "host") ?: "");
        put_opt(o, "port", xml_attr(to, "service") ?: "");
        /* The empty address is any; port 0 is chosen by the kernel. */
        put_opt(o, "localaddr", xml_attr(from, "host") ?: "");
        put_opt(o, "localport", xml_attr(from, "service") ?: "0");
}

static void chardev_spicevmc(Build *b, StrBuf *o, const xmlNode *device) {
        const char *name = xml_is(device, "channel") ? xml_get(device, "target/@name") : NULL;

        if (name && !streq(name, "com.redhat.spice.0"))
                build_refuse(b, device, "Unsupported spicevmc target name '%s'", name);
        put_opt(o, "name", xml_is(device, "redirdev")    ? "usbredir"
                       : xml_is(device, "smartcard") ? "smartcard"
                                                     : "vdagent");
}

static void chardev_spiceport(Build *b, StrBuf *o, const xmlNode *device) {
        put_opt(o, "name", xml_attr(source_of(device, NULL), "channel"));
}

static void chardev_vdagent(Build *b, StrBuf *o, const xmlNode *device) {
        const xmlNode *source = xml_child(device, "source");

        put_opt(o, "name", "vdagent");
        if (xml_get(source, "clipboard/@copypaste"))
                put_opt_onoff(o, "clipboard", streq(xml_get(source, "clipboard/@copypaste"), "yes"));
        if (xml_get(source, "mouse/@mode"))
                put_opt_onoff(o, "mouse", streq(xml_get(source, "mouse/@mode"), "client"));
}

static const struct {
        const char *type, *backend;
        void (*add)(Build *b, StrBuf *o, const xmlNode *device);
} types[] = {
        { "pty", "pty", NULL },
        { "null", "null", NULL },
        { "vc", "vc", NULL },
        { "stdio", "stdio", NULL },
        { "file", "file", chardev_file },
        { "pipe", "pipe", chardev_path },
        { "dev", "serial", chardev_path },
        { "unix", "socket", chardev_unix },
        { "tcp", "socket", chardev_tcp },
        { "udp", "udp", chardev_udp },
        { "spicevmc", "spicevmc", chardev_spicevmc },
        { "spiceport", "spiceport", chardev_spiceport },
        { "qemu-vdagent", "qemu-vdagent", chardev_vdagent },
        { "dbus", "dbus", chardev_spiceport },
};

/* Copies of what the guest writes: to the host side's log, or to the file of <log>. */
static void chardev_log(Build *b, StrBuf *o, const xmlNode *device) {
        const QemuChardev *res = build_find_chardev(b, device);
        const xmlNode *log = xml_child(device, "log");

        if (res && res->log_path) {
                put_opt(o, "logfile", res->log_path);
                put_opt(o, "logappend", "on");
        } else if (log) {
                put_opt(o, "logfile", xml_attr(log, "file"));
                if (xml_attr(log, "append"))
                        put_opt_onoff(o, "logappend", xml_attr_bool(log, "append", false));
        }
}

void build_chardev(Build *b, const xmlNode *device, const char *id) {
        const char *type = xml_attr(device, "type") ?: "";
        _cleanup_strbuf_ StrBuf o = {};

        for (size_t i = 0; i < ELEMENTSOF(types); i++) {
                const char *backend = types[i].backend;

                if (!streq(types[i].type, type))
                        continue;
                if (streq(type, "dev") && xml_is(device, "parallel"))
                        backend = "parallel";
                strbuf_add(&o, backend);
                put_opt(&o, "id", id);
                if (types[i].add)
                        types[i].add(b, &o, device);
                chardev_log(b, &o, device);
                add_chardev_buf(b, &o);
                return;
        }
        build_refuse(b, device, "character device type '%s' is not supported", type);
}

void build_helper_chardev(Build *b, const xmlNode *device, const char *id, const char *recorded_path) {
        const QemuChardev *res = build_find_chardev(b, device);
        _cleanup_strbuf_ StrBuf o = {};
        _cleanup_free_ char *path = NULL;

        strbuf_add(&o, "socket");
        put_opt(&o, "id", id);
        if (res && res->fd > 0) {
                strbuf_addf(&o, ",fd=%d", res->fd);
        } else if (res && res->path) {
                put_opt(&o, "path", res->path);
        } else if (b->res->recorded && recorded_path) {
                put_opt(&o, "path", recorded_path);
        } else if (b->res->recorded) {
                strbuf_add(&o, ",fd=1729"); /* where the others have a path, a made-up number */
        } else {
                path = text_format("%s/%s.sock", b->run_dir, need_alias(b, device));
                if (!path)
                        build_fail(b, -ENOMEM);
                put_opt(&o, "path", path);
        }
        add_chardev_buf(b, &o);
}
