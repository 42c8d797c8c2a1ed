/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Registering for events. */

#include "server.h"

static int bad_event(int id, Error *e) {
        return error_set(e, -EINVAL, ERROR_INVALID_ARG, ORIGIN_EVENT, "eventID %d is not known", id);
}

/* The number of the callback into ret. */
static int add(Call *call, EventClass class, int id, const void *object, int *ret, Error *e) {
        Connection *c = call_connection(call);
        int r;

        if (!c->link)
                return -ENOTCONN;
        r = event_register(c->events, c, class, EVENT_NEW_STYLE, id, object, NULL);
        if (r == -EINVAL)
                return bad_event(id, e);
        if (r < 0)
                return r;
        *ret = r;
        return 0;
}

static int drop(Call *call, EventClass class, int callback, Error *e) {
        Connection *c = call_connection(call);

        if (event_unregister(c->events, c, class, callback) < 0)
                return error_set(e, -ENOENT, ERROR_INTERNAL, ORIGIN_EVENT, "event callback %d not registered",
                                 callback);
        return 0;
}

/* KIND_register() and KIND_deregister(): events of one object, or of all. */
#define REGISTRATIONS(kind, class, protocol, object, key)                                                    \
        static int kind##_register(Call *call, const protocol##_register_any_args *args,                     \
                                   protocol##_register_any_ret *ret, Error *e) {                             \
                return add(call, class, args->eventID, args->object ? args->object->key : NULL,              \
                           &ret->callbackID, e);                                                             \
        }                                                                                                    \
        static int kind##_deregister(Call *call, const protocol##_deregister_any_args *args, rpc_void *ret,  \
                                     Error *e) {                                                             \
                return drop(call, class, args->callbackID, e);                                               \
        }

REGISTRATIONS(domain, EVENT_DOMAIN, remote_connect_domain_event_callback, dom, uuid)
REGISTRATIONS(network, EVENT_NETWORK, remote_connect_network_event, net, uuid)
REGISTRATIONS(pool, EVENT_STORAGE_POOL, remote_connect_storage_pool_event, pool, uuid)
REGISTRATIONS(device, EVENT_NODE_DEVICE, remote_connect_node_device_event, dev, name)
REGISTRATIONS(secret, EVENT_SECRET, remote_connect_secret_event, secret, uuid)

static int monitor_register(Call *call, const qemu_connect_domain_monitor_event_register_args *args,
                            qemu_connect_domain_monitor_event_register_ret *ret, Error *e) {
        Connection *c = call_connection(call);
        int r;

        r = call_check_flags(call, args->flags, 3, e);
        if (r < 0)
                return r;
        if (!c->link)
                return -ENOTCONN;
        r = event_register_monitor(c->events, c, args->dom ? args->dom->uuid : NULL, args->event ? *args->event : NULL,
                                   args->flags);
        if (r == -EINVAL)
                return error_set(e, r, ERROR_INVALID_ARG, ORIGIN_EVENT, "failed to compile regex '%s'", *args->event);
        if (r < 0)
                return r;
        ret->callbackID = r;
        return 0;
}

static int monitor_deregister(Call *call, const qemu_connect_domain_monitor_event_deregister_args *args, rpc_void *ret,
                              Error *e) {
        return drop(call, EVENT_QEMU_MONITOR, args->callbackID, e);
}

/* The old style has no numbers: an event is registered or not, and once only. */

static int old_add(Call *call, int id, Error *e) {
        Connection *c = call_connection(call);
        Client *client = call_client(call);
        int r;

        if (!client)
                return -ENOTCONN;
        if (id < 0 || id >= 16)
                return bad_event(id, e);
        if (client->old_registrations & 1U << id)
                return error_set(e, -EEXIST, ERROR_INTERNAL, ORIGIN_EVENT, "domain event %d already registered", id);
        r = event_register(c->events, c, EVENT_DOMAIN, EVENT_OLD_STYLE, id, NULL, NULL);
        if (r == -EINVAL)
                return bad_event(id, e);
        if (r < 0)
                return r;
        client->old_registrations |= 1U << id;
        return 0;
}

static int old_drop(Call *call, int id, Error *e) {
        Connection *c = call_connection(call);
        Client *client = call_client(call);

        if (!client)
                return -ENOTCONN;
        if (id < 0 || id >= 16)
                return bad_event(id, e);
        if (event_unregister_old(c->events, c, id) < 0)
                return error_set(e, -ENOENT, ERROR_INTERNAL, ORIGIN_EVENT, "domain event %d not registered", id);
        client->old_registrations &= ~(1U << id);
        return 0;
}

static int old_lifecycle_register(Call *call, const rpc_void *args, remote_connect_domain_event_register_ret *ret,
                                  Error *e) {
        ret->cb_registered = 1;
        return old_add(call, 0, e);
}

static int old_lifecycle_deregister(Call *call, const rpc_void *args, remote_connect_domain_event_deregister_ret *ret,
                                    Error *e) {
        ret->cb_registered = 0;
        return old_drop(call, 0, e);
}

static int old_register(Call *call, const remote_connect_domain_event_register_any_args *args, rpc_void *ret,
                        Error *e) {
        return old_add(call, args->eventID, e);
}

static int old_deregister(Call *call, const remote_connect_domain_event_deregister_any_args *args, rpc_void *ret,
                          Error *e) {
        return old_drop(call, args->eventID, e);
}

static const RpcHandler handlers[] = {
        REMOTE_HANDLER(CONNECT_DOMAIN_EVENT_CALLBACK_REGISTER_ANY, domain_register),
        REMOTE_HANDLER(CONNECT_DOMAIN_EVENT_CALLBACK_DEREGISTER_ANY, domain_deregister),
        REMOTE_HANDLER(CONNECT_DOMAIN_EVENT_REGISTER, old_lifecycle_register),
        REMOTE_HANDLER(CONNECT_DOMAIN_EVENT_DEREGISTER, old_lifecycle_deregister),
        REMOTE_HANDLER(CONNECT_DOMAIN_EVENT_REGISTER_ANY, old_register),
        REMOTE_HANDLER(CONNECT_DOMAIN_EVENT_DEREGISTER_ANY, old_deregister),
        REMOTE_HANDLER(CONNECT_NETWORK_EVENT_REGISTER_ANY, network_register),
        REMOTE_HANDLER(CONNECT_NETWORK_EVENT_DEREGISTER_ANY, network_deregister),
        REMOTE_HANDLER(CONNECT_STORAGE_POOL_EVENT_REGISTER_ANY, pool_register),
        REMOTE_HANDLER(CONNECT_STORAGE_POOL_EVENT_DEREGISTER_ANY, pool_deregister),
        REMOTE_HANDLER(CONNECT_NODE_DEVICE_EVENT_REGISTER_ANY, device_register),
        REMOTE_HANDLER(CONNECT_NODE_DEVICE_EVENT_DEREGISTER_ANY, device_deregister),
        REMOTE_HANDLER(CONNECT_SECRET_EVENT_REGISTER_ANY, secret_register),
        REMOTE_HANDLER(CONNECT_SECRET_EVENT_DEREGISTER_ANY, secret_deregister),
        QEMU_HANDLER(CONNECT_DOMAIN_MONITOR_EVENT_REGISTER, monitor_register),
        QEMU_HANDLER(CONNECT_DOMAIN_MONITOR_EVENT_DEREGISTER, monitor_deregister),
};

const Driver driver_registrations = {
        .name = "registrations",
        .origin = ORIGIN_EVENT,
        .handlers = handlers,
        .n_handlers = ELEMENTSOF(handlers),
};
