/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Images that QEMU itself reaches over the network: one function a protocol. */

#include "blockdev.h"

/* --- servers --- */

static const xmlNode *only_host(Build *b, const Image *image) {
        const xmlNode *host = xml_child(image->source, "host");

        if (!host)
                build_invalid(b, image->source ?: image->layer, "the source names no host");
        else if (xml_next(host, "host"))
                build_invalid(b, xml_next(host, "host"), "protocol '%s' accepts only one host",
                              xml_attr(image->source, "protocol"));
        return host;
}

static uint64_t port_of(Build *b, const xmlNode *host, unsigned otherwise) {
        return attr_u64(b, host, "port", otherwise);
}

/* {"host": ..., "port": ...}, a port of 0 left out. */
static json_t *server_new(Build *b, const xmlNode *host, unsigned otherwise) {
        uint64_t port = port_of(b, host, otherwise);
        json_t *o = props_new(b);

        put_str(b, o, "host", xml_attr(host, "name"));
        if (port > 0)
                put_strf(b, o, "port", "%llu", (unsigned long long) port);
        return o;
}

/* The same with the type of the socket. */
static json_t *socket_new(Build *b, const xmlNode *host, unsigned otherwise) {
        const QemuOpened *opened = image_opened(b, host);
        json_t *o;

        if (!xml_attr_is(host, "transport", "unix")) {
                o = server_new(b, host, otherwise);
                put_str(b, o, "type", "inet");
                return o;
        }
        o = props_new(b);
        put_str(b, o, "type", opened ? "fd" : "unix");
        if (opened)
                put_strf(b, o, "str", "%d", opened->fd);
        else
                put_str(b, o, "path", xml_attr(host, "socket"));
        return o;
}

static void refuse_unix(Build *b, const xmlNode *host) {
        if (xml_attr(host, "transport") && !xml_attr_is(host, "transport", "tcp"))
                build_refuse(b, host, "transport '%s' is not supported for this protocol", xml_attr(host, "transport"));
}

/* Name and password of who asks: in QEMU's words for this driver. */
static void put_auth(Build *b, json_t *o, const Image *image, const char *user, const char *secret) {
        DriverName id = {}, name = {}, node;

        if (!image->auth)
                return;
        image_source_name(image, &node);
        snprintf(id.s, sizeof(id.s), "%.40s%s", node.s, endswith(node.s, "-backend") ? "" : "-auth");
        image_add_secret(b, xml_child(image->auth, "secret"), id.s, 0, &name);
        put_str(b, o, user, xml_attr(image->auth, "username"));
        put_str(b, o, secret, name.s);
}

static void refuse_auth(Build *b, const Image *image) {
        if (image->auth)
                build_refuse(b, image->auth, "<auth> is not supported for the protocol '%s'",
                             xml_attr(image->source, "protocol"));
}

/* --- protocols --- */

/* The certificates, by which a server is known and QEMU proves to be who it is. */
static void put_tls(Build *b, json_t *o, const Image *image) {
        const QemuOpened *opened = image_opened(b, image->source);
        DriverName id = {}, node;
        json_t *creds;

        if (!xml_attr_is(image->source, "tls", "yes"))
                return;
        image_source_name(image, &node);
        snprintf(id.s, sizeof(id.s), "obj%.40s_tls0", node.s);
        creds = build_object(b, "tls-creds-x509", id.s);
        put_str(b, creds, "dir", opened ? opened->path : b->res->recorded ? "/etc/pki/libvirt-nbd" : "/etc/pki/qemu");
        put_str(b, creds, "endpoint", "client");
        put_bool(b, creds, "verify-peer", true);
        add_props(b, QEMU_PART_OBJECT, creds);
        put_str(b, o, "tls-creds", id.s);
        put_attr(b, o, "tls-hostname", image->source, "tlsHostname");
}

static void put_nbd(Build *b, json_t *o, const Image *image, const char *layer) {
        const xmlNode *host = only_host(b, image), *reconnect = xml_child(image->source, "reconnect");

        refuse_auth(b, image);
        if (xml_attr_is(host, "transport", "rdma"))
                refuse_unix(b, host);
        put_json(b, o, "server", socket_new(b, host, 10809));
        put_attr(b, o, "export", image->source, "name");
        put_tls(b, o, image);
        put_attr_uint(b, o, "reconnect-delay", reconnect, "delay");
}

