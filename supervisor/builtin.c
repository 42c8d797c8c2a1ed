/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What the RPC layer answers itself: opening and closing, features, authentication. */

#include "base/fs.h"
#include "base/strings.h"
#include "rpc/typed-params.h"
#include "server.h"
#include "upstream.h"

/* The client may go while a handler waits; one that goes on then has nobody to talk to. */
static int need_client(Call *call, Client **ret) {
        *ret = call_client(call);
        return *ret ? 0 : -ENOTCONN;
}

/* Identity */

static const TypedParamRule identity_rules[] = {
        { "user-name", TYPED_PARAM_STRING, false },        { "group-name", TYPED_PARAM_STRING, false },
        { "unix-user-id", TYPED_PARAM_ULLONG, false },     { "unix-group-id", TYPED_PARAM_ULLONG, false },
        { "process-id", TYPED_PARAM_LLONG, false },        { "process-time", TYPED_PARAM_ULLONG, false },
        { "sasl-user-name", TYPED_PARAM_STRING, false },   { "x509-distinguished-name", TYPED_PARAM_STRING, false },
        { "selinux-context", TYPED_PARAM_STRING, false },
};

static int copy_param(char **to, const remote_typed_param *p, unsigned n, const char *field) {
        const char *s;

        if (typed_params_get_string(p, n, field, &s) <= 0)
                return 0;
        *to = strdup(s);
        return *to ? 0 : -ENOMEM;
}

static int identity_from_params(Identity *ret, const remote_typed_param *p, unsigned n) {
        _cleanup_(identity_done) Identity i = IDENTITY_INIT;
        uint64_t u;
        int64_t l;

        if (typed_params_get_ullong(p, n, "unix-user-id", &u) > 0)
                i.uid = (uid_t) u;
        if (typed_params_get_ullong(p, n, "unix-group-id", &u) > 0)
                i.gid = (gid_t) u;
        if (typed_params_get_llong(p, n, "process-id", &l) > 0)
                i.pid = (pid_t) l;
        if (typed_params_get_ullong(p, n, "process-time", &u) > 0)
                i.pid_start = u;
        if (copy_param(&i.user, p, n, "user-name") < 0 || copy_param(&i.group, p, n, "group-name") < 0 ||
            copy_param(&i.sasl_user, p, n, "sasl-user-name") < 0 || copy_param(&i.selinux, p, n, "selinux-context") < 0 ||
            copy_param(&i.x509_dname, p, n, "x509-distinguished-name") < 0)
                return -ENOMEM;
        *ret = i;
        i = IDENTITY_INIT;
        return 0;
}

/* Opening */

/* The driver that the URI means: by its scheme; without a URI the hypervisor of this daemon, or the first of what it has. */
static const KnownDriver *driver_for_uri(const Server *s, const char *scheme) {
        if (*scheme)
                return server_driver_by_name(s, scheme);
        for (int k = 0; k < _DRIVER_CLASS_MAX; k++)
                if (s->drivers[k])
                        return server_driver_by_name(s, s->drivers[k]->driver->name);
        return NULL;
}

/* Takes "scheme://host/path?query" apart, in place. The host is the client's business and was removed by it. */
static int parse_uri(char *text, const char *whole, ConnectUri *ret) {
        char *p = strstr(text, "://"), *query;

        *ret = (ConnectUri) { .scheme = "", .path = "/system", .text = whole };
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

static int open_driver(Call *call, Client *c, DriverClass class, const ConnectUri *uri, Error *e) {
        DriverInstance *i = c->server->drivers[class];
        int r;

        r = driver_instance_start(i, e);
        if (r < 0)
                return r;
        if (i->driver->open) {
                r = i->driver->open(i->state, call_connection(call), uri, e);
                if (r < 0)
                        return r;
        } else if (!streq(uri->path, "/system") && !streq(uri->path, "/session"))
                return error_set(e, -EINVAL, ERROR_INTERNAL, i->driver->origin, "unexpected %s URI path '%s', try %s:///system",
                                 i->driver->name, uri->path, i->driver->name);
        if (!call_client(call)) {
                if (i->driver->open && i->driver->close)
                        i->driver->close(i->state, call_connection(call));
                return -ENOTCONN;
        }
        c->used |= 1U << class;
        return 0;
}

/* The drivers beside the one that was asked for: a hypervisor's connection serves networks, pools and so on too. */
static int open_secondary(Call *call, Client *c, const ConnectUri *uri, Error *e) {
        int r;

        for (int k = 0; k < _DRIVER_CLASS_MAX; k++) {
                if (!c->server->drivers[k] || c->used & 1U << k || k == DRIVER_ADMIN)
                        continue;
                r = open_driver(call, c, (DriverClass) k, uri, e);
                if (r < 0)
                        return r;
        }
        return 0;
}

static int no_driver(const ConnectUri *uri, Error *e) {
        return error_set(e, -ENODEV, ERROR_NO_CONNECT, ORIGIN_NONE, "%s", *uri->text ? uri->text : "(null)");
}

/* Opens the URI at the daemon of that driver. */
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
        c = call_client(call);
        c->primary = k;
        c->opened = true;
        return 0;
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
                return error_set_errno(e, r, ORIGIN_RPC, "cannot reach the daemon virt%sd", k->name);
        return r;
}

