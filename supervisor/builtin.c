/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What the RPC layer answers itself, whatever was opened: opening and closing, what the connection is, features,
 * authentication. */

#include "base/strings.h"
#include "rpc/typed-params.h"
#include "server.h"

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
            copy_param(&i.sasl_user, p, n, "sasl-user-name") < 0 ||
            copy_param(&i.selinux, p, n, "selinux-context") < 0 ||
            copy_param(&i.x509_dname, p, n, "x509-distinguished-name") < 0)
                return -ENOMEM;
        *ret = i;
        i = IDENTITY_INIT;
        return 0;
}

/* Closing */

/* The reply is queued after this, and written before the end. */
static int connect_close(Call *call, const rpc_void *args, rpc_void *ret, Error *e) {
        Connection *c = call_connection(call);

        if (c->link)
                link_close_when_drained(c->link);
        return 0;
}

/* Who the caller is, told by a daemon that passes its call on. Only root, or who runs this daemon, may speak for
 * others. */
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

/* Our own end never goes without the client's socket going too, so the event (362) is never sent; forwarding daemons'
 * upstream is another matter. */
static int set_close_callback(Call *call, bool on, Error *e) {
        Client *c;
        int r;

        r = call_need_client(call, &c);
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

/* What was opened */

static int reply_text(char **ret, const char *text) {
        *ret = strdup(text);
        return *ret ? 0 : -ENOMEM;
}

static int get_uri(Call *call, const rpc_void *args, remote_connect_get_uri_ret *ret, Error *e) {
        Client *c;
        int r;

        r = call_need_client(call, &c);
        return r < 0 ? r : reply_text(&ret->uri, c->uri);
}

static int get_type(Call *call, const rpc_void *args, remote_connect_get_type_ret *ret, Error *e) {
        Client *c;
        int r;

        r = call_need_client(call, &c);
        return r < 0 ? r : reply_text(&ret->type, known_driver_title(c->primary));
}

static int get_lib_version(Call *call, const rpc_void *args, remote_connect_get_lib_version_ret *ret, Error *e) {
        ret->lib_ver = LIB_VERSION;
        return 0;
}

/* What is between this daemon and what it manages; what is between the client and the daemon the client knows
 * itself. */
static int is_secure(Call *call, const rpc_void *args, remote_connect_is_secure_ret *ret, Error *e) {
        ret->secure = 1;
        return 0;
}

/* Authentication */

static int auth_list(Call *call, const rpc_void *args, remote_auth_list_ret *ret, Error *e) {
        Client *c;
        int r;

        r = call_need_client(call, &c);
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

        r = call_need_client(call, &c);
        if (r < 0)
                return r;
        if (c->authenticated || c->auth != AUTH_POLKIT)
                return error_set(e, -EINVAL, ERROR_INTERNAL, ORIGIN_RPC,
                                 "client tried unsupported authentication method");
        r = polkit_check(c->server, &conn->identity,
                         conn->readonly ? "org.libvirt.unix.monitor" : "org.libvirt.unix.manage", NULL, true, e);
        if (r < 0)
                return r;
        r = call_need_client(call, &c);
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
        REMOTE_HANDLER(CONNECT_SUPPORTS_FEATURE, connect_supports_feature),
        REMOTE_HANDLER(CONNECT_GET_URI, get_uri),
        REMOTE_HANDLER(CONNECT_GET_TYPE, get_type),
        REMOTE_HANDLER(CONNECT_GET_LIB_VERSION, get_lib_version),
        REMOTE_HANDLER(CONNECT_IS_SECURE, is_secure),
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
