/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Definitions that clients send, and those that they take away. */

#include "storage.h"

#include "base/strings.h"
#include "plan/plan.h"

#define VALIDATE 1U             /* VIR_STORAGE_POOL_DEFINE_VALIDATE */
#define CREATE_FLAGS 7U         /* VIR_STORAGE_POOL_CREATE_x */

/* --- definitions of clients --- */

/* o: what has its name or uuid by now; may be NULL. A pool that stays where it is is left in peace, wherever that is:
 * there are such from before. */
static int check_spec(ObjectIndex *i, Object *o, const Definition *d, Error *e) {
        _cleanup_pool_spec_ PoolSpec *spec = NULL;
        _cleanup_plan_ Plan *plan = NULL;
        const PoolSpec *before;
        bool stays;
        int r;

        r = pool_spec_from_xml(definition_root(d), &spec, e);
        if (r < 0)
                return r;
        if (pool_type_missing(spec->type))
                return error_set(e, -EOPNOTSUPP, ERROR_CONFIG_UNSUPPORTED, ORIGIN_STORAGE,
                                 "pools of type '%s' are not supported: built without %s", pool_type_name(spec->type),
                                 pool_type_missing(spec->type));
        stays = o && pool_spec(pool_of(o), &before, NULL) >= 0 && pool_same_target(before, spec);
        r = pool_refuse_conflict(i, spec, stays, e);
        return r < 0 ? r : plan_build(d, &plan, e);
}

static int read_definition(Call *c, const char *xml, bool validate, Definition **ret, Object **ret_object, Error *e) {
        _cleanup_definition_ Definition *d = NULL;
        Object *o;
        int r;

        r = object_read_definition(c, xml, validate, &d, &o, e);
        if (r >= 0)
                r = check_spec(call_index(c), o, d, e);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(d);
        *ret_object = o;
        return 0;
}

static int define_xml(Call *c, const remote_storage_pool_define_xml_args *args, remote_storage_pool_define_xml_ret *ret,
                      Error *e) {
        _cleanup_definition_ Definition *d = NULL, *before = NULL;
        ObjectIndex *i = call_index(c);
        Object *o;
        int r;

        r = read_definition(c, args->xml, args->flags & VALIDATE, &d, &o, e);
        if (r >= 0 && o && o->persistent)
                before = pool_definition(pool_of(o), OBJECT_INACTIVE);
        if (r >= 0)
                r = object_write(&kind_pool, STORE_PERSISTENT, definition_name(d), d, NULL, e);
        if (r < 0)
                return r;
        o = object_refresh(i, definition_name(d), false);
        if (!o)
                return object_none_name(&kind_pool, definition_name(d), e);
        r = object_write_dropin(o, d, false, e);
        if (r >= 0)
                r = object_to_wire(o, &ret->pool);
        if (r >= 0)
                pool_correct_guests(i, before, d);
        return r;
}

/* --- transient ones --- */

static int start_transient(Call *c, Object *o, const Definition *d, uint32_t flags, Error *e) {
        int r;

        r = object_job_begin(o, OBJECT_MODIFY, "virStoragePoolCreateXML", e);
        if (r < 0)
                return r;
        r = object_write_dropin(o, d, true, e);
        if (r >= 0)
                r = pool_request_build(pool_of(o), flags, e);
        if (r >= 0)
                r = pool_start(pool_of(o), true, e);
        object_job_end(o, OBJECT_MODIFY);
        return r;
}

/* Its file goes again where it does not come up; vm-pool removes it at the pool's end. */
static int create_xml(Call *c, const remote_storage_pool_create_xml_args *args, remote_storage_pool_create_xml_ret *ret,
                      Error *e) {
        _cleanup_definition_ Definition *d = NULL;
        _cleanup_object_ Object *o = NULL;
        ObjectIndex *i = call_index(c);
        Object *found;
        int r;

        r = read_definition(c, args->xml, false, &d, &found, e);
        if (r >= 0 && found && object_is_active(found))
                r = object_refuse(found, e, "pool '%s' is already active", found->name);
        if (r >= 0)
                r = object_write(&kind_pool, STORE_TRANSIENT, definition_name(d), d, NULL, e);
        if (r < 0)
                return r;
        found = object_refresh(i, definition_name(d), false);
        if (!found)
                return object_none_name(&kind_pool, definition_name(d), e);
        o = object_ref(found);
        r = start_transient(c, o, d, args->flags, e);
        if (r < 0) {
                (void) object_unlink(&kind_pool, STORE_TRANSIENT, o->name, NULL);
                object_remove_units(i, o->name, d, true);
                (void) object_refresh(i, o->name, false);
                return r;
        }
        return object_to_wire(o, &ret->pool);
}

/* --- undefine --- */

Definition *pool_definition(Pool *p, ObjectVersion which) {
        _cleanup_definition_ Definition *d = NULL;

        if (object_load(&p->object, which, &d, NULL) < 0 || definition_normalise(d, NULL, NULL) < 0)
                return NULL;
        return TAKE_PTR(d);
}

static int undefine(Call *c, Pool *p, uint32_t flags, Error *e) {
        _cleanup_definition_ Definition *d = NULL;
        _cleanup_free_ char *name = strdup(p->object.name);
        ObjectIndex *i = call_index(c);
        int r;

        if (!name)
                return -ENOMEM;
        if (p->object.live)
                return object_refuse(&p->object, e, "storage pool '%s' is still active", name);
        d = pool_definition(p, OBJECT_INACTIVE);
        r = object_unit_forget(i, name, e);
        if (r >= 0)
                r = object_unlink(&kind_pool, STORE_PERSISTENT, name, e);
        if (r < 0)
                return r;
        object_remove_units(i, name, d, false);
        (void) object_refresh(i, name, false);
        pool_correct_guests(i, d, NULL);
        return 0;
}

static const RpcHandler rows[] = {
        PLAIN(STORAGE_POOL_DEFINE_XML, define_xml, .flags = VALIDATE),
        PLAIN(STORAGE_POOL_CREATE_XML, create_xml, .flags = CREATE_FLAGS),
        ACTION(STORAGE_POOL_UNDEFINE, undefine, .needs = NEED_LOCK | NEED_PERSISTENT),
};
const RpcTable storage_table_define = RPC_TABLE(rows);
