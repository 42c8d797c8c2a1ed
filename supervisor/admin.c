/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The admin program: what virt-admin asks of a daemon. A "server" is a kind of client: those of the main sockets, under
 * the daemon's name, and those of the admin socket, "admin". */

#include <limits.h>

#include "base/log-route.h"
#include "base/strings.h"
#include "loop/fiber.h"
#include "rpc/typed-params.h"
#include "server.h"

/* One wire format under two names; the lists are built and read by the same code. */
_Static_assert(sizeof(admin_typed_param) == sizeof(remote_typed_param), "typed parameters differ");

/* Calls begin with one of these three: no flags are known, then what the call is about. */

static int need_server(Call *call, unsigned flags, Server **ret, Error *e) {
        Client *c = call_client(call);
        int r;

        r = call_check_flags(call, flags, 0, e);
        if (r < 0)
                return r;
        *ret = c ? c->server : NULL;
        return c ? 0 : -ENOTCONN;
}

static int find_service(Call *call, unsigned flags, const char *name, Server **ret, ServiceKind *ret_kind, Error *e) {
        int r;

        r = need_server(call, flags, ret, e);
        if (r < 0)
                return r;
        for (ServiceKind k = SERVICE_MAIN; k <= SERVICE_ADMIN; k++)
                if (streq((*ret)->services[k].name, name)) {
                        *ret_kind = k;
                        return 0;
                }
        return error_set(e, -ENOENT, ERROR_NO_SERVER, ORIGIN_ADMIN, "no server with matching name '%s' found", name);
}

static int find_client(Call *call, unsigned flags, const char *server, uint64_t id, Client **ret, Error *e) {
        ServiceKind kind = SERVICE_MAIN;
        Server *s;
        int r;

        r = find_service(call, flags, server, &s, &kind, e);
        if (r < 0)
                return r;
        for (Client *c = s->clients; c; c = c->next)
                if (c->service == kind && c->connection->id == id) {
                        *ret = c;
                        return 0;
                }
        return error_set(e, -ENOENT, ERROR_NO_CLIENT, ORIGIN_ADMIN, "no client with matching id '%llu' found",
                         (unsigned long long) id);
}

static int take_params(TypedParams *p, admin_typed_param **ret, unsigned *ret_len) {
        remote_typed_param *val;
        int r;

        r = typed_params_take(p, &val, ret_len);
        if (r >= 0)
                *ret = (admin_typed_param *) (void *) val;
        return r;
}

/* The connection itself */

static int admin_open(Call *call, const admin_connect_open_args *args, rpc_void *ret, Error *e) {
        return call_check_flags(call, args->flags, 0, e);
}

static int admin_close(Call *call, const rpc_void *args, rpc_void *ret, Error *e) {
        if (call_client(call))
                link_close_when_drained(call_connection(call)->link);
        return 0;
}

static int admin_lib_version(Call *call, const rpc_void *args, admin_connect_get_lib_version_ret *ret, Error *e) {
        ret->libVer = LIB_VERSION;
        return 0;
}

/* Servers */

static int fill_server(admin_nonnull_server *s, const char *name) {
        s->name = strdup(name);
        return s->name ? 0 : -ENOMEM;
}

static int admin_list_servers(Call *call, const admin_connect_list_servers_args *args,
                              admin_connect_list_servers_ret *ret, Error *e) {
        Server *s;
        int r;

        r = need_server(call, args->flags, &s, e);
        if (r < 0)
                return r;
        ret->ret = ELEMENTSOF(s->services);
        if (!args->need_results)
                return 0;
        ret->servers.servers_val = calloc(ELEMENTSOF(s->services), sizeof(admin_nonnull_server));
        if (!ret->servers.servers_val)
                return -ENOMEM;
        ret->servers.servers_len = ELEMENTSOF(s->services);
        for (size_t i = 0; i < ELEMENTSOF(s->services) && r >= 0; i++)
                r = fill_server(&ret->servers.servers_val[i], s->services[i].name);
        return r;
}

