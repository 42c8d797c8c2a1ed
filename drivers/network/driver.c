/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "network.h"

#include "base/strings.h"
#include "network/pool.h"
#include "plan/kind.h"

/* --- the kind --- */

static Network *network(const Object *o) {
        return container_of((Object *) o, Network, object);
}

static ObjectIndex *index_of(void *driver) {
        return &((NetworkDriver *) driver)->networks;
}

static bool is_active(const Object *o) {
        return network(o)->active;
}

static bool is_persistent(const Object *o) {
        return o->persistent;
}

static void network_done(Object *o) {
        free(network(o)->bridge);
}

/* virConnectListAllNetworksFlags */
static const ObjectFilter filters[] = {
        { .yes = 2, .no = 1, .is = is_active },
        { .yes = 4, .no = 8, .is = is_persistent },
        { .yes = 16, .no = 32, .is = object_autostart },
        {},
};
enum { LIST_INACTIVE = 1, LIST_ACTIVE = 2 };

/* vm-network writes the live definition when all is made, and removes it first at the end, whoever asked for that. */
static void live(Object *o, const StoreHead *head, bool at_start) {
        bool was = network(o)->active;

        network(o)->active = head->there;
        if (!at_start && was != head->there)
                object_emit_lifecycle(o, head->there ? NETWORK_STARTED : NETWORK_STOPPED, 0);
}

static const ObjectStoreKind store = {
        .folders = { [STORE_PERSISTENT] = "qemu/networks",
                     [STORE_TRANSIENT] = "network/transient",
                     [STORE_LIVE] = "network" },
        .document = &document_network,
        .header = "<!--\n"
                  "WARNING: THIS IS AN AUTO-GENERATED FILE. CHANGES TO IT ARE LIKELY TO BE\n"
                  "OVERWRITTEN AND LOST. Changes to this xml configuration should be made using:\n"
                  "  virsh net-edit NAME\n"
                  "or other application using the libvirt API.\n"
                  "-->\n\n",
        .live = live,
};

static const ObjectUnitKind unit = { .kind = &unit_network,
                                     .autostart = "qemu/networks/autostart",
                                     .errors = "network" };

const ObjectKind kind_network = {
        .word = "network",
        .acl_name = "network_name",
        .acl_uuid = "network_uuid",
        .none = ERROR_NO_NETWORK,
        .origin = ORIGIN_NETWORK,
        .subject = ORIGIN_NETWORK,
        .inactive_text = "network is not active",
        .size = sizeof(Network),
        .wire = OBJECT_WIRE(remote_nonnull_network, name, uuid),
        .has_events = true,
        .events = EVENT_NETWORK,
        .index = index_of,
        .done = network_done,
        .is_active = is_active,
        .filters = filters,
        .store = &store,
        .unit = &unit,
};

/* --- calls --- */

static int get_bridge_name(Call *c, Network *n, const remote_network_get_bridge_name_args *args,
                           remote_network_get_bridge_name_ret *ret, Error *e) {
        const char *name = network_bridge(definition_root(call_definition(c)));

        if (!name)
                return error_set(e, -ENOENT, ERROR_INTERNAL, ORIGIN_NETWORK,
                                 "network '%s' does not have a bridge name.", n->object.name);
        return reply_string(&ret->name, name);
}

#define XML_INACTIVE 1U

/* The live one says how many guests are on the network. */
static int get_xml(Call *c, Network *n, const remote_network_get_xml_desc_args *args,
                   remote_network_get_xml_desc_ret *ret, Error *e) {
        bool live_one = n->active && !(args->flags & XML_INACTIVE);
        _cleanup_definition_ Definition *d = NULL;
        unsigned ports = live_one ? network_n_ports(n) : 0;
        int r;

        r = object_load(&n->object, live_one ? OBJECT_LIVE : OBJECT_INACTIVE, &d, e);
        if (r >= 0 && !live_one)
                r = definition_normalise(d, NULL, e);
        if (r >= 0 && live_one && network_has_pool(definition_root(d)))
                r = network_pool_count(definition_root(d));
        if (r >= 0 && ports > 0)
                r = xml_set_attrf(definition_root(d), "connections", "%u", ports);
        return r < 0 ? r : definition_format(d, live_one ? 0 : DEFINITION_FORMAT_INACTIVE, &ret->xml);
}

static const RpcHandler rows[] = {
        OBJECT_LOOKUP_BY_NAME(remote, REMOTE, &kind_network, NETWORK_LOOKUP_BY_NAME),
        OBJECT_LOOKUP_BY_UUID(remote, REMOTE, &kind_network, NETWORK_LOOKUP_BY_UUID),
        OBJECT_LIST_ALL(remote, REMOTE, &kind_network, CONNECT_LIST_ALL_NETWORKS),
        OBJECT_NUM_OF(remote, REMOTE, &kind_network, CONNECT_NUM_OF_NETWORKS, LIST_ACTIVE),
        OBJECT_NUM_OF(remote, REMOTE, &kind_network, CONNECT_NUM_OF_DEFINED_NETWORKS, LIST_INACTIVE),
        OBJECT_LIST_NAMES(remote, REMOTE, &kind_network, CONNECT_LIST_NETWORKS, maxnames, LIST_ACTIVE),
        OBJECT_LIST_NAMES(remote, REMOTE, &kind_network, CONNECT_LIST_DEFINED_NETWORKS, maxnames, LIST_INACTIVE),
        OBJECT_IS_ACTIVE(remote, REMOTE, &kind_network, NETWORK_IS_ACTIVE),
        OBJECT_IS_PERSISTENT(remote, REMOTE, &kind_network, NETWORK_IS_PERSISTENT),
        OBJECT_GET_AUTOSTART(remote, REMOTE, &kind_network, NETWORK_GET_AUTOSTART),
        OBJECT_SET_AUTOSTART(remote, REMOTE, &kind_network, NETWORK_SET_AUTOSTART,
                             .transient = "cannot set autostart for transient network"),
        CALL(NETWORK_GET_BRIDGE_NAME, get_bridge_name, .needs = NEED_CURRENT),
        CALL(NETWORK_GET_XML_DESC, get_xml, .flags = XML_INACTIVE),
};
const RpcTable network_table_driver = RPC_TABLE(rows);

static const RpcTable *const tables[] = {
        &network_table_driver,
        &network_table_define,
        &network_table_run,
        &network_table_update,
        &network_table_leases,
        &network_table_ports,
        NULL,
};

/* --- the driver --- */

static void driver_stop(void *state) {
        NetworkDriver *d = state;

        if (!d)
                return;
        object_store_stop(&d->networks);
        object_index_done(&d->networks);
        free(d);
}

static int driver_start(DriverHost *host, void **ret_state, Error *e) {
        NetworkDriver *d = calloc(1, sizeof *d);
        int r;

        if (!d)
                return -ENOMEM;
        object_index_init(&d->networks, &kind_network, host, d);
        r = object_store_start(&d->networks, e);
        if (r < 0) {
                driver_stop(d);
                return r;
        }
        *ret_state = d;
        return 0;
}

const Driver driver_network = {
        .name = "network",
        .class = DRIVER_NETWORK,
        .origin = ORIGIN_NETWORK,
        .tables = tables,
        .start = driver_start,
        .stop = driver_stop,
};
