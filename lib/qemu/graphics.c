/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* <graphics>: how people see the guest's screen. Passwords are set by QMP and
 * are never in the arguments. */

#include "blockdev.h"
#include "build.h"
#include "qemu/screens.h"

#define FIRST_PORT 5900

static const QemuGraphics *chosen(const Build *b, const xmlNode *n) {
        unsigned i = sibling_index(n);

        return i < b->res->n_graphics ? &b->res->graphics[i] : NULL;
}

/* A port of the definition, of the host side, or the first of the family. -1: none asked for. */
static long long port_of(Build *b, const xmlNode *n, const char *attr, int from_host, long long otherwise) {
        const char *s = xml_attr(n, attr);
        long long port;
        char *end;

        if (from_host > 0)
                return from_host;
        if (!s)
                return otherwise;
        errno = 0;
        port = strtoll(s, &end, 10);
        if (errno != 0 || *s == 0 || *end || port < -1 || port > 65535) {
                build_invalid(b, n, "attribute %s is no port: '%s'", attr, s);
                return otherwise;
        }
        return port == -1 ? otherwise : port;
}

static const xmlNode *listen_of(const xmlNode *n) {
        return xml_child(n, "listen");
}

/* Address that a definition asks to listen on. NULL: none named. */
static const char *listen_address(const xmlNode *n) {
        return xml_attr(listen_of(n), "address") ?: xml_attr(n, "listen");
}

/* ... or qemu.conf, or that of the network that libvirt has from the beginning, for who only looks. */
static const char *shown_address(const Build *b, const xmlNode *n) {
        const QemuGraphics *c = chosen(b, n);
        const char *address = listen_address(n) ?: c ? c->address : NULL;

        return !address && b->res->recorded && xml_attr_is(listen_of(n), "type", "network") ? "192.168.122.1" : address;
}

/* Addresses of networks are the host side's to look up; who only looks at the arguments is shown the usual one. */
static void check_listen(Build *b, const xmlNode *n) {
        if (xml_attr_is(listen_of(n), "type", "network") && !xml_attr(listen_of(n), "address") && !b->res->stand_ins)
                build_refuse(b, listen_of(n), "listen type 'network' is not supported");
        if (listen_of(n) && xml_next(listen_of(n), "listen"))
                build_refuse(b, xml_next(listen_of(n), "listen"),
                             "QEMU does not support multiple listens for one graphics device.");
}

static bool listens_on_socket(const xmlNode *n, const QemuGraphics *c) {
        return (c && c->socket) || xml_attr_is(listen_of(n), "type", "socket") || xml_attr(n, "socket");
}

/* Path of the socket; generated below the run directory where the definition has none. */
static char *socket_path(Build *b, const xmlNode *n, const QemuGraphics *c, const char *name) {
        const char *path = c && c->socket ? c->socket : xml_attr(listen_of(n), "socket") ?: xml_attr(n, "socket");
        char *s = NULL;

        if ((path ? asprintf(&s, "%s", path) : asprintf(&s, "%s/%s.sock", b->run_dir, name)) < 0) {
                build_fail(b, -ENOMEM);
                return NULL;
        }
        return s;
}

static void add_escaped_text(StrBuf *o, const char *prefix, const char *text) {
        _cleanup_free_ char *escaped = text ? qemu_option_escape(text) : NULL;

        if (escaped)
                strbuf_addf(o, "%s%s", prefix, escaped);
        else if (text)
                o->failed = true;
}

/* Addresses with a colon need brackets before ":PORT". */
static void add_host(StrBuf *o, const char *address) {
        bool ipv6 = address && strchr(address, ':');

        strbuf_add(o, ipv6 ? "[" : "");
        add_escaped_text(o, "", address ?: "127.0.0.1");
        strbuf_add(o, ipv6 ? "]" : "");
}

/* The audio element that the display plays: its own, or the only one. */
static void display_audio(const Build *b, StrBuf *o, const xmlNode *n) {
        const char *id = xml_get(n, "audio/@id") ?: xml_get(b->devices, "audio/@id");

        if (id)
                strbuf_addf(o, ",audiodev=audio%.16s", id);
}

