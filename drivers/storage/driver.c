/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "looker.h"

#include <sys/stat.h>

#include "base/fs.h"
#include "base/strings.h"
#include "plan/kind.h"

/* --- the kind --- */

static ObjectIndex *index_of(void *driver) {
        return &((StorageDriver *) driver)->pools;
}

static bool is_active(const Object *o) {
        return o->live;
}

static bool is_persistent(const Object *o) {
        return o->persistent;
}

static uint32_t type_bit(const Object *o) {
        const PoolSpec *s;

        return pool_spec(pool_of(o), &s, NULL) < 0 ? 0 : pool_type_list_bit(s->type);
}

static void forget_spec(Pool *p) {
        p->spec = pool_spec_free(p->spec);
}

static void pool_init(Object *o) {
        pool_of(o)->table_fd = -EBADF;
}

static void pool_done(Object *o) {
        Pool *p = pool_of(o);

        forget_spec(p);
        pool_forget_volumes(p);
        pool_close_lanes(p);
        strv_free(p->writing);
        strv_free(p->reading);
}

int pool_spec(Pool *p, const PoolSpec **ret, Error *e) {
        _cleanup_definition_ Definition *d = NULL;
        int r;

        if (!p->spec) {
                r = object_load(&p->object, OBJECT_CURRENT, &d, e);
                if (r >= 0)
                        r = definition_normalise(d, NULL, e);
                if (r >= 0)
                        r = pool_spec_from_xml(definition_root(d), &p->spec, e);
                if (r < 0)
                        return r;
        }
        *ret = p->spec;
        return 0;
}

/* virConnectListAllStoragePoolsFlags */
enum { LIST_INACTIVE = 1, LIST_ACTIVE = 2 };
static const ObjectFilter filters[] = {
        { .yes = LIST_ACTIVE, .no = LIST_INACTIVE, .is = is_active },
        { .yes = 4, .no = 8, .is = is_persistent },
        { .yes = 16, .no = 32, .is = object_autostart },
        { .yes = 0xfffc0, .which = type_bit },
        {},
};

/* vm-pool writes the live definition when all is there, and removes it first at the end, whoever asked for that. */
static void live(Object *o, const StoreHead *head, bool at_start) {
        Pool *p = pool_of(o);

        forget_spec(p);
        if (!head->there)
                pool_forget_volumes(p);
        if (!at_start && o->live != head->there)
                object_emit_lifecycle(o, head->there ? POOL_STARTED : POOL_STOPPED, 0);
}

static void changed(Object *o) {
        if (!o->live)
                forget_spec(pool_of(o));
}

void pool_emit_refresh(Pool *p) {
        remote_storage_pool_event_refresh_msg msg = {};

        if (object_to_wire(&p->object, &msg.pool) < 0)
                return;
        object_emit(&p->object, 1, &msg);
        free(msg.pool.name);
}

/* A refresh that somebody asked the unit for. */
static void other(ObjectIndex *i, StorePlace place, const char *file, bool at_start) {
        const char *suffix = endswith(file, ".volumes");
        _cleanup_free_ char *name = suffix ? strndup(file, (size_t) (suffix - file)) : NULL;
        Object *o = name && place == STORE_LIVE ? object_by_name(i, NULL, name) : NULL;

        if (!at_start && o && o->live && !pool_file_is_own(pool_of(o)))
                pool_emit_refresh(pool_of(o));
}

static const ObjectStoreKind store = {
        .folders = { [STORE_PERSISTENT] = "storage",
                     [STORE_TRANSIENT] = "storage/transient",
                     [STORE_LIVE] = "storage" },
        .document = &document_pool,
        .header = "<!--\n"
                  "WARNING: THIS IS AN AUTO-GENERATED FILE. CHANGES TO IT ARE LIKELY TO BE\n"
                  "OVERWRITTEN AND LOST. Changes to this xml configuration should be made using:\n"
                  "  virsh pool-edit NAME\n"
                  "or other application using the libvirt API.\n"
                  "-->\n\n",
        .changed = changed,
        .live = live,
        .other = other,
};

static const ObjectUnitKind unit = { .kind = &unit_pool, .autostart = "storage/autostart", .errors = "storage" };