static int connect_open(Call *call, const remote_connect_open_args *args, rpc_void *ret, Error *e) {
        const char *whole = args->name ? *args->name : "";
        _cleanup_free_ char *text = strdup(whole);
        const KnownDriver *known;
        ConnectUri uri;
        Client *c;
        int r;

        if (!text)
                return -ENOMEM;
        r = need_client(call, &c);
        if (r < 0)
                return r;
        if (c->opened)
                return error_set(e, -EISCONN, ERROR_INTERNAL, ORIGIN_RPC, "connection already open");
        if (args->flags & 1U)
                call_connection(call)->readonly = true;
        r = parse_uri(text, whole, &uri);
        if (r >= 0 && server_is_proxy(c->server))
                return open_elsewhere(call, &uri, e);
        known = r >= 0 ? driver_for_uri(c->server, uri.scheme) : NULL;
        if (!known || !known->driver || !c->server->drivers[known->class])
                return no_driver(&uri, e);

        r = open_driver(call, c, known->class, &uri, e);
        if (r >= 0 && known->class == DRIVER_HYPERVISOR)
                r = open_secondary(call, c, &uri, e);
        if (r < 0)
                return r;
        c->primary = known;
        c->opened = true;
        return 0;
}

/* The reply is queued after this, and written before the end. */
static int connect_close(Call *call, const rpc_void *args, rpc_void *ret, Error *e) {
        Connection *c = call_connection(call);

        if (c->link)
                link_close_when_drained(c->link);
        return 0;
}

/* Who the caller is, told by a daemon that passes its call on. Only root, or who runs this daemon, may speak for others. */
static int set_identity(Call *call, const remote_connect_set_identity_args *args, rpc_void *ret, Error *e) {
        Connection *conn = call_connection(call);
        const remote_typed_param *p = args->params.params_val;
        unsigned n = args->params.params_len;
        Identity *i;
        int r;

        if (conn->identity.uid != 0 && conn->identity.uid != geteuid())
                return error_set(e, -EPERM, ERROR_OPERATION_DENIED, ORIGIN_IDENTITY, "caller may not set an identity");
        r = typed_params_validate(p, n, identity_rules, ELEMENTSOF(identity_rules), e);
        if (r >= 0)
                r = call_check_flags(call, args->flags, 0, e);
        if (r < 0)
                return r;
        i = malloc(sizeof(*i));
        if (!i)
                return -ENOMEM;
        r = identity_from_params(i, p, n);
        if (r < 0) {
                free(i);
                return r;
        }
        if (conn->real)
                identity_done(conn->real);
        free(conn->real);
        conn->real = i;
        return 0;
}

/* Features: numbers that the RPC layer answers; the others are the driver's. */

enum {
        FEATURE_FD_PASSING = 8,
        FEATURE_TYPED_STRINGS = 9,
        FEATURE_KEEPALIVE = 10,
        FEATURE_EVENT_CALLBACKS = 14,
        FEATURE_CLOSE_CALLBACK = 15,
        FEATURE_NETWORK_UPDATE_ORDER = 16,
};

static int driver_feature(const Client *c, int feature) {
        DriverInstance *i = c->primary ? c->server->drivers[c->primary->class] : NULL;

        if (feature == FEATURE_TYPED_STRINGS || feature == FEATURE_NETWORK_UPDATE_ORDER)
                return 1;
        return i && i->driver->supports_feature ? i->driver->supports_feature(i->state, feature) : 0;
}