static bool needs_password(const xmlNode *n, const QemuGraphics *c) {
        return xml_attr(n, "passwd") || (c && c->password);
}

/* What encrypts VNC: there is one screen of it at most. */
static void vnc_tls(Build *b, StrBuf *o, const xmlNode *n, const QemuGraphics *c) {
        static const char id[] = "vnc-tls-creds0";
        DriverName password = {};
        json_t *creds;

        if (image_opened(b, n))
                image_add_secret(b, n, id, 0, &password);
        creds = build_object(b, "tls-creds-x509", id);
        put_str(b, creds, "dir", c->tls_dir);
        put_str(b, creds, "endpoint", "server");
        put_bool(b, creds, "verify-peer", !c->tls_anybody);
        put_str(b, creds, "priority", c->tls_priority);
        put_str(b, creds, "passwordid", password.s[0] ? password.s : NULL);
        add_props(b, QEMU_PART_OBJECT, creds);
        put_opt(o, "tls-creds", id);
}

static void build_vnc(Build *b, const xmlNode *n) {
        const QemuGraphics *c = chosen(b, n);
        _cleanup_strbuf_ StrBuf o = {};
        long long port, websocket;

        port = port_of(b, n, "port", c ? c->port : -1, FIRST_PORT);
        websocket = port_of(b, n, "websocket", c ? c->websocket : -1,
                            xml_attr_is(n, "websocket", "-1") ? 5700 : -1);
        if (listens_on_socket(n, c)) {
                _cleanup_free_ char *path = socket_path(b, n, c, "vnc");

                add_escaped_text(&o, "vnc=unix:", path);
        } else if (xml_attr_is(listen_of(n), "type", "none")) {
                strbuf_add(&o, "none");
        } else if (port < FIRST_PORT) {
                build_refuse(b, n, "VNC ports begin at %d", FIRST_PORT);
        } else if (c && c->handed && websocket <= 0) {
                strbuf_add(&o, "none");
        } else {
                /* in a network of its own, where it is only for its websockets */
                add_host(&o, c && c->handed ? "127.0.0.1" : shown_address(b, n));
                strbuf_addf(&o, ":%lld", port - FIRST_PORT);
        }
        if (websocket > 0)
                strbuf_addf(&o, ",websocket=%lld", websocket);
        put_opt(&o, "share", xml_attr(n, "sharePolicy"));
        if (needs_password(n, c))
                put_opt(&o, "password", "on");
        if (c && c->tls)
                vnc_tls(b, &o, n, c);
        if (c && c->sasl)
                put_opt(&o, "sasl", "on");
        if (xml_attr(n, "powerControl"))
                put_opt_onoff(&o, "power-control", xml_attr_bool(n, "powerControl", false));
        display_audio(b, &o, n);
        add_option_buf(b, "-vnc", &o);
        if (xml_attr(n, "keymap"))
                add_option(b, "-k", "%s", xml_attr(n, "keymap"));
}

/* Attributes of small elements that are options under another name. */
static const struct {
        const char *path, *option;
} spice_texts[] = {
        { "image/@compression", "image-compression" },
        { "jpeg/@compression", "jpeg-wan-compression" },
        { "zlib/@compression", "zlib-glz-wan-compression" },
        { "playback/@compression", "playback-compression" },
        { "streaming/@mode", "streaming-video" },
};

/* The ports that SPICE is reached at. A screen on a socket, or on none, is one that is not encrypted. */
typedef struct SpiceWays {
        bool plain, secure;
} SpiceWays;

static bool spice_mode(Build *b, const xmlNode *n, const char *mode, const SpiceWays *ways, const char *what) {
        bool secure = streq(mode, "secure"), plain = streq(mode, "insecure");

        if ((secure && !ways->secure) || (plain && !ways->plain))
                build_refuse(b, n, "spice %s in XML configuration, but %s connection is not available", what,
                             secure ? "TLS" : "plaintext");
        return secure || plain;
}

