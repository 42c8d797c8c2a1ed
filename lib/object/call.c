/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What is done for every row, before its handler and after. */

#include "base/strings.h"
#include "object/list.h"
#include "rpc/access.h"

typedef struct Scope {
        const CallRow *row;
        Object *object;
        uint32_t flags;
        Definition *definition;
        bool live, config;
} Scope;

static Scope *scope(const Call *c) {
        return call_scope(c);
}

const CallRow *call_row(const Call *c) {
        return scope(c)->row;
}

uint32_t call_flags(const Call *c) {
        return scope(c)->flags;
}

Definition *call_definition(const Call *c) {
        return scope(c)->definition;
}

bool call_affects_live(const Call *c) {
        return scope(c)->live;
}

bool call_affects_config(const Call *c) {
        return scope(c)->config;
}

ObjectIndex *call_index(const Call *c) {
        return scope(c)->row->kind->index(call_driver(c));
}

int reply_string(char **ret, const char *s) {
        *ret = strdup(s);
        return *ret ? 0 : -ENOMEM;
}

/* --- the wire --- */

int object_to_wire(const Object *o, void *wire) {
        const ObjectKind *k = object_kind(o);

        if (k->wire.name_at != OBJECT_NO_MEMBER) {
                char **name = (char **) ((char *) wire + k->wire.name_at);

                *name = strdup(o->name);
                if (!*name)
                        return -ENOMEM;
        }
        if (k->wire.uuid_at != OBJECT_NO_MEMBER)
                memcpy((char *) wire + k->wire.uuid_at, o->uuid, 16);
        return k->to_wire ? k->to_wire(o, wire) : 0;
}

static const char *wire_name(const ObjectKind *k, const void *wire) {
        return k->wire.name_at == OBJECT_NO_MEMBER ? NULL : *(char *const *) ((const char *) wire + k->wire.name_at);
}

static int find_object(ObjectIndex *i, const void *wire, Object **ret, Error *e) {
        const ObjectKind *k = i->kind;
        bool by_uuid = k->wire.uuid_at != OBJECT_NO_MEMBER;
        const uint8_t *uuid = by_uuid ? (const uint8_t *) wire + k->wire.uuid_at : NULL;
        Object *o;

        o = k->find   ? k->find(i, wire)
            : by_uuid ? object_by_uuid(i, uuid)
                      : object_by_name(i, NULL, wire_name(k, wire));
        if (!o || !object_is_visible(o))
                return by_uuid ? object_none_uuid(k, uuid, wire_name(k, wire), e)
                               : object_none_name(k, wire_name(k, wire), e);
        *ret = object_ref(o);
        return 0;
}

/* --- access --- */

static void acl_of(const ObjectKind *k, const char *name, const uint8_t uuid[16], ObjectAcl *ret) {
        size_t n = 0;

        *ret = (ObjectAcl) {};
        if (k->acl_name && name) {
                ret->details[n++] = k->acl_name;
                ret->details[n++] = name;
        }
        if (k->acl_uuid && uuid) {
                uuid_format(uuid, ret->uuid);
                ret->details[n++] = k->acl_uuid;
                ret->details[n++] = ret->uuid;
        }
}

static void acl_of_object(const Object *o, ObjectAcl *ret) {
        acl_of(object_kind(o), o->name, o->uuid, ret);
        if (object_kind(o)->acl)
                object_kind(o)->acl(o, ret);
}

int object_check_access(Call *c, const Object *o, uint32_t flags, Error *e) {
        ObjectAcl acl;

        acl_of_object(o, &acl);
        return call_check_access_to(c, flags, acl.details, e);
}

int object_check_access_to(Call *c, const ObjectKind *k, const char *name, const uint8_t uuid[16], uint32_t flags,
                           Error *e) {
        ObjectAcl acl;

        acl_of(k, name, uuid, &acl);
        return call_check_access_to(c, flags, acl.details, e);
}

int object_read_definition(Call *c, const char *xml, bool validate, Definition **ret, Object **ret_object, Error *e) {
        const ObjectIndex *i = call_index(c);
        _cleanup_definition_ Definition *d = NULL;
        uint8_t uuid[16];
        int r;

        r = definition_parse_as(i->kind->store->document, xml, strlen(xml), NULL, validate ? DEFINITION_VALIDATE : 0,
                                &d, e);
        if (r >= 0)
                r = definition_normalise(d, NULL, e);
        if (r < 0)
                return r;
        (void) definition_uuid(d, uuid);
        r = object_check_access_to(c, i->kind, definition_name(d), uuid, 0, e);
        if (r >= 0)
                r = object_for_identity(i, definition_name(d), uuid, ret_object, e);
        if (r >= 0)
                *ret = TAKE_PTR(d);
        return r;
}

bool object_may_show(Call *c, const Object *o) {
        ObjectAcl acl;

        if (!call_has_access_rules(c))
                return true;
        acl_of_object(o, &acl);
        return call_filter_access_to(c, acl.details) > 0;
}

static void settle(Object *o) {
        if (object_kind(o)->settle)
                object_kind(o)->settle(o);
}

int object_reply_found(Call *c, Object *o, void *wire, Error *e) {
        _cleanup_object_ _unused_ Object *hold = object_ref(o);
        int r;

        r = object_check_access(c, o, call_flags(c), e);
        if (r < 0)
                return r;
        settle(o);
        return object_to_wire(o, wire);
}

/* --- the steps --- */

