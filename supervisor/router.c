/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The router: which class of drivers a procedure belongs to, and what happens with the call. Who answers a class on a
 * connection was decided when it was opened (open.c): a driver that this process holds answers; one that another daemon
 * holds gets the call as it came; what nobody holds is refused by the name of the function. */

#include "base/strings.h"
#include "server.h"
#include "upstream.h"

static const DriverClass kind_classes[_RPC_KIND_MAX] = {
        [RPC_KIND_CONNECT] = DRIVER_HYPERVISOR,
        [RPC_KIND_AUTH] = DRIVER_HYPERVISOR,
        [RPC_KIND_HOST] = DRIVER_HYPERVISOR,
        [RPC_KIND_DOMAIN] = DRIVER_HYPERVISOR,
        [RPC_KIND_SNAPSHOT] = DRIVER_HYPERVISOR,
        [RPC_KIND_CHECKPOINT] = DRIVER_HYPERVISOR,
        [RPC_KIND_NETWORK] = DRIVER_NETWORK,
        [RPC_KIND_NETWORK_PORT] = DRIVER_NETWORK,
        [RPC_KIND_STORAGE_POOL] = DRIVER_STORAGE,
        [RPC_KIND_STORAGE_VOL] = DRIVER_STORAGE,
        [RPC_KIND_NODEDEV] = DRIVER_NODEDEV,
        [RPC_KIND_NWFILTER] = DRIVER_NWFILTER,
        [RPC_KIND_NWFILTER_BINDING] = DRIVER_NWFILTER,
        [RPC_KIND_SECRET] = DRIVER_SECRET,
        [RPC_KIND_INTERFACE] = DRIVER_INTERFACE,
        [RPC_KIND_EVENT] = DRIVER_HYPERVISOR,
        [RPC_KIND_EVENT_REG] = DRIVER_HYPERVISOR,
        [RPC_KIND_ADMIN] = DRIVER_ADMIN,
        [RPC_KIND_LOG] = DRIVER_LOG,
        [RPC_KIND_LOCK] = DRIVER_LOCK,
};

/* Registrations for events are one kind, whatever the events are about. */
static const struct {
        uint16_t first;
        DriverClass class;
        ErrorOrigin origin;
} registration_classes[] = {
        { REMOTE_PROC_CONNECT_NETWORK_EVENT_REGISTER_ANY, DRIVER_NETWORK, ORIGIN_NETWORK },
        { REMOTE_PROC_CONNECT_STORAGE_POOL_EVENT_REGISTER_ANY, DRIVER_STORAGE, ORIGIN_STORAGE },
        { REMOTE_PROC_CONNECT_NODE_DEVICE_EVENT_REGISTER_ANY, DRIVER_NODEDEV, ORIGIN_NODEDEV },
        { REMOTE_PROC_CONNECT_SECRET_EVENT_REGISTER_ANY, DRIVER_SECRET, ORIGIN_SECRET },
};

DriverClass router_class(const RpcProcedure *p, uint32_t program) {
        if (p->kind == RPC_KIND_EVENT_REG && program == REMOTE_PROGRAM)
                for (size_t i = 0; i < ELEMENTSOF(registration_classes); i++)
                        /* Deregistering has the next number. */
                        if (p->number == registration_classes[i].first ||
                            p->number == registration_classes[i].first + 1)
                                return registration_classes[i].class;
        return kind_classes[p->kind];
}

static ErrorOrigin router_origin(const RpcProcedure *p, DriverClass class) {
        for (size_t i = 0; i < ELEMENTSOF(registration_classes); i++)
                if (p->kind == RPC_KIND_EVENT_REG && registration_classes[i].class == class)
                        return registration_classes[i].origin;
        return rpc_kind_origin(p->kind);
}

const KnownDriver *server_driver_by_name(const Server *s, const char *name) {
        for (size_t i = 0; i < s->n_known; i++)
                if (streq(s->known[i].name, name))
                        return &s->known[i];
        return NULL;
}

static void refuse(Client *c, const Packet *p, const RpcProcedure *procedure, DriverClass class) {
        _cleanup_error_ Error e = ERROR_INIT;

        error_set(&e, -EOPNOTSUPP, ERROR_NO_SUPPORT, router_origin(procedure, class), "%s",
                  procedure->api ?: "this call");
        connection_reply_error(c->connection, &p->header, -EOPNOTSUPP, &e);
}

/* A daemon that is not there is nobody, unless its driver is installed: then its socket has failed, or was stopped. */
static int send_on(Client *c, Packet *p, const RpcProcedure *procedure, DriverClass class) {
        const char *driver = c->target[class].driver->name;
        _cleanup_error_ Error e = ERROR_INIT;
        Upstream *u;
        int r;

        r = upstream_get(c, class, driver, NULL, &u);
        if (r >= 0)
                return upstream_call(u, p, procedure, router_origin(procedure, class));
        if (server_driver_is_installed(driver))
                connection_reply_error(c->connection, &p->header, upstream_unreachable(driver, r, &e), &e);
        else
                refuse(c, p, procedure, class);
        return 0;
}

/* What the RPC layer answers, then the driver, then what is the same for all hypervisors of this host. */
static const RpcHandler *find_handler(const Server *s, const Target *t, const RpcProcedure *p, uint32_t program,
                                      DriverClass class, DriverInstance **ret) {
        DriverInstance *const answer[] = {
                s->builtin,
                p->kind == RPC_KIND_EVENT_REG ? NULL : t->here,
                t->here && p->kind == RPC_KIND_EVENT_REG ? s->registrations : NULL,
                t->here && class == DRIVER_HYPERVISOR ? s->node : NULL,
        };

        for (size_t i = 0; i < ELEMENTSOF(answer); i++) {
                const RpcHandler *h = answer[i] ? driver_instance_handler(answer[i], program, p->number) : NULL;

                *ret = answer[i];
                if (h)
                        return h;
        }
        return NULL;
}

/* What is asked of the connection as such is asked of what it is one to: storage has capabilities too. */
static DriverClass class_on(const Client *c, const RpcProcedure *p, uint32_t program) {
        return p->kind == RPC_KIND_CONNECT && program == REMOTE_PROGRAM && c->primary ? c->primary->class
                                                                                     : router_class(p, program);
}

int router_call(Client *c, Packet *p, const RpcProcedure *procedure) {
        DriverClass class = class_on(c, procedure, p->header.program);
        const Target *t = &c->target[class];
        const RpcHandler *handler;
        DriverInstance *driver;

        handler = find_handler(c->server, t, procedure, p->header.program, class, &driver);
        if (handler) {
                call_start(c->connection, p, procedure, handler, driver);
                return 0;
        }
        if (t->driver && !t->here)
                return send_on(c, p, procedure, class);
        refuse(c, p, procedure, class);
        return 0;
}