/* user+password@ is in no URL: QEMU has words of their own for them. */
static void put_curl(Build *b, json_t *o, const Image *image, const char *layer) {
        static const struct {
                const char *protocol;
                unsigned port;
        } ports[] = { { "http", 80 }, { "https", 443 }, { "ftp", 21 }, { "ftps", 990 } };
        const char *protocol = xml_attr(image->source, "protocol"), *query = xml_attr(image->source, "query"),
                   *name = xml_attr(image->source, "name") ?: "";
        const xmlNode *host = only_host(b, image), *cookies = xml_child(image->source, "cookies");
        const char *server = xml_attr(host, "name") ?: "", *ssl = xml_get(image->source, "ssl/@verify");
        bool v6 = strchr(server, ':');
        DriverName id = {}, secret = {}, node;
        unsigned port = 0;

        refuse_unix(b, host);
        for (size_t i = 0; i < ELEMENTSOF(ports); i++)
                if (streq(ports[i].protocol, protocol))
                        port = ports[i].port;
        put_strf(b, o, "url", "%s://%s%s%s:%llu%s%s%s%s", protocol, v6 ? "[" : "", server, v6 ? "]" : "",
                 (unsigned long long) port_of(b, host, port), *name == '/' ? "" : "/", name, query ? "?" : "",
                 query ?: "");
        put_auth(b, o, image, "username", "password-secret");
        if (ssl)
                put_bool(b, o, "sslverify", streq(ssl, "yes"));
        if (xml_child(cookies, "cookie")) {
                image_source_name(image, &node);
                snprintf(id.s, sizeof(id.s), "%.40s-httpcookie", node.s);
                image_add_secret(b, cookies, id.s, 0, &secret);
                put_str(b, o, "cookie-secret", secret.s);
        }
        put_attr_uint(b, o, "readahead", xml_child(image->source, "readahead"), "size");
        put_attr_uint(b, o, "timeout", xml_child(image->source, "timeout"), "seconds");
}

static void put_iscsi(Build *b, json_t *o, const Image *image, const char *layer) {
        const char *name = xml_attr(image->source, "name") ?: "", *slash = strrchr(name, '/');
        const xmlNode *host = only_host(b, image);
        const char *server = xml_attr(host, "name") ?: "";
        bool v6 = strchr(server, ':');
        unsigned lun = 0;

        if (slash && parse_uint(slash + 1, &lun) < 0)
                build_invalid(b, image->source, "cannot parse target for lunID '%s'", slash + 1);
        refuse_unix(b, host);
        put_strf(b, o, "portal", "%s%s%s:%llu", v6 ? "[" : "", server, v6 ? "]" : "",
                 (unsigned long long) port_of(b, host, 3260));
        put_strf(b, o, "target", "%.*s", slash ? (int) (slash - name) : (int) strlen(name), name);
        put_int(b, o, "lun", lun);
        put_str(b, o, "transport", "tcp");
        put_auth(b, o, image, "user", "password-secret");
        put_str(b, o, "initiator-name", xml_get(image->source, "initiator/iqn/@name"));
}

/* "pool/image" or "pool/namespace/image". */
static void put_rbd_name(Build *b, json_t *o, const Image *image) {
        const char *name = xml_attr(image->source, "name") ?: "";
        const char *first = strchr(name, '/'), *last = strrchr(name, '/');

        if (!first || first == name || !last[1]) {
                build_invalid(b, image->source, "'%s' names no pool and image: it is to be POOL/IMAGE", name);
                return;
        }
        put_strf(b, o, "pool", "%.*s", (int) (first - name), name);
        if (last > first)
                put_strf(b, o, "namespace", "%.*s", (int) (last - first - 1), first + 1);
        put_str(b, o, "image", last + 1);
}

/* Each image of a chain that is encrypted has a passphrase of its own, the topmost the first: parent within parent. */
static json_t *rbd_encryption(Build *b, const Image *image, const char *layer) {
        const char *format = xml_attr(image->encryption, "format") ?: "luks";
        DriverName id = {}, name = {};
        json_t *whole = NULL;
        unsigned n = 0;

        snprintf(id.s, sizeof(id.s), "libvirt-%u-%s-encryption", image->number, layer);
        XML_FOREACH(secret, image->encryption, "secret")
                image_add_secret(b, secret, id.s, n++, &name);
        while (n-- > 0) {
                json_t *o = props_new(b);

                snprintf(name.s, sizeof(name.s), "%.40s-secret%u", id.s, n);
                put_str(b, o, "format", format);
                put_str(b, o, "key-secret", name.s);
                if (whole)
                        put_json(b, o, "parent", whole);
                whole = o;
        }
        return whole;
}

static void put_rbd(Build *b, json_t *o, const Image *image, const char *layer) {
        json_t *servers = NULL, *ways;

        put_rbd_name(b, o, image);
        put_str(b, o, "snapshot", xml_get(image->source, "snapshot/@name"));
        put_str(b, o, "conf", xml_get(image->source, "config/@file"));
        XML_FOREACH(host, image->source, "host") {
                servers = servers ?: json_array();
                refuse_unix(b, host);
                if (json_array_append_new(servers, server_new(b, host, 6789)) < 0)
                        build_fail(b, b->r < 0 ? b->r : -ENOMEM);
        }
        if (servers)
                put_json(b, o, "server", servers);
        if (image_is_encrypted_by_rbd(image))
                put_json(b, o, "encrypt", rbd_encryption(b, image, layer));
        if (!image->auth)
                return;
        ways = json_pack("[s, s]", "cephx", "none");
        put_json(b, o, "auth-client-required", ways);
        put_auth(b, o, image, "user", "key-secret");
}

