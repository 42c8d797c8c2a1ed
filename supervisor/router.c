/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The router: which driver a procedure belongs to, and what happens with the call: a driver that this process holds
 * answers; one that another daemon holds gets the call as it came; what nobody holds is refused by the name of the function. */

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

/* The daemon that holds the driver of a class for this client: of a hypervisor it is the one that was opened. */
static const char *driver_elsewhere(const Client *c, DriverClass class) {
        const Server *s = c->server;

        if (s->wanted & 1U << class || class == DRIVER_ADMIN || class == DRIVER_LOG || class == DRIVER_LOCK)
                return NULL;
        if (c->primary && c->primary->class == class)
                return c->primary->name;
        /* A connection to the networks alone has nothing to do with storage. */
        if (class == DRIVER_HYPERVISOR || !c->primary || c->primary->class != DRIVER_HYPERVISOR)
                return NULL;
        for (size_t i = 0; i < s->n_known; i++)
                if (s->known[i].class == class)
                        return s->known[i].name;
        return NULL;
}

static int send_on(Client *c, Packet *p, const RpcProcedure *procedure, DriverClass class) {
        const char *driver = driver_elsewhere(c, class);
        Upstream *u;
        int r;

        r = driver ? upstream_get(c, class, driver, NULL, &u) : -ENOENT;
        if (r >= 0)
                return upstream_call(u, p, procedure, router_origin(procedure, class));
        refuse(c, p, procedure, class);
        return 0;
}

/* Features are the RPC layer's, and so ours, or the driver's, wherever it is. */
static bool is_feature_of_driver(const Packet *p) {
        static const uint8_t ours[] = { 8, 10, 14, 15 };
        uint32_t feature = p->len == 4 ? packet_word(p->payload) : 0;

        return p->header.procedure == REMOTE_PROC_CONNECT_SUPPORTS_FEATURE && feature < 256 &&
               !memchr(ours, (int) feature, sizeof(ours));
}

int router_call(Client *c, Packet *p, const RpcProcedure *procedure) {
        Server *s = c->server;
        const PacketHeader *h = &p->header;
        DriverClass class = router_class(procedure, h->program);
        DriverInstance *driver = s->drivers[class];
        const RpcHandler *handler = NULL;

        if (procedure->kind == RPC_KIND_EVENT_REG)
                driver = driver ? s->registrations : NULL;
        else if (c->opened && c->primary && !s->drivers[c->primary->class] && is_feature_of_driver(p))
                return send_on(c, p, procedure, c->primary->class);
        else
                handler = driver_instance_handler(s->builtin, h->program, h->procedure);
        if (handler)
                driver = s->builtin;
        else if (driver)
                handler = driver_instance_handler(driver, h->program, h->procedure);
        if (handler) {
                call_start(c->connection, p, procedure, handler, driver);
                return 0;
        }
        if (!driver)
                return send_on(c, p, procedure, class);
        refuse(c, p, procedure, class);
        return 0;
}
