/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Work on volumes goes on in units: this asks for it, waits, and takes in what came out. */

#include "storage.h"

#include <inttypes.h>
#include <sys/random.h>

#include "base/fs.h"
#include "base/log.h"
#include "base/strings.h"
#include "dbus/systemd.h"

char *job_id(JobVerb verb) {
        uint64_t number;

        if (getrandom(&number, sizeof number, 0) != sizeof number)
                return NULL;
        return text_format("%s-%016" PRIx64, job_verb_name(verb), number);
}

void job_forget(const char *id) {
        static const char *const suffixes[] = { "job", "result", "sock" };

        for (size_t i = 0; i < ELEMENTSOF(suffixes); i++) {
                _cleanup_free_ char *path = volume_job_path(id, suffixes[i]);

                if (path)
                        (void) unlink(path);
        }
}

static int read_result(const char *id, Error *e) {
        _cleanup_free_ char *path = volume_job_path(id, "result"), *unit = text_format("vm-volume@%s", id);

        return path && unit
                       ? unit_work_result(path, "the volume", unit, ORIGIN_STORAGE, ERROR_OPERATION_FAILED, e)
                       : -ENOMEM;
}

static int clean(StorageDriver *d, const char *id, Error *e) {
        _cleanup_free_ char *unit = text_format("vm-volume-clean@%s.service", id);
        JobResult result;

        return unit ? systemd_run_job(d->host->systemd, "StartUnit", unit, FIBER_FOREVER, &result, e) : -ENOMEM;
}

int job_cut_off(StorageDriver *d, const char *id, Error *e) {
        int r = clean(d, id, e);

        return r < 0 ? r : read_result(id, e);
}

/* Starting a unit that is being started joins the job that there is. One that is told to stop has its job cancelled at
 * once, and cleans up after that: its result comes last. Where that was killed as well another unit does it. */
static int wait_for_unit(StorageDriver *d, const char *id, Error *e) {
        _cleanup_free_ char *unit = text_format("vm-volume@%s.service", id);
        JobResult result;
        int r;

        if (!unit)
                return -ENOMEM;
        r = systemd_run_job(d->host->systemd, "StartUnit", unit, FIBER_FOREVER, &result, e);
        if (r >= 0 && result != JOB_DONE && !volume_job_is_over(id))
                r = systemd_run_job(d->host->systemd, "StopUnit", unit, FIBER_FOREVER, &result, e);
        return r >= 0 && !volume_job_is_over(id) ? clean(d, id, e) : r;
}

/* The unit of an earlier daemon's job: what was cut off, by whatever ended the unit without a result, is not begun
 * anew. */
static int wait_for_adopted(StorageDriver *d, Pool *p, const VolumeJob *j, const char *id, Error *e) {
        _cleanup_free_ char *unit = text_format("vm-volume@%s.service", id);
        int r;

        if (!unit)
                return -ENOMEM;
        if (j->worker)
                r = worker_wait(p, j->worker, e);
        else
                r = systemd_unit_is_active(d->host->systemd, unit, e);
        if (r > 0)
                return wait_for_unit(d, id, e);
        return r < 0 ? r : clean(d, id, e);
}

static int run_in_unit(StorageDriver *d, const VolumeJob *j, const char *id, Error *e) {
        int r = volume_job_save(j, id);

        if (r < 0)
                return error_set_errno(e, r, ORIGIN_STORAGE, "cannot write the job '%s'", id);
        r = wait_for_unit(d, id, e);
        return r < 0 ? r : read_result(id, e);
}

static bool only_reads(JobVerb verb) {
        return verb == VOLUME_DOWNLOAD;
}

/* Whoever is told to stop leaves the files to the next daemon. *ret_lines NULL: the volume is to be looked at. */
static int run(StorageDriver *d, Pool *p, VolumeJob *j, const char *id, char **ret_lines, Error *e) {
        _cleanup_free_ char *own = NULL;
        int r = worker_run(p, j, ret_lines, e);

        if (r != 0)
                return r;
        if (!id)
                id = own = job_id(j->verb);
        r = id ? run_in_unit(d, j, id, e) : -ENOMEM;
        if (r != -ECANCELED && id)
                job_forget(id);
        return r;
}

/* Only their tools know what a volume group or a partition table has made of it, and what space is left there. */
static void look_again(Pool *p, const VolumeJob *j, bool made) {
        _cleanup_error_ Error ignored = ERROR_INIT;
        int r = j->type == VOLUME_BLOCK ? pool_reload(p, &ignored) : pool_look(p, j->name, j->path, &ignored);

        if (r < 0 && made)
                making_unlist(p, j->name);
}

