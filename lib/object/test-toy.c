/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "base/strings.h"
#include "object/event.h"
#include "object/list.h"
#include "test-toy.h"

/* --- the kind --- */

static Toy *toy(const Object *o) {
        return container_of((Object *) o, Toy, object);
}

static ObjectIndex *index_of(void *driver) {
        return &((ToyDriver *) driver)->toys;
}

static bool is_active(const Object *o) {
        return toy(o)->active;
}

static bool is_persistent(const Object *o) {
        return o->persistent;
}

static const ObjectFilter filters[] = {
        { .yes = 2, .no = 1, .is = is_active },
        { .yes = 4, .no = 8, .is = is_persistent },
        {},
};

static void live(Object *o, const StoreHead *head, bool at_start) {
        toy(o)->active = head->there;
}

static const ObjectStoreKind store_toy = {
        .folders = { [STORE_PERSISTENT] = "toys", [STORE_TRANSIENT] = "toys/transient", [STORE_LIVE] = "toys" },
        .document = &document_domain, .header = "<!-- a toy -->\n", .updated_detail = 1, .live = live,
};

const ObjectKind kind_toy = {
        .word = "toy",
        .acl_name = "toy_name",
        .acl_uuid = "toy_uuid",
        .none = ERROR_NO_NETWORK,
        .origin = ORIGIN_NETWORK,
        .subject = ORIGIN_NETWORK,
        .inactive_text = "toy is not active",
        .size = sizeof(Toy),
        .wire = OBJECT_WIRE(remote_nonnull_network, name, uuid),
        .has_events = true,
        .events = EVENT_NETWORK,
        .index = index_of,
        .is_active = is_active,
        .filters = filters,
        .store = &store_toy,
};

/* --- its calls --- */

#define CALL(NAME, f, ...) OBJECT_CALL(remote, REMOTE, &kind_toy, Toy, NAME, f, __VA_ARGS__)
#define ACTION(NAME, f, ...) OBJECT_ACTION(remote, REMOTE, &kind_toy, Toy, NAME, f, __VA_ARGS__)

static int get_bridge_name(Call *c, Toy *t, const remote_network_get_bridge_name_args *args,
                           remote_network_get_bridge_name_ret *ret, Error *e) {
        return reply_string(&ret->name, definition_name(call_definition(c)));
}

/* Takes its time, as a unit's job would. */
static int create(Call *c, Toy *t, uint32_t flags, Error *e) {
        t->n_changes++;
        return fiber_sleep(20U * 1000U);
}

static int destroy(Call *c, Toy *t, uint32_t flags, Error *e) {
        t->active = false;
        object_index_remove(&t->object);
        return 0;
}

static int set_metadata(Call *c, Toy *t, const remote_network_set_metadata_args *args, rpc_void *ret, Error *e) {
        t->n_changes = (unsigned) (call_affects_live(c) + 2 * call_affects_config(c));
        return 0;
}

static int undefine(Call *c, Toy *t, uint32_t flags, Error *e) {
        int r = object_unlink(&kind_toy, STORE_PERSISTENT, t->object.name, e);

        if (r >= 0)
                (void) object_refresh(t->object.index, t->object.name, false);
        return r;
}

static const RpcHandler rows[] = {
        OBJECT_LOOKUP_BY_NAME(remote, REMOTE, &kind_toy, NETWORK_LOOKUP_BY_NAME),
        OBJECT_LOOKUP_BY_UUID(remote, REMOTE, &kind_toy, NETWORK_LOOKUP_BY_UUID),
        OBJECT_LIST_ALL(remote, REMOTE, &kind_toy, CONNECT_LIST_ALL_NETWORKS),
        OBJECT_NUM_OF(remote, REMOTE, &kind_toy, CONNECT_NUM_OF_NETWORKS, 2),
        OBJECT_LIST_NAMES(remote, REMOTE, &kind_toy, CONNECT_LIST_DEFINED_NETWORKS, maxnames, 1),
        OBJECT_IS_ACTIVE(remote, REMOTE, &kind_toy, NETWORK_IS_ACTIVE),
        OBJECT_IS_PERSISTENT(remote, REMOTE, &kind_toy, NETWORK_IS_PERSISTENT),
        OBJECT_GET_XML(remote, REMOTE, &kind_toy, NETWORK_GET_XML_DESC, 1),
        CALL(NETWORK_GET_BRIDGE_NAME, get_bridge_name, .needs = NEED_CURRENT),
        CALL(NETWORK_SET_METADATA, set_metadata, .flags = IMPACT_LIVE | IMPACT_CONFIG,
             .needs = NEED_LOCK | NEED_IMPACTS),
        ACTION(NETWORK_CREATE, create, .needs = NEED_LOCK),
        ACTION(NETWORK_DESTROY, destroy, .needs = NEED_DESTROY | NEED_ACTIVE),
        ACTION(NETWORK_UNDEFINE, undefine, .needs = NEED_LOCK | NEED_PERSISTENT,
               .transient = "cannot undefine a transient toy"),
};
static const RpcTable table = RPC_TABLE(rows);
static const RpcTable *const tables[] = { &table, NULL };

/* --- the driver --- */

static int driver_start(DriverHost *host, void **ret_state, Error *e) {
        ToyDriver *d = calloc(1, sizeof(*d));
        int r;

        if (!d)
                return -ENOMEM;
        object_index_init(&d->toys, &kind_toy, host, d);
        r = object_store_start(&d->toys, e);
        *ret_state = d;
        return r;
}

static void driver_stop(void *state) {
        ToyDriver *d = state;

        object_store_stop(&d->toys);
        object_index_done(&d->toys);
        free(d);
}

const Driver driver_toy = {
        .name = "toy",
        .class = DRIVER_NETWORK,
        .origin = ORIGIN_NETWORK,
        .tables = tables,
        .start = driver_start,
        .stop = driver_stop,
};

/* --- for tests --- */

TestDaemon *toy_daemon_new(void) {
        TestDaemon *d = calloc(1, sizeof(*d));

        test_daemon_init(d, &driver_toy);
        return d;
}

int toy_daemon_end(void **state) {
        TestDaemon *d = *state;

        test_daemon_stop(d);
        test_daemon_done(d);
        free(d);
        return 0;
}

ObjectIndex *toys(TestDaemon *d) {
        return &((ToyDriver *) d->state)->toys;
}