static int admin_lookup_server(Call *call, const admin_connect_lookup_server_args *args,
                               admin_connect_lookup_server_ret *ret, Error *e) {
        ServiceKind kind = SERVICE_MAIN;
        Server *s;
        int r;

        r = find_service(call, args->flags, args->name, &s, &kind, e);
        return r < 0 ? r : fill_server(&ret->srv, s->services[kind].name);
}

/* There are no threads: a worker is a call in work. What can be limited is how many there are at once. */

static unsigned max_workers(const Server *s, ServiceKind kind) {
        return s->config.limits[kind].max_calls ?: FIBERS_MAX;
}

static int admin_get_threadpool(Call *call, const admin_server_get_threadpool_parameters_args *args,
                                admin_server_get_threadpool_parameters_ret *ret, Error *e) {
        _cleanup_typed_params_ TypedParams p = {};
        ServiceKind kind = SERVICE_MAIN;
        unsigned n, max;
        Server *s;
        int r;

        r = find_service(call, args->flags, args->srv.name, &s, &kind, e);
        if (r < 0)
                return r;
        n = (unsigned) s->services[kind].n_calls;
        max = max_workers(s, kind);
        typed_params_add_uint(&p, "minWorkers", 0);
        typed_params_add_uint(&p, "maxWorkers", max);
        typed_params_add_uint(&p, "nWorkers", n);
        typed_params_add_uint(&p, "freeWorkers", max > n ? max - n : 0);
        typed_params_add_uint(&p, "prioWorkers", 0);
        typed_params_add_uint(&p, "jobQueueDepth", s->services[kind].n_waiting);
        return take_params(&p, &ret->params.params_val, &ret->params.params_len);
}

/* Workers that wait for calls, and those for urgent ones alone, are what is not there. */
static int admin_set_threadpool(Call *call, const admin_server_set_threadpool_parameters_args *args, rpc_void *ret,
                                Error *e) {
        static const TypedParamRule rules[] = {
                { "minWorkers", TYPED_PARAM_UINT, false },
                { "maxWorkers", TYPED_PARAM_UINT, false },
                { "prioWorkers", TYPED_PARAM_UINT, false },
        };
        const remote_typed_param *params = (const remote_typed_param *) (const void *) args->params.params_val;
        unsigned n = args->params.params_len, min = 0, prio = 0, max;
        ServiceKind kind = SERVICE_MAIN;
        Server *s;
        int r;

        r = find_service(call, args->flags, args->srv.name, &s, &kind, e);
        if (r >= 0)
                r = typed_params_validate(params, n, rules, ELEMENTSOF(rules), e);
        if (r < 0)
                return r;
        max = max_workers(s, kind);
        (void) typed_params_get_uint(params, n, "minWorkers", &min);
        (void) typed_params_get_uint(params, n, "prioWorkers", &prio);
        (void) typed_params_get_uint(params, n, "maxWorkers", &max);
        if (min != 0 || prio != 0)
                return error_set(
                        e, -EOPNOTSUPP, ERROR_OPERATION_UNSUPPORTED, ORIGIN_ADMIN,
                        "there are no threads that wait for calls: minWorkers and prioWorkers are 0, maxWorkers limits "
                        "the calls in work");
        if (max == 0 || max > FIBERS_MAX)
                return error_set(e, -EINVAL, ERROR_INVALID_ARG, ORIGIN_ADMIN, "maxWorkers must be from 1 to %u",
                                 FIBERS_MAX);
        s->config.limits[kind].max_calls = max;
        loop_defer(s->loop, &s->services[kind].resume);
        return 0;
}

