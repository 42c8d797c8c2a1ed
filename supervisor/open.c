/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Opening a connection: which driver the URI means, and who answers each class of calls on the connection from then on.
 */

#include "base/fs.h"
#include "base/log.h"
#include "base/strings.h"
#include "server.h"
#include "upstream.h"

/* URIs */

/* Takes "scheme://host/path?query" apart, in place. The host is the client's business and was removed by it. */
static int parse_uri(char *text, const char *whole, ConnectUri *ret) {
        char *p = strstr(text, "://"), *query;

        *ret = (ConnectUri){ .scheme = "", .path = "/system", .text = whole };
        if (!*text)
                return 0;
        if (!p)
                return -EINVAL;
        *p = '\0';
        ret->scheme = text;
        p = strchr(p + 3, '/');
        ret->path = p ?: "";
        query = strchr(p ?: "", '?');
        if (query) {
                *query = '\0';
                ret->query = query + 1;
        }
        return 0;
}

/* libvirt's system daemons take a hypervisor's "/session" as well, from root, and no other driver's. */
static int check_path(const KnownDriver *k, const ConnectUri *uri, ErrorOrigin origin, Error *e) {
        if (streq(uri->path, "/system") || (k->class == DRIVER_HYPERVISOR && streq(uri->path, "/session")))
                return 0;
        return error_set(e, -EINVAL, ERROR_INTERNAL, origin, "unexpected %s URI path '%s', try %s:///system",
                         k->name, uri->path, k->name);
}

static int no_driver(const ConnectUri *uri, Error *e) {
        return error_set(e, -ENODEV, ERROR_NO_CONNECT, ORIGIN_NONE, "%s", *uri->text ? uri->text : "(null)");
}

/* Who answers */

static bool serves_hypervisors(DriverClass class) {
        return class >= DRIVER_NETWORK && class <= DRIVER_INTERFACE;
}

static const KnownDriver *known_of_class(const Server *s, DriverClass class) {
        for (size_t i = 0; i < s->n_known; i++)
                if (s->known[i].class == class)
                        return &s->known[i];
        return NULL;
}

/* A driver that is this daemon's and that it has not got is nobody's. */
static void set_target(Client *c, const KnownDriver *k) {
        const Server *s = c->server;

        if (k && (server_instance(s, k) || !server_wants(s, k)))
                c->target[k->class] = (Target){ .driver = k, .here = server_instance(s, k) };
}

/* A connection to a hypervisor is one to networks, pools and so on too; one to the networks has nothing to do with
 * storage. */
static int set_targets(Client *c, const KnownDriver *primary, const char *uri) {
        c->uri = *uri ? strdup(uri) : text_format("%s:///system", primary->name);
        if (!c->uri)
                return -ENOMEM;
        c->primary = primary;
        set_target(c, primary);
        for (int k = 0; primary->class == DRIVER_HYPERVISOR && k < _DRIVER_CLASS_MAX; k++)
                if (serves_hypervisors((DriverClass) k))
                        set_target(c, known_of_class(c->server, (DriverClass) k));
        c->opened = true;
        return 0;
}

/* In this daemon */

/* Without a URI it is the hypervisor of this daemon (of two, Xen's where Xen runs), or the first of what it has. */
static const KnownDriver *default_driver(const Server *s) {
        const KnownDriver *xen = server_driver_by_name(s, "xen");

        if (xen && server_instance(s, xen) && host_is_xen_control_domain())
                return xen;
        for (int class = 0; class < _DRIVER_CLASS_MAX; class ++)
                for (size_t i = 0; i < s->n_known; i++)
                        if (s->known[i].class == (DriverClass) class && s->drivers[i] && &s->known[i] != xen)
                                return &s->known[i];
        return xen;
}

static int open_driver(Call *call, DriverInstance *i, const ConnectUri *uri, Error *e) {
        const Driver *d = i->driver;
        Client *c;
        int r;

        r = driver_instance_start(i, e);
        if (r >= 0 && d->open)
                r = d->open(i->state, call_connection(call), uri, e);
        if (r < 0)
                return r;
        c = call_client(call);
        if (c) {
                c->used |= 1U << d->class;
                return 0;
        }
        if (d->open && d->close)
                d->close(i->state, call_connection(call));
        return -ENOTCONN;
}

