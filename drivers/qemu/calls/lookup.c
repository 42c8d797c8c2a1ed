/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Finding and listing guests. */

#include "calls/calls.h"
#include "object/list.h"

typedef struct IdSearch {
        int id;
        Object *found;
} IdSearch;

static void match_id(Object *o, void *userdata) {
        IdSearch *s = userdata;

        if (guest_of(o)->id == s->id)
                s->found = o;
}

static int lookup_by_id(Call *c, const remote_domain_lookup_by_id_args *args, remote_domain_lookup_by_id_ret *ret,
                        Error *e) {
        IdSearch s = { .id = args->id };

        if (s.id >= 0)
                object_foreach(call_index(c), match_id, &s);
        if (!s.found)
                return error_set(e, -ENOENT, ERROR_NO_DOMAIN, ORIGIN_QEMU, "no domain with matching id %i", args->id);
        return object_reply_found(c, s.found, &ret->dom, e);
}

/* The old list of running guests is one of their numbers. */
static int list_ids(Call *c, const remote_connect_list_domains_args *args, remote_connect_list_domains_ret *ret,
                    Error *e) {
        Object **list;
        size_t n;
        int r;

        if (args->maxids < 0 || args->maxids > REMOTE_DOMAIN_LIST_MAX)
                return error_set(e, -EINVAL, ERROR_RPC, ORIGIN_RPC, "too many domains asked for: %i > %i", args->maxids,
                                 REMOTE_DOMAIN_LIST_MAX);
        r = object_select(c, call_index(c), NULL, DOMAIN_LIST_ACTIVE, &list, &n);
        if (r < 0)
                return r;
        ret->ids.ids_val = calloc(n + 1, sizeof(int));
        if (!ret->ids.ids_val)
                r = -ENOMEM;
        for (size_t i = 0; r >= 0 && i < MIN(n, (size_t) args->maxids); i++)
                ret->ids.ids_val[ret->ids.ids_len++] = guest_of(list[i])->id;
        object_release(list, n);
        return r;
}

static const RpcHandler rows[] = {
        OBJECT_LOOKUP_BY_NAME(remote, REMOTE, &kind_domain, DOMAIN_LOOKUP_BY_NAME),
        OBJECT_LOOKUP_BY_UUID(remote, REMOTE, &kind_domain, DOMAIN_LOOKUP_BY_UUID),
        PLAIN(DOMAIN_LOOKUP_BY_ID, lookup_by_id),
        OBJECT_LIST_ALL(remote, REMOTE, &kind_domain, CONNECT_LIST_ALL_DOMAINS),
        OBJECT_NUM_OF(remote, REMOTE, &kind_domain, CONNECT_NUM_OF_DOMAINS, DOMAIN_LIST_ACTIVE),
        OBJECT_NUM_OF(remote, REMOTE, &kind_domain, CONNECT_NUM_OF_DEFINED_DOMAINS, DOMAIN_LIST_INACTIVE),
        OBJECT_LIST_NAMES(remote, REMOTE, &kind_domain, CONNECT_LIST_DEFINED_DOMAINS, maxnames, DOMAIN_LIST_INACTIVE),
        PLAIN(CONNECT_LIST_DOMAINS, list_ids),
};
const RpcTable qemu_lookup_table = RPC_TABLE(rows);