static int admin_get_limits(Call *call, const admin_server_get_client_limits_args *args,
                            admin_server_get_client_limits_ret *ret, Error *e) {
        _cleanup_typed_params_ TypedParams p = {};
        ServiceKind kind = SERVICE_MAIN;
        Server *s;
        int r;

        r = find_service(call, args->flags, args->srv.name, &s, &kind, e);
        if (r < 0)
                return r;
        typed_params_add_uint(&p, "nclients_max", s->config.limits[kind].max_clients);
        typed_params_add_uint(&p, "nclients", (unsigned) s->services[kind].n_clients);
        typed_params_add_uint(&p, "nclients_unauth_max", s->config.limits[kind].max_anonymous_clients);
        typed_params_add_uint(&p, "nclients_unauth",
                              (unsigned) (s->services[kind].n_anonymous[0] + s->services[kind].n_anonymous[1]));
        return take_params(&p, &ret->params.params_val, &ret->params.params_len);
}

static int admin_set_limits(Call *call, const admin_server_set_client_limits_args *args, rpc_void *ret, Error *e) {
        static const TypedParamRule rules[] = {
                { "nclients_max", TYPED_PARAM_UINT, false },
                { "nclients_unauth_max", TYPED_PARAM_UINT, false },
        };
        const remote_typed_param *params = (const remote_typed_param *) (const void *) args->params.params_val;
        unsigned n = args->params.params_len, max, unauth;
        ServiceKind kind = SERVICE_MAIN;
        Server *s;
        int r;

        r = find_service(call, args->flags, args->srv.name, &s, &kind, e);
        if (r >= 0)
                r = typed_params_validate(params, n, rules, ELEMENTSOF(rules), e);
        if (r < 0)
                return r;
        max = s->config.limits[kind].max_clients;
        unauth = s->config.limits[kind].max_anonymous_clients;
        (void) typed_params_get_uint(params, n, "nclients_max", &max);
        (void) typed_params_get_uint(params, n, "nclients_unauth_max", &unauth);
        if (max == 0 || unauth > max)
                return error_set(
                        e, -EINVAL, ERROR_INVALID_ARG, ORIGIN_ADMIN,
                        "the limit of clients (%u) must be above zero, and not below that of unauthenticated ones (%u)",
                        max, unauth);
        s->config.limits[kind].max_clients = max;
        s->config.limits[kind].max_anonymous_clients = unauth;
        service_update(s, kind);
        return 0;
}

static int admin_update_tls(Call *call, const admin_server_update_tls_files_args *args, rpc_void *ret, Error *e) {
        ServiceKind kind = SERVICE_MAIN;
        Server *s;
        int r;

        r = find_service(call, args->flags, args->srv.name, &s, &kind, e);
        if (r < 0)
                return r;
        if (kind != SERVICE_MAIN || !s->tls)
                return error_set(e, -EOPNOTSUPP, ERROR_OPERATION_UNSUPPORTED, ORIGIN_ADMIN,
                                 "server '%s' has no TLS listener", args->srv.name);
        r = server_load_tls(s);
        if (r < 0)
                return error_set(e, r, ERROR_OPERATION_FAILED, ORIGIN_ADMIN,
                                 "the TLS files cannot be used, see the log of %s; those in use stay", s->host.daemon);
        return 0;
}

/* Clients */

static int fill_client(admin_nonnull_client *to, const Client *c) {
        to->id = c->connection->id;
        to->timestamp = (quad_t) c->connection->since;
        to->transport = link_transport(c->connection->link)->kind;
        return fill_server(&to->srv, c->server->services[c->service].name);
}

static int admin_list_clients(Call *call, const admin_server_list_clients_args *args,
                              admin_server_list_clients_ret *ret, Error *e) {
        admin_nonnull_client *list;
        ServiceKind kind = SERVICE_MAIN;
        unsigned n = 0;
        Server *s;
        int r;

        r = find_service(call, args->flags, args->srv.name, &s, &kind, e);
        if (r < 0)
                return r;
        n = (unsigned) MIN(s->services[kind].n_clients, (size_t) ADMIN_CLIENT_LIST_MAX);
        ret->ret = n;
        if (!args->need_results || n == 0)
                return 0;
        list = ret->clients.clients_val = calloc(n, sizeof(*list));
        if (!list)
                return -ENOMEM;
        ret->clients.clients_len = n;
        /* The oldest first; ours has the newest first. */
        for (Client *c = s->clients; c && n > 0 && r >= 0; c = c->next)
                if (c->service == kind)
                        r = fill_client(&list[--n], c);
        return r;
}

