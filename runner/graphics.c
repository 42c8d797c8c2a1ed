/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* <graphics>: where QEMU listens, on which port, and who is let in. What the definition leaves open is as qemu.conf
 * says. */

#include <glob.h>

#include "base/strings.h"
#include "host/ports.h"
#include "host/sockets.h"
#include "host/undo.h"
#include "notify.h"
#include "prepare.h"
#include "qemu/concern.h"
#include "qemu/screens.h"

/* What qemu.conf says about screens of one type. */
typedef struct GraphicsDefaults {
        const char *listen, *password;
        bool on_socket;
} GraphicsDefaults;

static GraphicsDefaults defaults_of(const Prepare *p, const xmlNode *graphics) {
        const QemuConfig *c = p->config;

        if (xml_attr_is(graphics, "type", "vnc"))
                return (GraphicsDefaults) { c->vnc_listen, c->vnc_password, c->vnc_auto_unix_socket };
        if (xml_attr_is(graphics, "type", "spice"))
                return (GraphicsDefaults) { c->spice_listen, c->spice_password, c->spice_auto_unix_socket };
        return (GraphicsDefaults) {};
}

bool prepare_graphics_on_socket(const Prepare *p, const xmlNode *graphics) {
        return graphics_is_on_socket(graphics) || defaults_of(p, graphics).on_socket;
}

/* "": nobody is let in; NULL: none is needed. */
static const char *password_of(const Prepare *p, const xmlNode *graphics) {
        return xml_attr(graphics, "passwd") ?: defaults_of(p, graphics).password;
}

/* What happens to clients that are there already is QEMU's to refuse: VNC knows "keep" only. */
static int add_password(Prepare *p, const xmlNode *graphics) {
        const char *password = password_of(p, graphics), *until = xml_attr(graphics, "passwdValidTo");
        const char *type = xml_attr(graphics, "type"), *connected = xml_attr(graphics, "connected");
        char seconds[24];
        int64_t time;
        int r;

        /* QEMU lets nobody in until a password is set, but lets everybody in who sends an empty one that is. */
        if (!password || !*password)
                return 0;
        r = prepare_command(p, json_pack("{s:s,s:{s:s,s:s,s:s*}}", "execute", "set_password", "arguments", "protocol",
                                         type, "password", password, "connected", connected));
        if (r < 0 || !until)
                return r;
        r = utc_time_parse(until, &time);
        if (r < 0)
                return prepare_refuse(p, r, graphics, "passwdValidTo '%s' is no time", until);
        snprintf(seconds, sizeof(seconds), "%lld", (long long) time);
        return prepare_command(p, json_pack("{s:s,s:{s:s,s:s}}", "execute", "expire_password", "arguments", "protocol",
                                            type, "time", seconds));
}

/* The address that the definition names. NULL: none. */
static const char *address_of(const xmlNode *graphics) {
        const char *address = xml_attr(xml_child(graphics, "listen"), "address") ?: xml_attr(graphics, "listen");

        return address && *address ? address : NULL;
}

/* Clients look for the address in the live definition, at either place. */
static int write_address(xmlNode *graphics, const char *address) {
        xmlNode *listen = xml_ensure(graphics, "listen");

        if (!listen)
                return -ENOMEM;
        if (!xml_attr(listen, "type") && xml_set_attr(listen, "type", "address") < 0)
                return -ENOMEM;
        if (!*(xml_attr(listen, "address") ?: "") && xml_set_attr(listen, "address", address) < 0)
                return -ENOMEM;
        return *(xml_attr(graphics, "listen") ?: "") ? 0
                                                     : xml_set_attr(graphics, "listen", xml_attr(listen, "address"));
}

/* The live definition says where the socket is. */
static int write_socket(xmlNode *graphics, const char *path) {
        static const char *const ports[] = { "port", "tlsPort", "autoport", "websocket", "listen" };
        xmlNode *listen = xml_ensure(graphics, "listen");
        int r;

        for (size_t i = 0; i < ELEMENTSOF(ports); i++)
                xml_unset_attr(graphics, ports[i]);
        r = listen ? xml_set_attr(listen, "type", "socket") : -ENOMEM;
        if (r >= 0)
                r = xml_set_attr(listen, "socket", path);
        if (r >= 0 && xml_attr_is(graphics, "type", "vnc"))
                r = xml_set_attr(graphics, "socket", path);
        return r;
}