/* The drivers beside the one that was asked for. One that cannot start refuses its own calls, with the cause, and no
 * others. */
static int open_secondary(Call *call, const ConnectUri *uri) {
        for (int k = 0; k < _DRIVER_CLASS_MAX; k++) {
                _cleanup_error_ Error e = ERROR_INIT;
                const Client *c = call_client(call);
                int r;

                if (!c)
                        return -ENOTCONN;
                if (!c->target[k].here || c->used & 1U << k || !serves_hypervisors((DriverClass) k))
                        continue;
                r = open_driver(call, c->target[k].here, uri, &e);
                if (r < 0)
                        log_debug("%s: cannot open: %s", c->target[k].driver->name, error_text(&e, r));
        }
        return 0;
}

static int open_here(Call *call, const ConnectUri *uri, Error *e) {
        Client *c = call_client(call);
        const Server *s = c->server;
        const KnownDriver *k = *uri->scheme ? server_driver_by_name(s, uri->scheme) : default_driver(s);
        DriverInstance *i = k ? server_instance(s, k) : NULL;
        int r;

        if (!i)
                return no_driver(uri, e);
        r = check_path(k, uri, i->driver->origin, e);
        if (r >= 0)
                r = open_driver(call, i, uri, e);
        if (r >= 0)
                r = set_targets(c, k, uri->text);
        return r < 0 ? r : open_secondary(call, uri);
}

/* In another one */

static int open_at(Call *call, const KnownDriver *k, const char *uri, Error *e) {
        Client *c = call_client(call);
        Upstream *u;
        int r;

        if (!c)
                return -ENOTCONN;
        r = upstream_get(c, k->class, k->name, uri, &u);
        if (r < 0)
                return r;
        r = upstream_wait(call, k->class, e);
        if (r < 0)
                return r;
        return set_targets(call_client(call), k, uri ?: "");
}

/* Without a URI it is Xen's daemon on a Xen host, else QEMU's. Others are not even tried: systemd would start them. */
static int open_any(Call *call, const ConnectUri *uri, Error *e) {
        static const char *const order[] = { "xen", "qemu" };

        for (size_t i = host_is_xen_control_domain() ? 0 : 1; i < ELEMENTSOF(order); i++) {
                _cleanup_error_ Error ignored = ERROR_INIT;
                const Client *c = call_client(call);
                const KnownDriver *k = c ? server_driver_by_name(c->server, order[i]) : NULL;

                if (k && open_at(call, k, NULL, &ignored) >= 0)
                        return 0;
        }
        return no_driver(uri, e);
}

static int open_elsewhere(Call *call, const ConnectUri *uri, Error *e) {
        const KnownDriver *k = server_driver_by_name(call_client(call)->server, uri->scheme);
        int r;

        if (!*uri->scheme)
                return open_any(call, uri, e);
        if (!k)
                return no_driver(uri, e);
        r = open_at(call, k, uri->text, e);
        if (r < 0 && !error_is_set(e))
                return upstream_unreachable(k->name, r, e);
        return r;
}

int connect_open(Call *call, const remote_connect_open_args *args, rpc_void *ret, Error *e) {
        const char *whole = args->name ? *args->name : "";
        _cleanup_free_ char *text = strdup(whole);
        ConnectUri uri;
        Client *c;
        int r;

        if (!text)
                return -ENOMEM;
        r = call_need_client(call, &c);
        if (r < 0)
                return r;
        if (c->opened)
                return error_set(e, -EISCONN, ERROR_INTERNAL, ORIGIN_RPC, "connection already open");
        if (args->flags & 1U)
                call_connection(call)->readonly = true;
        if (parse_uri(text, whole, &uri) < 0)
                return no_driver(&uri, e);
        return server_is_proxy(c->server) ? open_elsewhere(call, &uri, e) : open_here(call, &uri, e);
}
