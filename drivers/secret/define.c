/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Finding, defining and undefining. */

#include "base/strings.h"
#include "model/kind.h"
#include "object/event.h"
#include "object/list.h"
#include "secret.h"

static int lookup_by_usage(Call *c, const remote_secret_lookup_by_usage_args *args,
                           remote_secret_lookup_by_usage_ret *ret, Error *e) {
        Secret *s = secret_by_usage(call_index(c), (SecretUsageType) args->usageType, args->usageID);

        if (!s)
                return error_set(e, -ENOENT, ERROR_NO_SECRET, ORIGIN_SECRET, "no secret with matching usage '%s'",
                                 args->usageID);
        return object_reply_found(c, &s->object, ret, e);
}

/* --- define --- */

typedef struct New {
        Definition *definition;
        uint8_t uuid[16];
        char key[37];
        SecretTraits traits;
        const char *usage; /* of the definition */
} New;

static int parse(const remote_secret_define_xml_args *args, New *ret, Error *e) {
        static const HostFacts no_facts;
        unsigned flags = args->flags ? DEFINITION_VALIDATE : 0;
        int r;

        r = definition_parse_as(&document_secret, args->xml, strlen(args->xml), NULL, flags, &ret->definition, e);
        if (r >= 0)
                r = definition_normalise(ret->definition, &no_facts, e);
        if (r < 0)
                return r;
        (void) definition_uuid(ret->definition, ret->uuid);
        uuid_format(ret->uuid, ret->key);
        ret->usage = secret_traits(ret->definition, &ret->traits);
        return 0;
}

static int check_conflicts(const New *n, const Secret *old, const Secret *same_usage, Error *e) {
        char uuid[37];

        if (old && !streq(old->usage ?: "", n->usage)) /* another type alone is no other use, to libvirt */
                return error_set(e, -EEXIST, ERROR_INTERNAL, ORIGIN_SECRET,
                                 "a secret with UUID %s is already defined for use with %s", n->key, old->usage ?: "");
        if (old && old->traits.private && !n->traits.private)
                return error_set(e, -EPERM, ERROR_INTERNAL, ORIGIN_SECRET,
                                 "cannot change private flag on existing secret");
        if (!same_usage || same_usage == old)
                return 0;
        uuid_format(same_usage->object.uuid, uuid);
        return error_set(e, -EEXIST, ERROR_INTERNAL, ORIGIN_SECRET,
                         "a secret with UUID %s already defined for use with %s", uuid, n->usage);
}

/* From /etc to /run or back: what is new is written before anything old is removed. */
static int move_value(Secret *s, bool ephemeral, Error *e) {
        _cleanup_secret_value_ SecretValue v = {};
        int r;

        if (s->traits.ephemeral == ephemeral)
                return 0;
        r = value_get(s, &v, e);
        if (r == -ENOENT) {
                error_done(e);
                return 0;
        }
        return r < 0 ? r : value_keep(s, ephemeral, v.data, v.len, e);
}

static int write_definition(ObjectIndex *i, const New *n, Error *e) {
        StorePlace place = n->traits.ephemeral ? STORE_TRANSIENT : STORE_PERSISTENT;
        int r;

        r = object_write(&kind_secret, place, n->key, n->definition, NULL, e);
        if (r >= 0)
                r = object_unlink(&kind_secret, n->traits.ephemeral ? STORE_PERSISTENT : STORE_TRANSIENT, n->key, e);
        if (r >= 0 && secret_file_remove(n->key, !n->traits.ephemeral) < 0)
                return error_set(e, -EIO, ERROR_INTERNAL, ORIGIN_SECRET, "cannot remove the former value of secret %s",
                                 n->key);
        return r;
}

/* With the lock of the one that is replaced, if any. */
static int define_locked(ObjectIndex *i, const New *n, Secret *old, Object **ret, Error *e) {
        int r;

        r = check_conflicts(n, old, secret_by_usage(i, n->traits.type, n->usage), e);
        if (r >= 0 && old)
                r = move_value(old, n->traits.ephemeral, e);
        if (r >= 0)
                r = write_definition(i, n, e);
        if (r < 0)
                return r;
        *ret = object_refresh(i, n->key, true);
        if (!*ret)
                return -ENOMEM;
        object_emit_lifecycle(*ret, OBJECT_DEFINED, 0);
        return 0;
}

static int define_parsed(Call *c, const New *n, remote_nonnull_secret *ret, Error *e) {
        ObjectIndex *i = call_index(c);
        Object *found = object_by_uuid(i, n->uuid);
        _cleanup_object_ Object *old = found ? object_ref(found) : NULL;
        /* Access control asks about what will be. */
        Secret probe = { .object.index = i, .traits = n->traits, .usage = (char *) n->usage };
        Object *defined;
        int r;

        memcpy(probe.object.uuid, n->uuid, 16);
        r = object_check_access(c, &probe.object, call_flags(c), e);
        if (r >= 0 && old)
                r = object_job_begin(old, OBJECT_MODIFY, call_procedure(c)->api, e);
        if (r < 0)
                return r;
        r = define_locked(i, n, old && !old->gone ? secret_of(old) : NULL, &defined, e);
        if (r >= 0)
                r = object_to_wire(defined, ret);
        if (old)
                object_job_end(old, OBJECT_MODIFY);
        return r;
}

static int define(Call *c, const remote_secret_define_xml_args *args, remote_secret_define_xml_ret *ret, Error *e) {
        New n = {};
        int r;

        r = parse(args, &n, e);
        if (r >= 0)
                r = define_parsed(c, &n, &ret->secret, e);
        definition_free(n.definition);
        return r;
}

/* The value goes first: what is left at a crash is a secret without one. */
static int undefine(Call *c, Secret *s, uint32_t flags, Error *e) {
        char uuid[37];
        int r;

        uuid_format(s->object.uuid, uuid);
        r = secret_file_remove(uuid, s->traits.ephemeral);
        if (r < 0)
                return error_set_errno(e, r, ORIGIN_SECRET, "cannot remove the value of secret %s", uuid);
        r = object_unlink(&kind_secret, s->object.transient ? STORE_TRANSIENT : STORE_PERSISTENT, uuid, e);
        if (r < 0)
                return r;
        (void) object_refresh(s->object.index, uuid, true);
        object_emit_lifecycle(&s->object, OBJECT_UNDEFINED, 0);
        return 0;
}

static const RpcHandler rows[] = {
        OBJECT_LOOKUP_BY_UUID(remote, REMOTE, &kind_secret, SECRET_LOOKUP_BY_UUID),
        PLAIN(SECRET_LOOKUP_BY_USAGE, lookup_by_usage),
        OBJECT_LIST_ALL(remote, REMOTE, &kind_secret, CONNECT_LIST_ALL_SECRETS),
        OBJECT_NUM_OF(remote, REMOTE, &kind_secret, CONNECT_NUM_OF_SECRETS, 0),
        OBJECT_LIST_NAMES(remote, REMOTE, &kind_secret, CONNECT_LIST_SECRETS, maxuuids, 0),
        OBJECT_GET_XML(remote, REMOTE, &kind_secret, SECRET_GET_XML_DESC, 0),
        PLAIN(SECRET_DEFINE_XML, define, .flags = 1 /* VIR_SECRET_DEFINE_VALIDATE */),
        ACTION(SECRET_UNDEFINE, undefine, .needs = NEED_LOCK),
};
const RpcTable secret_define_table = RPC_TABLE(rows);
