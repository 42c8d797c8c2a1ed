/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Title, description and metadata: object/metadata.h. */

#include "calls/calls.h"
#include "guest/events.h"
#include "guest/live.h"
#include "object/metadata.h"

static int get_metadata(Call *c, Guest *g, const remote_domain_get_metadata_args *args,
                        remote_domain_get_metadata_ret *ret, Error *e) {
        return object_metadata_get(call_definition(c), args->type, args->uri ? *args->uri : NULL,
                                   ERROR_NO_DOMAIN_METADATA, ORIGIN_DOMAIN, &ret->metadata, e);
}

static int change(Guest *g, ObjectVersion version, const remote_domain_set_metadata_args *args, Error *e) {
        _cleanup_definition_ Definition *d = NULL;
        int r;

        r = object_load(&g->object, version, &d, e);
        if (r >= 0)
                r = object_metadata_change(d, args->type, args->metadata ? *args->metadata : NULL,
                                           args->key ? *args->key : NULL, args->uri ? *args->uri : NULL, ORIGIN_DOMAIN,
                                           e);
        if (r < 0)
                return r;
        if (version == OBJECT_LIVE)
                return live_write(g, d, e);
        r = object_write(&kind_domain, STORE_PERSISTENT, g->object.name, d, NULL, e);
        if (r >= 0)
                (void) index_refresh_quietly(g->driver, g->object.name);
        return r;
}

static int set_metadata(Call *c, Guest *g, const remote_domain_set_metadata_args *args, rpc_void *ret, Error *e) {
        int r = 0;

        if (call_affects_live(c))
                r = change(g, OBJECT_LIVE, args, e);
        if (r >= 0 && call_affects_config(c))
                r = change(g, OBJECT_INACTIVE, args, e);
        if (r >= 0)
                emit_metadata_change(g, args->type, args->uri ? *args->uri : NULL);
        return r;
}

static const RpcHandler rows[] = {
        CALL(DOMAIN_GET_METADATA, get_metadata, .flags = AFFECT_LIVE | AFFECT_CONFIG,
             .needs = NEED_IMPACT | NEED_DEFINITION),
        CALL(DOMAIN_SET_METADATA, set_metadata, .flags = AFFECT_LIVE | AFFECT_CONFIG,
             .needs = NEED_LOCK | NEED_IMPACTS),
};
const RpcTable qemu_metadata_table = RPC_TABLE(rows);