static int supports_feature(Call *call, const remote_connect_supports_feature_args *args,
                            remote_connect_supports_feature_ret *ret, Error *e) {
        Connection *conn = call_connection(call);
        Client *c;
        int r;

        r = need_client(call, &c);
        if (r < 0)
                return r;
        switch (args->feature) {
        case FEATURE_FD_PASSING:
                ret->supported = link_can_pass_fds(conn->link);
                return 0;
        case FEATURE_KEEPALIVE:
                ret->supported = 1;
                return connection_start_keepalive(conn, c->server->config.limits[c->service].keepalive_interval,
                                                  c->server->config.limits[c->service].keepalive_count);
        case FEATURE_EVENT_CALLBACKS:
        case FEATURE_CLOSE_CALLBACK:
                ret->supported = 1;
                return 0;
        default:
                if (!c->opened)
                        return error_set(e, -ENOTCONN, ERROR_INTERNAL, ORIGIN_RPC, "connection not open");
                ret->supported = driver_feature(c, args->feature);
                return 0;
        }
}

/* Our own end never goes without the client's socket going too, so the event (362) is never sent; forwarding daemons'
 * upstream is another matter. */
static int set_close_callback(Call *call, bool on, Error *e) {
        Client *c;
        int r;

        r = need_client(call, &c);
        if (r < 0)
                return r;
        if (c->close_callback == on)
                return on ? error_set(e, -EEXIST, ERROR_INTERNAL, ORIGIN_RPC, "A close callback is already registered")
                          : error_set(e, -ENOENT, ERROR_INTERNAL, ORIGIN_RPC, "close callback not registered");
        c->close_callback = on;
        return 0;
}

static int register_close_callback(Call *call, const rpc_void *args, rpc_void *ret, Error *e) {
        return set_close_callback(call, true, e);
}

static int unregister_close_callback(Call *call, const rpc_void *args, rpc_void *ret, Error *e) {
        return set_close_callback(call, false, e);
}

/* Authentication */

static int auth_list(Call *call, const rpc_void *args, remote_auth_list_ret *ret, Error *e) {
        Client *c;
        int r;

        r = need_client(call, &c);
        if (r < 0)
                return r;
        ret->types.types_val = calloc(1, sizeof(*ret->types.types_val));
        if (!ret->types.types_val)
                return -ENOMEM;
        ret->types.types_len = 1;
        ret->types.types_val[0] = c->authenticated ? REMOTE_AUTH_NONE : (remote_auth_type) c->auth;
        return 0;
}

static int auth_polkit(Call *call, const rpc_void *args, remote_auth_polkit_ret *ret, Error *e) {
        Connection *conn = call_connection(call);
        Client *c;
        int r;

        r = need_client(call, &c);
        if (r < 0)
                return r;
        if (c->authenticated || c->auth != AUTH_POLKIT)
                return error_set(e, -EINVAL, ERROR_INTERNAL, ORIGIN_RPC, "client tried unsupported authentication method");
        r = polkit_check(c->server, &conn->identity, conn->readonly ? "org.libvirt.unix.monitor" : "org.libvirt.unix.manage",
                         NULL, true, e);
        if (r < 0)
                return r;
        r = need_client(call, &c);
        if (r < 0)
                return r;
        client_authenticated(c);
        ret->complete = 1;
        return 0;
}

static const RpcHandler handlers[] = {
        REMOTE_HANDLER(CONNECT_OPEN, connect_open),
        REMOTE_HANDLER(CONNECT_CLOSE, connect_close),
        REMOTE_HANDLER(CONNECT_SET_IDENTITY, set_identity),
        REMOTE_HANDLER(CONNECT_SUPPORTS_FEATURE, supports_feature),
        REMOTE_HANDLER(CONNECT_REGISTER_CLOSE_CALLBACK, register_close_callback),
        REMOTE_HANDLER(CONNECT_UNREGISTER_CLOSE_CALLBACK, unregister_close_callback),
        REMOTE_HANDLER(AUTH_LIST, auth_list),
        REMOTE_HANDLER(AUTH_POLKIT, auth_polkit),
        REMOTE_HANDLER(AUTH_SASL_INIT, auth_sasl_init),
        REMOTE_HANDLER(AUTH_SASL_START, auth_sasl_start),
        REMOTE_HANDLER(AUTH_SASL_STEP, auth_sasl_step),
};

const Driver driver_builtin = {
        .name = "rpc",
        .origin = ORIGIN_RPC,
        .handlers = handlers,
        .n_handlers = ELEMENTSOF(handlers),
};