static int admin_lookup_client(Call *call, const admin_server_lookup_client_args *args,
                               admin_server_lookup_client_ret *ret, Error *e) {
        Client *c = NULL;
        int r;

        r = find_client(call, args->flags, args->srv.name, args->id, &c, e);
        return r < 0 ? r : fill_client(&ret->clnt, c);
}

static void add_identity(TypedParams *p, Identity *i) {
        (void) identity_resolve_names(i);
        if (i->uid != (uid_t) -1) {
                typed_params_add_int(p, "unix_user_id", (int) i->uid);
                typed_params_add_string(p, "unix_user_name", i->user);
                typed_params_add_int(p, "unix_group_id", (int) i->gid);
                typed_params_add_string(p, "unix_group_name", i->group);
                typed_params_add_int(p, "unix_process_id", (int) i->pid);
        }
        typed_params_add_string(p, "sock_addr", i->address);
        typed_params_add_string(p, "sasl_user_name", i->sasl_user);
        typed_params_add_string(p, "tls_x509_dname", i->x509_dname);
        typed_params_add_string(p, "selinux_context", i->selinux);
}

static int admin_client_info(Call *call, const admin_client_get_info_args *args, admin_client_get_info_ret *ret,
                             Error *e) {
        _cleanup_typed_params_ TypedParams p = {};
        Client *c = NULL;
        int r;

        r = find_client(call, args->flags, args->clnt.srv.name, args->clnt.id, &c, e);
        if (r < 0)
                return r;
        typed_params_add_boolean(&p, "readonly", c->connection->readonly);
        add_identity(&p, &c->connection->identity);
        return take_params(&p, &ret->params.params_val, &ret->params.params_len);
}

static int admin_client_close(Call *call, const admin_client_close_args *args, rpc_void *ret, Error *e) {
        Client *c = NULL;
        int r;

        r = find_client(call, args->flags, args->clnt.srv.name, args->clnt.id, &c, e);
        if (r < 0)
                return r;
        if (c->connection == call_connection(call))
                link_close_when_drained(c->connection->link);
        else
                connection_close(c->connection, 0);
        return 0;
}

/* The daemon: log, timeout, end */

/* Without a setting it is the journal, with everything that the level lets through. */
static int admin_get_outputs(Call *call, const admin_connect_get_logging_outputs_args *args,
                             admin_connect_get_logging_outputs_ret *ret, Error *e) {
        const LogRules *outputs = log_route_get_outputs();
        int r;

        r = call_check_flags(call, args->flags, 0, e);
        if (r < 0)
                return r;
        ret->noutputs = outputs->n > 0 ? (unsigned) outputs->n : 1;
        if (outputs->n == 0)
                return asprintf(&ret->outputs, "%u:journald", log_route_level()) < 0 ? (ret->outputs = NULL, -ENOMEM)
                                                                                     : 0;
        ret->outputs = log_outputs_format(outputs);
        return ret->outputs ? 0 : -ENOMEM;
}

static int admin_set_outputs(Call *call, const admin_connect_set_logging_outputs_args *args, rpc_void *ret, Error *e) {
        int r;

        r = call_check_flags(call, args->flags, 0, e);
        return r < 0 ? r : log_route_outputs(args->outputs ? *args->outputs : NULL, e);
}