/* The words of flags are 32 bits or, in a few procedures, 64: of those the upper half is not supported by any. */
static int take_flags(Call *c, Scope *s, const void *args, Error *e) {
        const CallRow *row = s->row;
        uint64_t wide = 0;
        int r;

        if (row->flags_at == RPC_NO_FLAGS)
                return 0;
        if (row->flags_at & RPC_FLAGS_WIDE)
                memcpy(&wide, (const char *) args + (row->flags_at & ~RPC_FLAGS_WIDE), sizeof(wide));
        else {
                memcpy(&s->flags, (const char *) args + row->flags_at, sizeof(s->flags));
                wide = s->flags;
        }
        s->flags = (uint32_t) wide;
        if (wide >> 32)
                return error_set(e, -EINVAL, ERROR_INVALID_ARG, row->kind ? row->kind->origin : ORIGIN_NONE,
                                 "unsupported flags (0x%lx) in function %s", (unsigned long) wide,
                                 call_procedure(c)->api);
        r = call_check_flags(c, s->flags,
                             row->flags | (row->plain == object_list_all ? object_filter_flags(row->kind) : 0), e);
        return r >= 0 && s->flags & row->writable ? call_check_writable(c, e) : r;
}

/* What the row needs of the object as it is now. */
static int check_state(const Scope *s, Error *e) {
        const CallRow *row = s->row;
        const Object *o = s->object;

        if (o->gone)
                return object_error_gone(o, e);
        if (row->needs & (NEED_ACTIVE | NEED_LIVE) && !object_is_active(o))
                return object_error_inactive(o, e);
        if (row->needs & NEED_PERSISTENT && !o->persistent)
                return row->transient ? object_refuse(o, e, "%s", row->transient)
                                      : object_refuse(o, e, "cannot do this to a transient %s", object_kind(o)->word);
        return 0;
}

static int resolve_impact(Scope *s, Error *e) {
        uint32_t asked = s->flags & (IMPACT_LIVE | IMPACT_CONFIG);
        const Object *o = s->object;

        if (asked == (IMPACT_LIVE | IMPACT_CONFIG) && s->row->needs & NEED_IMPACT)
                return error_set(
                        e, -EINVAL, ERROR_INVALID_ARG, object_kind(o)->subject,
                        "flags 'VIR_DOMAIN_AFFECT_LIVE' and 'VIR_DOMAIN_AFFECT_CONFIG' are mutually exclusive");
        s->live = asked ? asked & IMPACT_LIVE : object_is_active(o);
        s->config = asked ? asked & IMPACT_CONFIG : !s->live;
        if (s->live && !object_is_active(o))
                return object_error_inactive(o, e);
        if (asked & IMPACT_CONFIG && !o->persistent)
                return s->row->transient ? object_refuse(o, e, "%s", s->row->transient)
                                         : object_refuse(o, e, "transient %ss do not have any persistent config",
                                                         object_kind(o)->word);
        return 0;
}

static int take_definition(Scope *s, Error *e) {
        unsigned needs = s->row->needs;

        if (needs & NEED_LIVE)
                return object_load(s->object, OBJECT_LIVE, &s->definition, e);
        if (needs & NEED_CURRENT)
                return object_load(s->object, OBJECT_CURRENT, &s->definition, e);
        if (needs & NEED_DEFINITION)
                return object_load(s->object, s->live ? OBJECT_LIVE : OBJECT_INACTIVE, &s->definition, e);
        return 0;
}

static int run_handler(Call *c, Scope *s, const void *args, void *ret, Error *e) {
        const CallRow *row = s->row;
        int r = 0;

        if (row->call)
                r = row->call(c, s->object, args, ret, e);
        else if (row->action)
                r = row->action(c, s->object, s->flags, e);
        if (r >= 0 && row->needs & NEED_REPLY)
                r = object_to_wire(s->object, ret);
        return r;
}

/* With the job, if any, begun. */
static int run_locked(Call *c, Scope *s, const void *args, void *ret, Error *e) {
        int r;

        r = check_state(s, e);
        if (r >= 0 && s->row->needs & (NEED_IMPACT | NEED_IMPACTS))
                r = resolve_impact(s, e);
        if (r >= 0)
                r = take_definition(s, e);
        return r < 0 ? r : run_handler(c, s, args, ret, e);
}

static bool job_of(unsigned needs, ObjectJobKind *ret) {
        *ret = needs & NEED_DESTROY ? OBJECT_DESTROY : needs & NEED_LOCK ? OBJECT_MODIFY : OBJECT_QUERY;
        return needs & (NEED_DESTROY | NEED_LOCK | NEED_QUERY);
}

static int run_on_object(Call *c, Scope *s, const void *args, void *ret, Error *e) {
        ObjectJobKind job;
        int r;

        r = find_object(call_index(c), args, &s->object, e);
        if (r >= 0)
                r = object_check_access(c, s->object, s->flags, e);
        if (r < 0)
                return r;
        if (!(s->row->needs & NEED_UNSETTLED))
                settle(s->object);
        if (!job_of(s->row->needs, &job))
                return run_locked(c, s, args, ret, e);
        r = check_state(s, e);
        if (r >= 0)
                r = object_job_begin(s->object, job, call_procedure(c)->api, e);
        if (r < 0)
                return r;
        r = run_locked(c, s, args, ret, e);
        object_job_end(s->object, job);
        return r;
}

int object_call_run(Call *c, const RpcHandler *h, const void *args, void *ret, Error *e) {
        Scope s = { .row = h->detail };
        int r;

        call_set_scope(c, &s);
        r = take_flags(c, &s, args, e);
        if (r >= 0)
                r = s.row->has_object ? run_on_object(c, &s, args, ret, e) : s.row->plain(c, args, ret, e);
        call_set_scope(c, NULL);
        definition_free(s.definition);
        object_unref(s.object);
        return r;
}
