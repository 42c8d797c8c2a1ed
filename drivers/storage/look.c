/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A look at a volume: by a child, because a disk may never answer. */

#include "looker.h"

#include <inttypes.h>

#include "base/fs.h"
#include "base/strings.h"

/* Each child that waits for a disk which never answers stays, so they must not become many. */
#define DEAF_NSEC (60ULL * 1000 * 1000 * 1000)
/* vm-look's status for an errno */
#define STATUS_ERRNO(status) ((status) > 0 && (status) < 126 ? -(status) : -EIO)

void pool_set_deaf(Pool *p) {
        p->deaf_until = pool_clock() + DEAF_NSEC;
}

bool pool_is_deaf(const Pool *p) {
        return pool_clock() < p->deaf_until;
}

/* Of a pool on a file system that does not trust root. */
static int look_as_owner(Pool *p, const char *name, Error *e) {
        VolumeTable *t;
        int r = pool_reload(p, e);

        if (r >= 0)
                r = pool_volumes(p, &t, e);
        return r >= 0 && name && volume_table_find(t, name) < 0 ? -ENOENT : r;
}

/* What a look at a device cannot tell: its key in a volume group, whose snapshot it is, how much of the group it
 * takes. */
static int known_of(const VolumeTable *t, const char *name, Volume **ret) {
        ssize_t at = volume_table_find(t, name);

        return at < 0 ? (at == -ENOENT ? 0 : (int) at) : volume_table_get(t, (size_t) at, ret);
}

/* device: NULL for what is in the folder. */
static int run_look(StorageDriver *d, const char *folder, const char *name, const char *device, const Volume *known,
                    ProcessResult *result, Error *e) {
        char taken[32] = "";
        const char *const of_folder[] = { folder, name, NULL };
        const char *const of_device[] = { "", device, name, (known ? known->key : NULL) ?: "",
                                          (known ? known->backing : NULL) ?: "", taken, NULL };

        if (known && known->allocation != known->physical)
                snprintf(taken, sizeof taken, "%" PRIu64, known->allocation);
        return looker_run(d, device ? of_device : of_folder, LOOK_TIMEOUT, 0, result, e);
}

int pool_look(Pool *p, const char *name, const char *path, Error *e) {
        _cleanup_process_result_ ProcessResult result = {};
        _cleanup_volume_ Volume *known = NULL;
        const PoolSpec *s;
        VolumeTable *t;
        bool files;
        int r;

        r = pool_spec(p, &s, e);
        if (r >= 0)
                r = pool_volumes(p, &t, e);
        if (r < 0)
                return r;
        files = s->type <= POOL_NETFS;
        if ((!files && !name) || s->type == POOL_ISCSI_DIRECT)
                return 0;
        if (pool_is_deaf(p))
                return error_set(e, -ETIMEDOUT, ERROR_OPERATION_TIMEOUT, ORIGIN_STORAGE, "pool '%s' does not answer",
                                 p->object.name);
        r = files ? 0 : known_of(t, name, &known);
        if (r < 0)
                return r;
        r = run_look(p->object.index->driver, s->target, name, files ? NULL : path, known, &result, e);
        if (r == -ETIMEDOUT)
                pool_set_deaf(p);
        if (r < 0)
                return r;
        /* its file is another one then */
        if (result.status == EACCES || result.status == EPERM)
                return look_as_owner(p, name, e);
        if (result.status != 0)
                return error_set_errno(e, STATUS_ERRNO(result.status), ORIGIN_STORAGE, "cannot look at '%s'",
                                       path ?: p->object.name);
        r = pool_learn_lines(p, result.output);
        if (r >= 0 && name && volume_table_find(&p->table, name) < 0)
                return -ENOENT;
        return r;
}

/* A list asks every pool of the host, and those that do not answer may be many. */
#define SIZES_USEC (300U * 1000U)

static void look_fiber(void *userdata) {
        _cleanup_error_ Error ignored = ERROR_INIT;
        _cleanup_object_ Object *hold = userdata;
        Pool *p = pool_of(hold);
        int r = pool_look(p, NULL, NULL, &ignored);

        p->looking = false;
        fiber_queue_wake_all(&p->looked, MIN(r, 0));
}

int pool_look_at_sizes(Pool *p) {
        int r;

        if (pool_is_deaf(p))
                return -ETIMEDOUT;
        if (!p->looking) {
                r = fiber_spawn(p->object.index->host->loop, look_fiber, object_ref(&p->object), NULL);
                if (r < 0) {
                        object_unref(&p->object);
                        return r;
                }
                p->looking = true;
        }
        r = fiber_queue_wait(&p->looked, SIZES_USEC);
        return r == -ETIMEDOUT && !pool_is_deaf(p) ? 0 : r;
}

/* Less than what clients wait for an answer. */
#define REFRESH_TIMEOUT (75ULL * 1000 * 1000)
#define REFRESH_OUTPUT_MAX (256U << 20)

static int look_at_all(StorageDriver *d, const PoolSpec *s, const char *table, ProcessResult *result, Error *e) {
        const char *const args[] = { "--refresh", s->target, table, NULL };
        int r = looker_run(d, args, REFRESH_TIMEOUT, REFRESH_OUTPUT_MAX, result, e);

        if (r == -ETIMEDOUT) {
                error_done(e);
                return error_set(e, r, ERROR_OPERATION_TIMEOUT, ORIGIN_STORAGE, "'%s' did not answer within %u seconds",
                                 s->target, (unsigned) (REFRESH_TIMEOUT / 1000000));
        }
        if (r < 0 || result->status == 0)
                return r;
        r = STATUS_ERRNO(result->status);
        result->error[strcspn(result->error, "\n")] = '\0';
        if (endswith(result->error, " refuses"))
                return error_set_errno(e, r, ORIGIN_STORAGE, "cannot open directory '%s': %s", s->target,
                                       result->error);
        return error_set_errno(e, r, ORIGIN_STORAGE, "cannot open directory '%s'", s->target);
}

int pool_look_at_all(Pool *p, bool *ret_parts, Error *e) {
        _cleanup_process_result_ ProcessResult result = {};
        _cleanup_free_ char *table = text_format("%s/storage/%s.volumes", path_run(), p->object.name);
        uint64_t begun = pool_clock();
        const PoolSpec *s;
        VolumeTable *t;
        int r;

        r = pool_spec(p, &s, e);
        if (r >= 0)
                r = pool_volumes(p, &t, e);
        if (r >= 0)
                r = table ? look_at_all(p->object.index->driver, s, table, &result, e) : -ENOMEM;
        if (!p->object.live || !p->has_table)
                return object_refuse(&p->object, e, "storage pool '%s' is not active", p->object.name);
        if (r >= 0)
                p->deaf_until = 0;
        if (r >= 0)
                r = pool_learn_all(p, result.output, begun, ret_parts);
        if (r < 0)
                pool_set_stale(p);
        return r;
}
