/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The router: which driver a procedure belongs to, and what happens with the call: a driver that this process holds
 * answers; one that it does not hold is refused by the name of the function. */

#include "base/strings.h"
#include "server.h"

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
                        if (p->number == registration_classes[i].first || p->number == registration_classes[i].first + 1)
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

        error_set(&e, -EOPNOTSUPP, ERROR_NO_SUPPORT, router_origin(procedure, class), "%s", procedure->api ?: "this call");
        connection_reply_error(c->connection, &p->header, -EOPNOTSUPP, &e);
}

int router_call(Client *c, Packet *p, const RpcProcedure *procedure) {
        Server *s = c->server;
        const PacketHeader *h = &p->header;
        DriverClass class = router_class(procedure, h->program);
        DriverInstance *driver = s->drivers[class];
        const RpcHandler *handler = NULL;

        if (procedure->kind == RPC_KIND_EVENT_REG)
                driver = driver ? s->registrations : NULL;
        else
                handler = driver_instance_handler(s->builtin, h->program, h->procedure);
        if (handler)
                driver = s->builtin;
        else if (driver)
                handler = driver_instance_handler(driver, h->program, h->procedure);
        if (handler)
                call_start(c->connection, p, procedure, handler, driver);
        else
                refuse(c, p, procedure, class);
        return 0;
}