static int admin_get_filters(Call *call, const admin_connect_get_logging_filters_args *args,
                             admin_connect_get_logging_filters_ret *ret, Error *e) {
        const LogRules *filters = log_route_get_filters();
        int r;

        r = call_check_flags(call, args->flags, 0, e);
        if (r < 0 || filters->n == 0)
                return r;
        ret->filters = calloc(1, sizeof(*ret->filters));
        if (ret->filters)
                *ret->filters = log_filters_format(filters);
        if (!ret->filters || !*ret->filters) {
                free(ret->filters);
                ret->filters = NULL;
                return -ENOMEM;
        }
        ret->nfilters = (unsigned) filters->n;
        return 0;
}

static int admin_set_filters(Call *call, const admin_connect_set_logging_filters_args *args, rpc_void *ret, Error *e) {
        int r;

        r = call_check_flags(call, args->flags, 0, e);
        return r < 0 ? r : log_route_filters(args->filters ? *args->filters : NULL, e);
}

static int admin_set_timeout(Call *call, const admin_connect_set_daemon_timeout_args *args, rpc_void *ret, Error *e) {
        Server *s;
        int r;

        r = need_server(call, args->flags, &s, e);
        if (r < 0)
                return r;
        if (args->timeout > INT_MAX)
                return error_set(e, -EINVAL, ERROR_INVALID_ARG, ORIGIN_ADMIN, "timeout of %u seconds is too long",
                                 args->timeout);
        server_set_timeout(s, (int) args->timeout);
        return 0;
}

static int admin_shutdown(Call *call, const admin_connect_daemon_shutdown_args *args, rpc_void *ret, Error *e) {
        Server *s;
        int r;

        /* 1: let guests be, which is the only way here: they are no children of the daemon. */
        r = call_check_flags(call, args->flags, 1, e);
        if (r >= 0)
                r = need_server(call, 0, &s, e);
        if (r < 0)
                return r;
        server_stop(s);
        return 0;
}

static const RpcHandler handlers[] = {
        ADMIN_HANDLER(CONNECT_OPEN, admin_open),
        ADMIN_HANDLER(CONNECT_CLOSE, admin_close),
        ADMIN_HANDLER(CONNECT_GET_LIB_VERSION, admin_lib_version),
        ADMIN_HANDLER(CONNECT_LIST_SERVERS, admin_list_servers),
        ADMIN_HANDLER(CONNECT_LOOKUP_SERVER, admin_lookup_server),
        ADMIN_HANDLER(SERVER_GET_THREADPOOL_PARAMETERS, admin_get_threadpool),
        ADMIN_HANDLER(SERVER_SET_THREADPOOL_PARAMETERS, admin_set_threadpool),
        ADMIN_HANDLER(SERVER_LIST_CLIENTS, admin_list_clients),
        ADMIN_HANDLER(SERVER_LOOKUP_CLIENT, admin_lookup_client),
        ADMIN_HANDLER(CLIENT_GET_INFO, admin_client_info),
        ADMIN_HANDLER(CLIENT_CLOSE, admin_client_close),
        ADMIN_HANDLER(SERVER_GET_CLIENT_LIMITS, admin_get_limits),
        ADMIN_HANDLER(SERVER_SET_CLIENT_LIMITS, admin_set_limits),
        ADMIN_HANDLER(CONNECT_GET_LOGGING_OUTPUTS, admin_get_outputs),
        ADMIN_HANDLER(CONNECT_GET_LOGGING_FILTERS, admin_get_filters),
        ADMIN_HANDLER(CONNECT_SET_LOGGING_OUTPUTS, admin_set_outputs),
        ADMIN_HANDLER(CONNECT_SET_LOGGING_FILTERS, admin_set_filters),
        ADMIN_HANDLER(SERVER_UPDATE_TLS_FILES, admin_update_tls),
        ADMIN_HANDLER(CONNECT_SET_DAEMON_TIMEOUT, admin_set_timeout),
        ADMIN_HANDLER(CONNECT_DAEMON_SHUTDOWN, admin_shutdown),
};

const Driver driver_admin = {
        .name = "admin",
        .class = DRIVER_ADMIN,
        .origin = ORIGIN_ADMIN,
        .handlers = handlers,
        .n_handlers = ELEMENTSOF(handlers),
};
