/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Changes of definitions that exist: net-update and metadata. A change of what runs is written to the live definition,
 * and vm-network, as the unit's reload, gives it to dnsmasq: by SIGHUP where that reads it again, else by a restart of
 * dnsmasq alone. */

#include "base/fs.h"
#include "base/strings.h"
#include "network.h"
#include "network/files.h"
#include "network/pool.h"
#include "object/metadata.h"

#define RELOAD_TIMEOUT_USEC (90U * 1000000U)
#define EVENT_METADATA_CHANGE 1

/* Checks a changed tree as if a client had sent it, and puts it into canonical form. */
static int check_again(Definition *d, Definition **ret, Error *e) {
        _cleanup_definition_ Definition *again = NULL;
        _cleanup_free_ char *text = NULL;
        int r;

        r = definition_format(d, DEFINITION_FORMAT_SECURE, &text);
        if (r >= 0)
                r = definition_parse_as(&document_network, text, strlen(text), NULL, 0, &again, e);
        if (r >= 0)
                r = definition_normalise(again, NULL, e);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(again);
        return 0;
}

typedef struct Change {
        const remote_network_update_args *update;      /* one of the two */
        const remote_network_set_metadata_args *metadata;
} Change;

static int apply(Definition *d, const Change *change, Error *e) {
        const remote_network_update_args *u = change->update;
        const remote_network_set_metadata_args *m = change->metadata;

        if (u)
                return network_update_section(d, u->command, u->section, u->parentIndex, u->xml, e);
        return object_metadata_change(d, m->type, m->metadata ? *m->metadata : NULL, m->key ? *m->key : NULL,
                                      m->uri ? *m->uri : NULL, ORIGIN_NETWORK, e);
}

static int changed_definition(Network *n, ObjectVersion version, const Change *change, Definition **ret, Error *e) {
        _cleanup_definition_ Definition *d = NULL;
        int r;

        r = object_load(&n->object, version, &d, e);
        /* what guests have of the pool cannot go */
        if (r >= 0 && version == OBJECT_LIVE && network_has_pool(definition_root(d)))
                r = network_pool_count(definition_root(d));
        if (r >= 0)
                r = apply(d, change, e);
        return r < 0 ? r : check_again(d, ret, e);
}

/* --- live --- */

static int reload_failed(Network *n, const char *unit, Error *e) {
        _cleanup_free_ char *path = network_file(NETWORK_FILE_ERROR, n->object.name), *text = NULL;

        if (path && file_read(path, 65536, &text, NULL) >= 0 && *text)
                return error_set_from_text(e, -EIO, ERROR_INTERNAL, ORIGIN_NETWORK, text);
        return error_set(e, -EIO, ERROR_OPERATION_FAILED, ORIGIN_NETWORK,
                         "%s could not be reloaded; see 'journalctl -u %s'", unit, unit);
}

static int reload(Network *n, Error *e) {
        _cleanup_free_ char *unit = NULL;
        JobResult result = JOB_OTHER;
        int r;

        r = object_unit(&n->object, &unit, e);
        if (r >= 0)
                r = systemd_run_job(n->object.index->host->systemd, "ReloadUnit", unit, RELOAD_TIMEOUT_USEC, &result,
                                    e);
        return r < 0 || result == JOB_DONE ? r : reload_failed(n, unit, e);
}

static int write_live(Network *n, const Definition *d, Error *e) {
        int r = object_write(&kind_network, STORE_LIVE, n->object.name, d, NULL, e);

        if (r >= 0)
                (void) object_refresh(n->object.index, n->object.name, true);
        return r;
}

/* What dnsmasq does not take is not left behind. */
static int change_live(Network *n, const Definition *d, bool tell_dnsmasq, Error *e) {
        _cleanup_definition_ Definition *before = NULL;
        int r;

        r = object_load(&n->object, OBJECT_LIVE, &before, e);
        if (r >= 0)
                r = write_live(n, d, e);
        if (r < 0 || !tell_dnsmasq)
                return r;
        r = reload(n, e);
        if (r < 0 && write_live(n, before, NULL) >= 0)
                (void) reload(n, NULL);
        return r;
}

/* --- both --- */

static int change_config(Network *n, const Definition *d, Error *e) {
        int r = object_write(&kind_network, STORE_PERSISTENT, n->object.name, d, NULL, e);

        if (r >= 0)
                (void) object_refresh(n->object.index, n->object.name, true);
        return r;
}

/* Both are made before either is written. */
static int change(Call *c, Network *n, const Change *change, Error *e) {
        _cleanup_definition_ Definition *live = NULL, *config = NULL;
        int r = 0;

        if (call_affects_live(c))
                r = changed_definition(n, OBJECT_LIVE, change, &live, e);
        if (r >= 0 && call_affects_config(c))
                r = changed_definition(n, OBJECT_INACTIVE, change, &config, e);
        if (r >= 0 && live)
                r = change_live(n, live, change->update, e);
        if (r >= 0 && config)
                r = change_config(n, config, e);
        return r;
}

static int update(Call *c, Network *n, const remote_network_update_args *args, rpc_void *ret, Error *e) {
        return change(c, n, &(Change) { .update = args }, e);
}

/* --- metadata --- */

static int set_metadata(Call *c, Network *n, const remote_network_set_metadata_args *args, rpc_void *ret, Error *e) {
        remote_network_event_callback_metadata_change_msg m = { .type = args->type, .nsuri = args->uri };
        int r = change(c, n, &(Change) { .metadata = args }, e);

        if (r < 0)
                return r;
        m.net.name = n->object.name;
        memcpy(m.net.uuid, n->object.uuid, sizeof m.net.uuid);
        object_emit(&n->object, EVENT_METADATA_CHANGE, &m);
        return 0;
}

static int get_metadata(Call *c, Network *n, const remote_network_get_metadata_args *args,
                        remote_network_get_metadata_ret *ret, Error *e) {
        return object_metadata_get(call_definition(c), args->type, args->uri ? *args->uri : NULL,
                                   ERROR_NO_NETWORK_METADATA, ORIGIN_NETWORK, &ret->metadata, e);
}

#define NO_CONFIG "cannot change persistent config of a transient network"

static const RpcHandler rows[] = {
        CALL(NETWORK_UPDATE, update, .flags = IMPACT_LIVE | IMPACT_CONFIG, .needs = NEED_LOCK | NEED_IMPACTS,
             .transient = NO_CONFIG),
        CALL(NETWORK_SET_METADATA, set_metadata, .flags = IMPACT_LIVE | IMPACT_CONFIG,
             .needs = NEED_LOCK | NEED_IMPACTS, .transient = NO_CONFIG),
        CALL(NETWORK_GET_METADATA, get_metadata, .flags = IMPACT_LIVE | IMPACT_CONFIG,
             .needs = NEED_IMPACT | NEED_DEFINITION),
};
const RpcTable network_table_update = RPC_TABLE(rows);
