/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Jobs that take time (object/job.h), and saved states. */

#include "calls/calls.h"
#include "guest/savefile.h"
#include "rpc/typed-params.h"

static int get_job_info(Call *c, Guest *g, const remote_domain_get_job_info_args *args,
                        remote_domain_get_job_info_ret *ret, Error *e) {
        ObjectProgress p = object_job_now(&g->object);

        ret->type = (int) p.status;
        ret->timeElapsed = p.elapsed_msec;
        ret->timeRemaining = p.remaining_msec;
        ret->dataTotal = p.total;
        ret->dataProcessed = p.processed;
        ret->dataRemaining = p.total - MIN(p.processed, p.total);
        return 0;
}

static int get_job_stats(Call *c, Guest *g, const remote_domain_get_job_stats_args *args,
                         remote_domain_get_job_stats_ret *ret, Error *e) {
        _cleanup_typed_params_ TypedParams params = {};
        ObjectProgress p;

        if (!(args->flags & JOB_STATS_COMPLETED) && !guest_is_active(g))
                return object_error_inactive(&g->object, e);
        p = args->flags & JOB_STATS_COMPLETED ? object_job_last(&g->object, args->flags & JOB_STATS_KEEP_COMPLETED)
                                              : object_job_now(&g->object);
        ret->type = (int) p.status;
        if (p.status == OBJECT_JOB_NONE)
                return 0;
        typed_params_add_int(&params, "operation", p.operation);
        typed_params_add_ullong(&params, "time_elapsed", p.elapsed_msec);
        if (p.remaining_msec > 0)
                typed_params_add_ullong(&params, "time_remaining", p.remaining_msec);
        if (p.total > 0) {
                typed_params_add_ullong(&params, "data_total", p.total);
                typed_params_add_ullong(&params, "data_processed", p.processed);
                typed_params_add_ullong(&params, "data_remaining", p.total - MIN(p.processed, p.total));
        }
        return typed_params_take(&params, &ret->params.params_val, &ret->params.params_len);
}

static int abort_job(Call *c, Guest *g, uint32_t flags, Error *e) {
        return object_async_abort(&g->object, e);
}

#define CONTROL_OK 0
#define CONTROL_ERROR 3

/* Whether QEMU can be talked to. */
static int get_control_info(Call *c, Guest *g, const remote_domain_get_control_info_args *args,
                            remote_domain_get_control_info_ret *ret, Error *e) {
        ret->state = g->run && g->run->qmp ? CONTROL_OK : CONTROL_ERROR;
        return 0;
}

static int remove_save(Call *c, Guest *g, uint32_t flags, Error *e) {
        return remove_managed_save(g, e);
}

static int has_save(Call *c, Guest *g, const remote_domain_has_managed_save_image_args *args,
                    remote_domain_has_managed_save_image_ret *ret, Error *e) {
        ret->result = has_managed_save(g);
        return 0;
}

static int count_snapshots(Call *c, Guest *g, const remote_domain_snapshot_num_args *args,
                           remote_domain_snapshot_num_ret *ret, Error *e) {
        ret->num = (int) count_metadata(g, "snapshot");
        return 0;
}

static const RpcHandler rows[] = {
        CALL(DOMAIN_GET_JOB_INFO, get_job_info, .needs = NEED_ACTIVE),
        CALL(DOMAIN_GET_JOB_STATS, get_job_stats, .flags = JOB_STATS_COMPLETED | JOB_STATS_KEEP_COMPLETED),
        ACTION(DOMAIN_ABORT_JOB, abort_job, .needs = NEED_ACTIVE),
        CALL(DOMAIN_GET_CONTROL_INFO, get_control_info, .needs = NEED_ACTIVE),
        ACTION(DOMAIN_MANAGED_SAVE_REMOVE, remove_save, .needs = NEED_LOCK),
        CALL(DOMAIN_HAS_MANAGED_SAVE_IMAGE, has_save),
        CALL(DOMAIN_SNAPSHOT_NUM, count_snapshots, .flags = SNAPSHOT_LIST_METADATA),
};
const RpcTable qemu_jobs_table = RPC_TABLE(rows);