/* QEMU makes its socket in the guest's folder, the one place where it may, and neither VNC nor SPICE takes one that is
 * open. A path that the definition names leads there. */
static int prepare_socket(Prepare *p, xmlNode *graphics, QemuGraphics *g) {
        const char *path = xml_get(graphics, "listen/@socket") ?: xml_attr(graphics, "socket");
        size_t n = (size_t) (g - p->graphics);
        char *own;
        int r;

        own = text_format(n > 0 ? "%s/%s-%zu.sock" : "%s/%s.sock", p->run_dir, xml_attr(graphics, "type"), n);
        if (!own)
                return -ENOMEM;
        r = strv_consume(&p->paths, own);
        if (r < 0)
                return r;
        g->socket = own;
        if (!path || streq(path, own))
                return write_socket(graphics, own);
        if (*path != '/')
                return prepare_refuse(p, -EINVAL, graphics, "socket '%s' is no absolute path", path);
        r = prepare_undo(p, UNDO_SOCKET, path);
        if (r < 0)
                return r;
        r = socket_link(path, own);
        return r < 0 ? prepare_refuse(p, r, graphics, "no socket can be at %s: %s", path, strerror(-r)) : 0;
}

/* Takes a free port for one attribute. */
static int choose_port(Prepare *p, xmlNode *graphics, const char *attribute, const char *address, unsigned first,
                       unsigned last, int *ret) {
        unsigned port;
        int r;

        r = ports_reserve(p->name, address, first, last, &port);
        if (r == -EADDRNOTAVAIL)
                return prepare_refuse(p, r, graphics, "the host has no address %s to listen at", address);
        if (r < 0)
                return prepare_refuse(p, r, graphics, "no free port from %u to %u at %s: %s", first, last, address,
                                      strerror(-r));
        *ret = (int) port;
        return xml_set_attrf(graphics, attribute, "%u", port);
}

/* Listens at each address of a name, in the host's network; the sockets are called PREFIX and a number. */
static int listen_at(Prepare *p, const xmlNode *graphics, const char *address, int port, const char *prefix,
                     unsigned *number, unsigned max) {
        int fds[SCREENS_MAX], n, r = 0;
        char text[32];

        (void) snprintf(text, sizeof(text), "%i", port);
        n = tcp_listen(address, text, fds, MIN(max, SCREENS_MAX));
        if (n < 0)
                return prepare_refuse(p, n, graphics, "cannot listen at %s:%i: %s", address, port, strerror(-n));
        for (int i = 0; i < n; i++) {
                (void) snprintf(text, sizeof(text), "%s%u", prefix, (*number)++);
                if (r >= 0)
                        r = parcel_put(p->parcel_fd, text, fds[i]);
                close(fds[i]);
        }
        return r < 0 ? error_set_errno(&p->error, r, ORIGIN_SYSTEMD, "cannot hand a socket to vm-run") : 0;
}

/* Sockets for the port of one kind, in the host's network; clients come by way of vm-run. */
static int listen_for_screen(Prepare *p, const xmlNode *graphics, const char *address, const char *kind, int port) {
        _cleanup_free_ char *prefix = text_format(SCREEN_FD_PREFIX "%s-", kind);
        int r;

        if (!prefix)
                return -ENOMEM;
        r = listen_at(p, graphics, address, port, prefix, &p->n_screens, SCREENS_MAX - p->n_screens);
        return r < 0 ? r : strv_addf(&p->launch.graphics, "%s=%s:%i", kind, address, port);
}

/* Where QEMU cannot but listen itself: in a network of its own at that port, and in the host's, which it has for
 * something else, at another one, for vm-run has that. */
static int choose_inner_port(Prepare *p, const xmlNode *graphics, int *port) {
        const QemuConfig *c = p->config;
        unsigned inner;
        int r;

        if (!p->host_network)
                return 0;
        r = ports_reserve(p->name, "127.0.0.1", c->remote_display_port_min, c->remote_display_port_max, &inner);
        if (r < 0)
                return prepare_refuse(p, r, graphics, "no free port from %u to %u: %s", c->remote_display_port_min,
                                      c->remote_display_port_max, strerror(-r));
        *port = (int) inner;
        return 0;
}

