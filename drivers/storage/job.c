/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Work on volumes goes on in units: this asks for it, waits, and takes in what came out. */

#include "storage.h"

#include <dirent.h>
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

static void forget(const char *id) {
        static const char *const suffixes[] = { "job", "result", "sock" };

        for (size_t i = 0; i < ELEMENTSOF(suffixes); i++) {
                _cleanup_free_ char *path = volume_job_path(id, suffixes[i]);

                if (path)
                        (void) unlink(path);
        }
}

static int read_result(const char *id, Error *e) {
        _cleanup_free_ char *path = volume_job_path(id, "result"), *text = NULL;
        int r = path ? file_read(path, 64 * 1024, &text, NULL) : -ENOMEM;

        if (r < 0)
                return error_set(e, r, ERROR_OPERATION_FAILED, ORIGIN_STORAGE,
                                 "the work on the volume did not begin; see 'journalctl -u vm-volume@%s'", id);
        text[strcspn(text, "\n")] = '\0';
        return streq(text, "ok") ? 0 : error_set_from_text(e, -EIO, ERROR_OPERATION_FAILED, ORIGIN_STORAGE, text);
}

static bool is_over(const char *id) {
        _cleanup_free_ char *path = volume_job_path(id, "result");

        return path && access(path, F_OK) >= 0;
}

/* Starting a unit that is being started joins the job that there is. One that is told to stop has its job cancelled at
 * once, and cleans up after that: its result comes last. Where that was killed as well another unit does it. */
static int wait_for_unit(StorageDriver *d, const char *id, Error *e) {
        _cleanup_free_ char *unit = text_format("vm-volume@%s.service", id),
                            *clean = text_format("vm-volume-clean@%s.service", id);
        JobResult result;
        int r;

        if (!unit || !clean)
                return -ENOMEM;
        r = systemd_run_job(d->host->systemd, "StartUnit", unit, FIBER_FOREVER, &result, e);
        if (r >= 0 && result != JOB_DONE && !is_over(id))
                r = systemd_run_job(d->host->systemd, "StopUnit", unit, FIBER_FOREVER, &result, e);
        if (r >= 0 && !is_over(id))
                r = systemd_run_job(d->host->systemd, "StartUnit", clean, FIBER_FOREVER, &result, e);
        return r;
}

/* The unit of an earlier daemon's job: what was cut off, by whatever ended the unit without a result, is not begun
 * anew. */
static int wait_for_adopted(StorageDriver *d, const char *id, Error *e) {
        _cleanup_free_ char *unit = text_format("vm-volume@%s.service", id),
                            *clean = text_format("vm-volume-clean@%s.service", id);
        JobResult result;
        int r;

        if (!unit || !clean)
                return -ENOMEM;
        r = systemd_unit_is_active(d->host->systemd, unit, e);
        if (r > 0)
                return wait_for_unit(d, id, e);
        return r < 0 ? r : systemd_run_job(d->host->systemd, "StartUnit", clean, FIBER_FOREVER, &result, e);
}

int job_run(StorageDriver *d, const VolumeJob *j, const char *id, Error *e) {
        _cleanup_free_ char *path = volume_job_path(id, "job"), *text = volume_job_to_text(j);
        int r;

        if (!path || !text)
                return -ENOMEM;
        r = file_write_atomic(path, text, strlen(text), 0600, FILE_WRITE_NOSYNC);
        if (r < 0)
                return error_set_errno(e, r, ORIGIN_STORAGE, "cannot write '%s'", path);
        r = wait_for_unit(d, id, e);
        /* whoever is told to stop leaves the files to the next daemon */
        if (r == -ECANCELED)
                return r;
        if (r >= 0)
                r = read_result(id, e);
        forget(id);
        return r;
}

static bool only_reads(JobVerb verb) {
        return verb == VOLUME_DOWNLOAD;
}

int pool_job(StorageDriver *d, Pool *p, const VolumeJob *j, const char *id, Error *e) {
        _cleanup_object_ Object *hold = object_ref(&p->object);
        char ***list = only_reads(j->verb) ? &p->reading : &p->writing;
        int r;

        r = pool_busy_begin(list, j->name);
        if (r < 0)
                return r;
        r = job_run(d, j, id, e);
        pool_busy_end(*list, j->name);
        if (r != -ECANCELED && p->object.live && !only_reads(j->verb)) {
                _cleanup_error_ Error ignored = ERROR_INIT;

                (void) pool_look(p, j->name, j->path, &ignored);
        }
        return r;
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
        int r = is_over(a->id) ? 0 : wait_for_adopted(a->driver, a->id, &e);

        if (r != -ECANCELED)
                forget(a->id);
        pool_busy_end(p->writing, a->job->name);
        if (r != -ECANCELED && p->object.live) {
                _cleanup_error_ Error ignored = ERROR_INIT;

                (void) pool_look(p, a->job->name, a->job->path, &ignored);
        }
        object_unref(a->pool);
        volume_job_free(a->job);
        free(a->id);
        free(a);
}

static int adopt(StorageDriver *d, const char *id) {
        _cleanup_free_ char *path = volume_job_path(id, "job"), *text = NULL, *own = strdup(id);
        _cleanup_volume_job_ VolumeJob *j = NULL;
        Adopted *a;
        Object *o;
        int r;

        r = path && own ? file_read(path, VOLUME_JOB_MAX, &text, NULL) : -ENOMEM;
        if (r >= 0)
                r = volume_job_from_text(text, &j);
        if (r < 0)
                return r;
        o = j->pool ? object_by_name(&d->pools, NULL, j->pool) : NULL;
        if (!o) {
                forget(id);
                return 0;
        }
        a = calloc(1, sizeof *a);
        if (!a)
                return -ENOMEM;
        *a = (Adopted) { d, object_ref(o), TAKE_PTR(j), TAKE_PTR(own) };
        r = pool_busy_begin(&pool_of(o)->writing, a->job->name);
        return r < 0 ? r : fiber_spawn(d->host->loop, adopted_fiber, a, NULL);
}

void jobs_adopt(StorageDriver *d) {
        _cleanup_free_ char *folder = text_format("%s/" JOBS_FOLDER, path_run());
        DIR *dir = folder ? opendir(folder) : NULL;

        for (struct dirent *entry = dir ? readdir(dir) : NULL; entry; entry = readdir(dir)) {
                const char *end = endswith(entry->d_name, ".job");
                _cleanup_free_ char *id = end ? strndup(entry->d_name, (size_t) (end - entry->d_name)) : NULL;
                int r = id ? adopt(d, id) : 0;

                if (r < 0)
                        log_debug("%s: %s", entry->d_name, strerror(-r));
        }
        if (dir)
                closedir(dir);
}