static void spice_channels(Build *b, StrBuf *o, const xmlNode *n, const SpiceWays *ways) {
        const char *mode = xml_attr(n, "defaultMode") ?: "any";

        if (spice_mode(b, n, mode, ways,
                       streq(mode, "secure") ? "defaultMode secure requested" : "defaultMode insecure requested"))
                put_opt(o, streq(mode, "secure") ? "tls-channel" : "plaintext-channel", "default");
        XML_FOREACH(channel, n, "channel") {
                mode = xml_attr(channel, "mode") ?: "any";
                if (spice_mode(b, channel, mode, ways,
                               streq(mode, "secure") ? "secure channels set" : "insecure channels set"))
                        put_opt(o, streq(mode, "secure") ? "tls-channel" : "plaintext-channel",
                                xml_attr(channel, "name") ?: "");
        }
}

static void spice_options(Build *b, StrBuf *o, const xmlNode *n) {
        const char *clipboard = xml_get(n, "clipboard/@copypaste"), *files = xml_get(n, "filetransfer/@enable");

        for (size_t i = 0; i < ELEMENTSOF(spice_texts); i++)
                put_opt(o, spice_texts[i].option, xml_get(n, spice_texts[i].path));
        if (clipboard && streq(clipboard, "no"))
                put_opt(o, "disable-copy-paste", "on");
        if (files && streq(files, "no"))
                put_opt(o, "disable-agent-file-xfer", "on");
        if (xml_attr_is(xml_child(n, "gl"), "enable", "yes")) {
                put_opt(o, "gl", "on");
                put_opt(o, "rendernode", xml_get(n, "gl/@rendernode"));
        }
        put_opt(o, "seamless-migration", "on");
}

/* Where nobody has chosen ports yet, who only looks is shown those that libvirt shows. */
static void spice_ports(Build *b, const xmlNode *n, const QemuGraphics *c, long long *ret_port, long long *ret_tls) {
        SpicePorts choose = spice_ports_to_choose(n, c && c->tls);

        *ret_port = port_of(b, n, "port", c ? c->port : -1, choose.plain ? FIRST_PORT + 1 : -1);
        *ret_tls = port_of(b, n, "tlsPort", c ? c->tls_port : -1, choose.secure ? FIRST_PORT + 2 : -1);
        /* as they are recorded, with spice_tls set; a port that is still to be chosen is refused where it would be */
        if (*ret_tls > 0 && c && !c->tls && !choose.secure)
                build_refuse(b, n, "spice TLS port set in XML configuration, but TLS is disabled in qemu.conf: set "
                             "spice_tls there");
}

static void spice_listen(Build *b, StrBuf *o, const xmlNode *n, const QemuGraphics *c, SpiceWays *ret) {
        long long port, tls;

        *ret = (SpiceWays) { .plain = true };
        if (listens_on_socket(n, c)) {
                _cleanup_free_ char *path = socket_path(b, n, c, "spice");

                strbuf_add(o, "unix=on");
                put_opt(o, "addr", path);
                return;
        }
        if (xml_attr_is(listen_of(n), "type", "none")) {
                strbuf_add(o, "port=0");
                return;
        }
        spice_ports(b, n, c, &port, &tls);
        *ret = (SpiceWays) { port > 0, tls > 0 };
        if (c && c->handed)
                port = 0;
        if (port > 0 || tls <= 0)
                strbuf_addf(o, "port=%lld%s", port > 0 ? port : 0, tls > 0 ? "," : "");
        if (tls > 0)
                strbuf_addf(o, "tls-port=%lld", tls);
        if (c && c->handed && tls > 0)
                put_opt(o, "addr", "127.0.0.1");
        else if (!c || !c->handed)
                put_opt(o, "addr", shown_address(b, n) ?: "127.0.0.1");
}

