/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Start and stop: jobs of the unit. */

#include "network.h"

#define STOP_TIMEOUT_USEC (90U * 1000000U)

int network_start(Network *n, Error *e) {
        int r = object_unit_start(&n->object, n->object.transient, NULL, e);

        /* the file's event may still be on its way */
        if (r >= 0)
                (void) object_refresh(n->object.index, n->object.name, false);
        return r;
}

static int create(Call *c, Network *n, uint32_t flags, Error *e) {
        _cleanup_definition_ Definition *d = NULL;
        int r;

        if (n->active)
                return object_refuse(&n->object, e, "network is already active");
        r = object_load(&n->object, OBJECT_NEXT, &d, e);
        if (r >= 0)
                r = object_write_dropin(&n->object, d, n->object.transient, e);
        return r < 0 ? r : network_start(n, e);
}

/* Guests that are on the network run on, as with libvirt: their units require it, so the stop must not reach them. */
static int destroy(Call *c, Network *n, uint32_t flags, Error *e) {
        _cleanup_free_ char *unit = NULL;
        JobResult result = JOB_OTHER;
        int r;

        r = object_unit(&n->object, &unit, e);
        if (r >= 0)
                r = systemd_run_job_alone(n->object.index->host->systemd, "StopUnit", unit, STOP_TIMEOUT_USEC, &result,
                                          e);
        if (r < 0)
                return r;
        if (result != JOB_DONE)
                return error_set(e, -EIO, ERROR_OPERATION_FAILED, ORIGIN_NETWORK,
                                 "%s did not stop (job: %s); see 'journalctl -u %s'", unit,
                                 job_result_to_string(result), unit);
        (void) object_refresh(n->object.index, n->object.name, false);
        return 0;
}

static const RpcHandler rows[] = {
        ACTION(NETWORK_CREATE, create, .needs = NEED_LOCK),
        ACTION(NETWORK_DESTROY, destroy, .needs = NEED_LOCK | NEED_ACTIVE),
};
const RpcTable network_table_run = RPC_TABLE(rows);