/* What a program beside QEMU serves, which has logged in to the server. */
static void put_served(Build *b, json_t *o, const Image *image) {
        const QemuOpened *opened = image_opened(b, image->source);
        json_t *server = props_new(b);
        DriverName node;

        image_source_name(image, &node);
        put_str(b, server, "type", opened ? "fd" : "unix");
        if (opened)
                put_strf(b, server, "str", "%d", opened->fd);
        else if (b->res->recorded)
                put_strf(b, server, "path", "/var/lib/libvirt/qemu/domain--1-%s/nbdkit-%s.socket",
                         definition_name(b->d), node.s);
        else
                put_strf(b, server, "path", "%s/nbdkit-%s.socket", b->run_dir, node.s);
        put_str(b, o, "driver", "nbd");
        put_json(b, o, "server", server);
}

/* libssh looks for the server's key in /etc/ssh/ssh_known_hosts, where the unit shows what <knownHosts> names. Who is
 * asked for is the user, with no key of his own in the guest's sandbox: that is for servers that let him in without,
 * and all others are for a program beside it. */
static void put_ssh(Build *b, json_t *o, const Image *image, const char *layer) {
        const xmlNode *host = only_host(b, image);

        refuse_unix(b, host);
        if (disk_is_served(image->layer)) {
                put_served(b, o, image);
                return;
        }
        put_attr(b, o, "path", image->source, "name");
        put_json(b, o, "server", server_new(b, host, 22));
        put_str(b, o, "user", xml_get(image->source, "identity/@username"));
}

static void put_number(Build *b, json_t *o, const char *key, const xmlNode *identity) {
        const char *text = xml_attr(identity, key);
        unsigned v;

        if (!text)
                return;
        if (parse_uint(text + (*text == '+'), &v) < 0)
                build_refuse(b, identity, "%s '%s' is not a number", key, text);
        else
                put_int(b, o, key, v);
}

static void put_nfs(Build *b, json_t *o, const Image *image, const char *layer) {
        const char *name = xml_attr(image->source, "name") ?: "";
        const xmlNode *host = only_host(b, image), *identity = xml_child(image->source, "identity");
        json_t *server = props_new(b);

        refuse_auth(b, image);
        refuse_unix(b, host);
        put_str(b, server, "host", xml_attr(host, "name"));
        put_str(b, server, "type", "inet");
        put_json(b, o, "server", server);
        put_strf(b, o, "path", "%s%s", *name == '/' ? "" : "/", name);
        put_number(b, o, "user", identity);
        put_number(b, o, "group", identity);
}

static void put_gluster(Build *b, json_t *o, const Image *image, const char *layer) {
        const char *name = xml_attr(image->source, "name") ?: "", *slash = strchr(name, '/');
        json_t *servers = json_array();

        refuse_auth(b, image);
        if (!slash || slash == name || !slash[1])
                build_invalid(b, image->source, "missing volume name or file name in gluster source path '%s'", name);
        put_strf(b, o, "volume", "%.*s", slash ? (int) (slash - name) : 0, name);
        put_str(b, o, "path", slash ? slash + 1 : "");
        if (!xml_child(image->source, "host"))
                (void) only_host(b, image);
        XML_FOREACH(host, image->source, "host") {
                if (xml_attr_is(host, "transport", "rdma"))
                        refuse_unix(b, host);
                if (!servers || json_array_append_new(servers, socket_new(b, host, 24007)) < 0)
                        build_fail(b, b->r < 0 ? b->r : -ENOMEM);
        }
        put_json(b, o, "server", servers);
        put_int(b, o, "debug", 4);
}

static const struct {
        const char *protocol;
        void (*put)(Build *b, json_t *o, const Image *image, const char *layer);
} protocols[] = {
        { "nbd", put_nbd },   { "rbd", put_rbd },   { "iscsi", put_iscsi }, { "http", put_curl }, { "https", put_curl },
        { "ftp", put_curl },  { "ftps", put_curl }, { "ssh", put_ssh },     { "nfs", put_nfs },
        { "gluster", put_gluster },
};

void image_put_network(Build *b, json_t *o, const Image *image, const char *layer) {
        const char *protocol = xml_attr(image->source, "protocol") ?: "";

        put_str(b, o, "driver", protocol);
        for (size_t i = 0; i < ELEMENTSOF(protocols); i++)
                if (streq(protocols[i].protocol, protocol)) {
                        protocols[i].put(b, o, image, layer);
                        return;
                }
        build_refuse(b, image->source ?: image->layer, "protocol '%s' is not supported", protocol);
}