static void build_spice(Build *b, const xmlNode *n) {
        const QemuGraphics *c = chosen(b, n);
        const char *mouse = xml_get(n, "mouse/@mode");
        _cleanup_strbuf_ StrBuf o = {};
        SpiceWays ways;

        spice_listen(b, &o, n, c, &ways);
        if (c && c->sasl)
                put_opt(&o, "sasl", "on");
        if (mouse)
                put_opt_onoff(&o, "agent-mouse", streq(mouse, "client"));
        if (!needs_password(n, c) && !b->res->recorded)
                put_opt(&o, "disable-ticketing", "on");
        if (ways.secure)
                put_opt(&o, "x509-dir", c && c->tls_dir ? c->tls_dir : "/etc/pki/libvirt-spice");
        spice_channels(b, &o, n, &ways);
        spice_options(b, &o, n);
        add_option_buf(b, "-spice", &o);
        if (xml_attr(n, "keymap"))
                add_option(b, "-k", "%s", xml_attr(n, "keymap"));
}

static void build_egl(Build *b, const xmlNode *n) {
        _cleanup_strbuf_ StrBuf o = {};

        strbuf_add(&o, "egl-headless");
        put_opt(&o, "rendernode", xml_get(n, "gl/@rendernode"));
        add_option_buf(b, "-display", &o);
}

/* What a program draws with that shows the screen itself. */
static void put_gl(StrBuf *o, const xmlNode *n) {
        const xmlNode *gl = xml_child(n, "gl");

        if (xml_attr(gl, "enable"))
                put_opt_onoff(o, "gl", xml_attr_bool(gl, "enable", false));
}

/* Whose screen it is stands in the environment. */
static void build_sdl(Build *b, const xmlNode *n) {
        _cleanup_strbuf_ StrBuf o = {};

        if (xml_attr_bool(n, "fullscreen", false))
                add_option(b, "-full-screen", NULL);
        strbuf_add(&o, "sdl");
        put_gl(&o, n);
        add_option_buf(b, "-display", &o);
}

/* Programs on a bus, or one that is handed a connection (p2p), see the screen. */
static void build_dbus(Build *b, const xmlNode *n) {
        const char *address = xml_attr(n, "address");
        _cleanup_strbuf_ StrBuf o = {};

        strbuf_add(&o, "dbus");
        if (xml_attr_bool(n, "p2p", false))
                strbuf_add(&o, ",p2p=on");
        else if (!address && b->res->recorded)
                strbuf_addf(&o, ",addr=unix:path=/var/run/libvirt/qemu/dbus/-1-%s-dbus.sock", definition_name(b->d));
        else if (!address)
                strbuf_addf(&o, ",addr=unix:path=%s/dbus.sock", b->run_dir);
        else
                put_opt(&o, "addr", address);
        put_gl(&o, n);
        put_opt(&o, "rendernode", xml_get(n, "gl/@rendernode"));
        if (xml_child(n, "audio"))
                display_audio(b, &o, n);
        add_option_buf(b, "-display", &o);
}

/* As libvirt says it; names of objects and sockets count on it. */
static void check_number(Build *b, const xmlNode *n) {
        for (const xmlNode *other = n; (other = xml_next(other, "graphics"));)
                if (xml_attr_is(other, "type", xml_attr(n, "type") ?: ""))
                        build_refuse(b, other, "only 1 graphics device of each type (sdl, vnc, spice, headless, dbus) "
                                     "is supported");
}

static const struct {
        const char *type;
        void (*build)(Build *b, const xmlNode *n);
} types[] = {
        { "vnc", build_vnc },
        { "spice", build_spice },
        { "egl-headless", build_egl },
        { "sdl", build_sdl },
        { "dbus", build_dbus },
};

void build_graphics(Build *b, const xmlNode *n) {
        const char *type = xml_attr(n, "type") ?: "";

        for (size_t i = 0; i < ELEMENTSOF(types); i++)
                if (streq(types[i].type, type)) {
                        check_number(b, n);
                        check_listen(b, n);
                        types[i].build(b, n);
                        return;
                }
        build_refuse(b, n, "graphics of type '%s' are not supported", type);
}

void build_display_none(Build *b) {
        if (!xml_child(b->devices, "graphics"))
                add_option(b, "-display", "none");
}