int pool_job(StorageDriver *d, Pool *p, VolumeJob *j, const char *id, Error *e) {
        char ***list = only_reads(j->verb) ? &p->reading : &p->writing;
        _cleanup_object_ Object *hold = object_ref(&p->object);
        _cleanup_free_ char *lines = NULL;
        bool made;
        int r;

        r = pool_busy_begin(list, j->name);
        if (r < 0)
                return r;
        r = making_begin(p, j);
        if (r >= 0)
                r = run(d, p, j, id, &lines, e);
        made = making_end(p, j->name);
        pool_busy_end(*list, j->name);
        if (r == -ECANCELED || !p->object.live || only_reads(j->verb))
                return MIN(r, 0);
        if (!lines || pool_learn_lines(p, lines) < 0)
                look_again(p, j, made);
        return MIN(r, 0);
}

/* --- work on a volume that is there --- */

void work_done(Work *w) {
        if (w->pool)
                object_unref(&w->pool->object);
        volume_job_free(w->job);
        volume_free(w->volume);
        *w = (Work) {};
}

static int fill(VolumeJob *j, const Pool *p, const Volume *v) {
        j->pool = strdup(p->object.name);
        j->name = strdup(v->name);
        j->path = strdup(v->path);
        j->format = v->format ? strdup(v->format) : NULL;
        j->type = v->type;
        return j->pool && j->name && j->path && (j->format || !v->format) ? 0 : -ENOMEM;
}

int work_begin(Call *c, const remote_nonnull_storage_vol *vol, uint32_t flags, JobVerb verb, Work *w, Error *e) {
        int r;

        w->job = volume_job_new(verb);
        if (!w->job)
                return -ENOMEM;
        w->job->flags = flags;
        r = volume_find(c, vol, flags, &w->pool, &w->volume, e);
        if (r >= 0)
                r = pool_refuse_busy(w->pool, w->volume->name, !only_reads(verb), e);
        return r < 0 ? r : fill(w->job, w->pool, w->volume);
}

/* --- jobs of an earlier daemon --- */

typedef struct Adopted {
        StorageDriver *driver;
        Object *pool;
        VolumeJob *job;
        char *id;
} Adopted;

/* The lines of the table know of it what was so when it began. */
static void adopted_fiber(void *userdata) {
        Adopted *a = userdata;
        _cleanup_error_ Error e = ERROR_INIT;
        Pool *p = pool_of(a->pool);
        bool made;
        int r = volume_job_is_over(a->id) ? 0 : wait_for_adopted(a->driver, p, a->job, a->id, &e);

        if (r != -ECANCELED)
                job_forget(a->id);
        made = making_end(p, a->job->name);
        pool_busy_end(p->writing, a->job->name);
        if (r != -ECANCELED && p->object.live)
                look_again(p, a->job, made);
        object_unref(a->pool);
        volume_job_free(a->job);
        free(a->id);
        free(a);
}

static int adopt(StorageDriver *d, const char *id) {
        _cleanup_free_ char *own = strdup(id);
        _cleanup_volume_job_ VolumeJob *j = NULL;
        Adopted *a;
        Object *o;
        int r;

        r = own ? volume_job_load(id, &j) : -ENOMEM;
        /* of a lane that had none */
        if (r == -EBADMSG)
                job_forget(id);
        if (r < 0)
                return r;
        o = j->pool ? object_by_name(&d->pools, NULL, j->pool) : NULL;
        if (!o) {
                job_forget(id);
                return 0;
        }
        a = calloc(1, sizeof *a);
        if (!a)
                return -ENOMEM;
        *a = (Adopted) { d, object_ref(o), TAKE_PTR(j), TAKE_PTR(own) };
        r = pool_busy_begin(&pool_of(o)->writing, a->job->name);
        if (r >= 0)
                r = making_begin(pool_of(o), a->job);
        return r < 0 ? r : fiber_spawn(d->host->loop, adopted_fiber, a, NULL);
}

void jobs_adopt(StorageDriver *d) {
        _cleanup_strv_ char **ids = NULL;

        (void) volume_job_list(&ids);
        for (char **id = ids; id && *id; id++) {
                int r = adopt(d, *id);

                if (r < 0)
                        log_debug("%s: %s", *id, strerror(-r));
        }
}