/* Websockets QEMU takes only where it listens for them itself, and then it does for VNC as well. */
static int listen_for_websockets(Prepare *p, const xmlNode *graphics, const char *address, QemuGraphics *g) {
        int websocket = g->websocket, r;

        if (websocket <= 0)
                (void) parse_int(xml_attr(graphics, "websocket") ?: "0", &websocket);
        if (websocket <= 0)
                return 0;
        r = listen_at(p, graphics, address, websocket, WEBSOCKET_FD_PREFIX, &p->n_websockets,
                      WEBSOCKETS_MAX - p->n_websockets);
        if (r >= 0)
                r = choose_inner_port(p, graphics, &g->port);
        if (r >= 0)
                r = choose_inner_port(p, graphics, &websocket);
        g->websocket = p->launch.websocket = websocket;
        return r;
}

/* Clients come by way of vm-run, so that QEMU need not have the host's network. The library of SPICE has certificates
 * only where it listens with TLS itself. */
static int listen_for_clients(Prepare *p, const xmlNode *graphics, const char *address, QemuGraphics *g) {
        int r = 0;

        g->handed = true;
        if (g->port > 0)
                r = listen_for_screen(p, graphics, address, xml_attr(graphics, "type"), g->port);
        if (r >= 0 && g->tls_port > 0)
                r = listen_for_screen(p, graphics, address, SCREEN_SPICE_TLS, g->tls_port);
        if (r >= 0 && g->tls_port > 0)
                r = choose_inner_port(p, graphics, &g->tls_port);
        return r < 0 ? r : listen_for_websockets(p, graphics, address, g);
}

/* <listen type='network'>: the host's address there. What the address was at an earlier start does not matter. */
static int look_up_network(Prepare *p, xmlNode *graphics) {
        xmlNode *listen = xml_child(graphics, "listen");
        _cleanup_free_ char *address = NULL;
        int r;

        if (!xml_attr_is(listen, "type", "network"))
                return 0;
        r = prepare_network_address(p, listen, xml_attr(listen, "network") ?: "", &address);
        if (r >= 0)
                r = xml_set_attr(listen, "address", address);
        return r < 0 ? r : xml_set_attr(graphics, "listen", address);
}

/* The definition's own, or a free one where one is wanted. */
static int find_port(Prepare *p, xmlNode *graphics, const char *attribute, bool choose, const char *address, int *ret) {
        const QemuConfig *c = p->config;
        int port = -1;

        (void) parse_int(xml_attr(graphics, attribute) ?: "-1", &port);
        if (port <= 0 && choose)
                return choose_port(p, graphics, attribute, address, c->remote_display_port_min,
                                   c->remote_display_port_max, ret);
        *ret = port > 0 ? port : -1;
        return 0;
}

static int find_spice_ports(Prepare *p, xmlNode *graphics, const char *address, QemuGraphics *g) {
        SpicePorts choose = spice_ports_to_choose(graphics, g->tls);
        int r;

        r = find_port(p, graphics, "port", choose.plain, address, &g->port);
        if (r >= 0 && choose.secure && !g->tls)
                return prepare_refuse(p, -EOPNOTSUPP, graphics,
                                      "Auto allocation of spice TLS port requested but spice TLS is disabled in "
                                      "qemu.conf: set spice_tls there");
        if (r >= 0)
                r = find_port(p, graphics, "tlsPort", choose.secure, address, &g->tls_port);
        return r;
}

int prepare_stale_unit(Prepare *p, const char *key) {
        _cleanup_free_ char *place = qemu_config_place(NULL, key);

        return error_set(&p->error, -ESTALE, ERROR_OPERATION_INVALID, ORIGIN_SYSTEMD,
                         "%s came after systemd read the file: run \"systemctl daemon-reload\", then start the guest "
                         "again", place ?: key);
}

/* QEMU listens with TLS itself, for which the unit has to let it have sockets of TCP: 40-qemu-conf.conf. */
static int check_unit(Prepare *p, const xmlNode *graphics, const QemuGraphics *g) {
        const char *loaded = getenv("UNITVIRT_QEMU_CONF");

        if (!g->tls || g->tls_port <= 0 || (loaded && strstr(loaded, "spice_tls")))
                return 0;
        return prepare_stale_unit(p, "spice_tls");
}