const ObjectKind kind_pool = {
        .word = "storage pool", .acl_name = "pool_name", .acl_uuid = "pool_uuid", .none = ERROR_NO_STORAGE_POOL,
        .origin = ORIGIN_STORAGE, .subject = ORIGIN_STORAGE, .inactive_text = "storage pool is not active",
        .size = sizeof(Pool), .wire = OBJECT_WIRE(remote_nonnull_storage_pool, name, uuid), .has_events = true,
        .events = EVENT_STORAGE_POOL, .index = index_of, .init = pool_init, .done = pool_done, .is_active = is_active,
        .filters = filters, .store = &store, .unit = &unit,
};

static const RpcHandler rows[] = {
        OBJECT_LOOKUP_BY_NAME(remote, REMOTE, &kind_pool, STORAGE_POOL_LOOKUP_BY_NAME),
        OBJECT_LOOKUP_BY_UUID(remote, REMOTE, &kind_pool, STORAGE_POOL_LOOKUP_BY_UUID),
        OBJECT_LIST_ALL(remote, REMOTE, &kind_pool, CONNECT_LIST_ALL_STORAGE_POOLS),
        OBJECT_NUM_OF(remote, REMOTE, &kind_pool, CONNECT_NUM_OF_STORAGE_POOLS, LIST_ACTIVE),
        OBJECT_NUM_OF(remote, REMOTE, &kind_pool, CONNECT_NUM_OF_DEFINED_STORAGE_POOLS, LIST_INACTIVE),
        OBJECT_LIST_NAMES(remote, REMOTE, &kind_pool, CONNECT_LIST_STORAGE_POOLS, maxnames, LIST_ACTIVE),
        OBJECT_LIST_NAMES(remote, REMOTE, &kind_pool, CONNECT_LIST_DEFINED_STORAGE_POOLS, maxnames, LIST_INACTIVE),
        OBJECT_IS_ACTIVE(remote, REMOTE, &kind_pool, STORAGE_POOL_IS_ACTIVE),
        OBJECT_IS_PERSISTENT(remote, REMOTE, &kind_pool, STORAGE_POOL_IS_PERSISTENT),
        OBJECT_GET_AUTOSTART(remote, REMOTE, &kind_pool, STORAGE_POOL_GET_AUTOSTART),
        OBJECT_SET_AUTOSTART(remote, REMOTE, &kind_pool, STORAGE_POOL_SET_AUTOSTART,
                             .transient = "pool has no config file"),
};
const RpcTable storage_table_driver = RPC_TABLE(rows);

static const RpcTable *const tables[] = {
        &storage_table_driver,       &storage_table_define, &storage_table_run,
        &storage_table_capabilities, &storage_table_find,   &storage_table_show,
        &storage_table_make,         &storage_table_stream, NULL,
};

/* --- the driver --- */

static void driver_stop(void *state) {
        StorageDriver *d = state;

        if (!d)
                return;
        looker_done(d);
        object_store_stop(&d->pools);
        object_index_done(&d->pools);
        free(d);
}

static int driver_start(DriverHost *host, void **ret_state, Error *e) {
        _cleanup_free_ char *jobs = text_format("%s/" JOBS_FOLDER, path_run()),
                            *workers = text_format("%s/" WORKERS_FOLDER, path_run());
        StorageDriver *d = calloc(1, sizeof *d);
        int r;

        if (!d || !jobs || !workers) {
                free(d);
                return -ENOMEM;
        }
        d->host = host;
        object_index_init(&d->pools, &kind_pool, host, d);
        r = object_store_start(&d->pools, e);
        if (r >= 0) {
                r = mkdir_p(jobs, 0700);
                if (r >= 0)
                        r = mkdir_p(workers, 0700);
                if (r < 0)
                        error_set_errno(e, r, ORIGIN_STORAGE, "cannot make %s", jobs);
        }
        if (r < 0) {
                driver_stop(d);
                return r;
        }
        jobs_adopt(d);
        *ret_state = d;
        return 0;
}

const Driver driver_storage = {
        .name = "storage",
        .class = DRIVER_STORAGE,
        .origin = ORIGIN_STORAGE,
        .tables = tables,
        .start = driver_start,
        .stop = driver_stop,
};