static int prepare_port(Prepare *p, xmlNode *graphics, QemuGraphics *g) {
        const char *address = address_of(graphics) ?: defaults_of(p, graphics).listen;
        const QemuConfig *c = p->config;
        int r;

        r = write_address(graphics, address);
        if (r < 0)
                return r;
        address = xml_attr(graphics, "listen");
        if (xml_attr_is(graphics, "type", "spice"))
                r = find_spice_ports(p, graphics, address, g);
        else
                r = find_port(p, graphics, "port", true, address, &g->port);
        if (r >= 0)
                r = check_unit(p, graphics, g);
        if (r >= 0 && xml_attr_is(graphics, "websocket", "-1"))
                r = choose_port(p, graphics, "websocket", address, c->remote_websocket_port_min,
                                c->remote_websocket_port_max, &g->websocket);
        return r < 0 ? r : listen_for_clients(p, graphics, address, g);
}

/* VNC is encrypted on sockets too; SPICE, where it has a port for that. */
static int prepare_tls(Prepare *p, const xmlNode *graphics, QemuGraphics *g) {
        const QemuConfig *c = p->config;
        const char *password = c->vnc_tls_x509_secret_uuid ?: c->default_tls_x509_secret_uuid;
        bool vnc = xml_attr_is(graphics, "type", "vnc");
        int r;

        if (!g->tls || (!vnc && g->tls_port <= 0))
                return 0;
        r = prepare_certificates(p, graphics, vnc ? &certificates_vnc : &certificates_spice, true, &g->tls_dir);
        return r >= 0 && vnc && password ? prepare_key_password(p, graphics, password) : r;
}

static int prepare_security(Prepare *p, const xmlNode *graphics, QemuGraphics *g) {
        int r = prepare_tls(p, graphics, g);

        return r >= 0 && g->sasl ? prepare_logins(p, graphics) : r;
}

/* Where OpenGL draws without a screen of its own, the definition may leave to the host which card it is. */
static int choose_card(Prepare *p, xmlNode *graphics) {
        xmlNode *gl = xml_child(graphics, "gl");
        bool headless = xml_attr_is(graphics, "type", "egl-headless");
        glob_t nodes = {};
        int r;

        if (xml_attr_is(graphics, "type", "sdl") || xml_attr(gl, "rendernode") ||
            (!headless && !xml_attr_bool(gl, "enable", false)))
                return 0;
        if (glob("/dev/dri/renderD*", 0, NULL, &nodes) != 0) {
                globfree(&nodes);
                return prepare_refuse(p, -ENODEV, graphics, "No DRM render nodes available");
        }
        gl = gl ?: xml_add(graphics, "gl", NULL);
        r = gl ? xml_set_attr(gl, "rendernode", nodes.gl_pathv[0]) : -ENOMEM;
        globfree(&nodes);
        return r;
}

static int prepare_one(Prepare *p, xmlNode *graphics, QemuGraphics *g) {
        int r;

        qemu_screen_init(p->config, graphics, g);
        r = graphics_has_own_bus(graphics) ? prepare_bus(p, graphics) : 0;
        if (r >= 0)
                r = choose_card(p, graphics);
        if (r >= 0)
                r = add_password(p, graphics);
        if (r < 0)
                return r;
        if (graphics_is_on_socket(graphics))
                return prepare_socket(p, graphics, g);
        if (!graphics_has_port(graphics))
                return 0;
        r = look_up_network(p, graphics);
        if (r < 0)
                return r;
        /* vnc_auto_unix_socket, spice_auto_unix_socket */
        if (defaults_of(p, graphics).on_socket && !address_of(graphics))
                return prepare_socket(p, graphics, g);
        return prepare_port(p, graphics, g);
}

int prepare_graphics(Prepare *p) {
        size_t n = 0;

        XML_FOREACH(graphics, definition_devices(p->live), "graphics") {
                int r;

                if (n == GRAPHICS_MAX)
                        return prepare_refuse(p, -E2BIG, graphics, "more than %u graphics devices", GRAPHICS_MAX);
                r = prepare_one(p, graphics, &p->graphics[n]);
                if (r >= 0)
                        r = prepare_security(p, graphics, &p->graphics[n]);
                if (r < 0)
                        return r;
                n++;
        }
        p->res.graphics = p->graphics;
        p->res.n_graphics = n;
        return 0;
}
