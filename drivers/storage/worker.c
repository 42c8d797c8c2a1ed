/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Work that is over soon goes to a worker of the pool, vm-volume-worker@NAME.service, which is started for the first
 * such job and stays for some seconds: storage/job.h says how it is talked to, pool/serve.c what it is. */

#include "storage.h"

#include <sys/epoll.h>
#include <sys/socket.h>

#include "base/socket.h"
#include "base/strings.h"
#include "dbus/systemd.h"
#include "plan/names.h"

/* What all jobs that a worker has may write: it does one after the other, and none is to wait long. */
#define LOAD_MAX (128U << 20)
/* A worker that has just ended is not found once more. */
#define TRIES 3U

/* --- which jobs --- */

static bool is_plain_file(const VolumeJob *j) {
        return j->type == VOLUME_FILE && volume_format_is_raw(j->format);
}

static bool can_create(const VolumeJob *j) {
        return is_plain_file(j) && !j->encryption && !j->backing;
}

static bool can_clone(const VolumeJob *j) {
        return is_plain_file(j) && volume_format_is_raw(j->source_format) && !j->backing;
}

static bool can_wipe(const VolumeJob *j) {
        return j->type == VOLUME_FILE && j->algorithm == 0;
}

static bool can_delete(const VolumeJob *j) {
        return j->type == VOLUME_FILE || j->type == VOLUME_DIR;
}

/* Streams last as long as their clients like. */
static bool (*const can[_JOB_VERB_MAX])(const VolumeJob *j) = {
        [VOLUME_CREATE] = can_create, [VOLUME_CLONE] = can_clone,   [VOLUME_RESIZE] = is_plain_file,
        [VOLUME_WIPE] = can_wipe,     [VOLUME_DELETE] = can_delete,
};

static bool is_for_worker(Pool *p, const VolumeJob *j) {
        const PoolSpec *s;

        return can[j->verb] && can[j->verb](j) && j->weight <= LOAD_MAX - p->worker_load &&
               pool_spec(p, &s, NULL) >= 0 && s->type <= POOL_NETFS;
}

/* --- the unit --- */

static StorageDriver *driver_of(const Pool *p) {
        return p->object.index->driver;
}

static int run_unit_job(Pool *p, const char *method, const char *instance, JobResult *ret, Error *e) {
        _cleanup_free_ char *unit = text_format("vm-volume-worker@%s.service", instance);

        return unit ? systemd_run_job(driver_of(p)->host->systemd, method, unit, FIBER_FOREVER, ret, e) : -ENOMEM;
}

/* Waits until a worker that hung up has ended as a unit too, and has cleaned up; the next one is not met. */
static int bury(Pool *p, const char *instance, unsigned number, Error *e) {
        JobResult result;
        int r;

        r = fiber_lock(&p->worker_lock, FIBER_FOREVER);
        if (r < 0)
                return r;
        if (p->worker_number == number) {
                r = run_unit_job(p, "StopUnit", instance, &result, e);
                p->worker_number++;
        }
        fiber_unlock(&p->worker_lock);
        return r;
}

static int connect_to(const char *instance, int *ret) {
        _cleanup_free_ char *path = volume_worker_path(instance);
        int fd = path ? unix_connect(path, SOCK_SEQPACKET | SOCK_NONBLOCK) : -ENOMEM;

        if (fd >= 0)
                *ret = fd;
        return fd < 0 ? fd : 0;
}

/* The worker, started where there is none. */
static int reach(Pool *p, const char *instance, int *ret, unsigned *ret_number, Error *e) {
        JobResult result;
        int r;

        r = fiber_lock(&p->worker_lock, FIBER_FOREVER);
        if (r < 0)
                return r;
        r = connect_to(instance, ret);
        if (r == -ENOENT || r == -ECONNREFUSED) {
                r = run_unit_job(p, "StartUnit", instance, &result, e);
                if (r >= 0)
                        r = connect_to(instance, ret);
        }
        *ret_number = p->worker_number;
        fiber_unlock(&p->worker_lock);
        return r;
}

/* --- talk --- */

/* Length of the answer, 0 where the worker hung up. */
static ssize_t exchange(int fd, const char *message, char *buffer, size_t size) {
        ssize_t n;
        int r;

        if (send(fd, message, strlen(message), MSG_NOSIGNAL) < 0)
                return -ECONNRESET;
        for (;;) {
                r = fiber_wait_fd(fd, EPOLLIN, FIBER_FOREVER);
                if (r < 0)
                        return r;
                n = recv(fd, buffer, size, MSG_DONTWAIT);
                if (n >= 0 || (errno != EAGAIN && errno != EINTR))
                        return n < 0 ? -errno : n;
        }
}

/* 1, 0, or the job's error. */
static int take_answer(char *text, char **ret, Error *e) {
        const char *lines = startswith(text, WORKER_OK "\n");

        if (streq(text, WORKER_ELSEWHERE))
                return 0;
        if (!lines)
                return error_set_from_text(e, -EIO, ERROR_OPERATION_FAILED, ORIGIN_STORAGE, text);
        if (*lines && !(*ret = strdup(lines)))
                return -ENOMEM;
        return 1;
}

/* As worker_run(); -EAGAIN where the worker ended before it began. */
static int ask(Pool *p, const char *instance, const char *id, char **ret, Error *e) {
        _cleanup_free_ char *buffer = malloc(WORKER_MESSAGE_MAX + 1);
        _cleanup_close_ int fd = -EBADF;
        unsigned number;
        ssize_t n;
        int r;

        if (!buffer)
                return -ENOMEM;
        r = reach(p, instance, &fd, &number, e);
        if (r < 0)
                return r == -ECANCELED ? r : 0;
        n = exchange(fd, id, buffer, WORKER_MESSAGE_MAX);
        if (n == -ECANCELED)
                return (int) n;
        if (n > 0) {
                buffer[n] = '\0';
                return take_answer(buffer, ret, e);
        }
        r = bury(p, instance, number, e);
        if (r < 0)
                return r;
        return n < 0 ? -EAGAIN : job_cut_off(driver_of(p), id, e);
}

static int ask_again(Pool *p, const char *instance, const char *id, char **ret, Error *e) {
        for (unsigned tries = 0; tries < TRIES; tries++) {
                int r = ask(p, instance, id, ret, e);

                if (r != -EAGAIN)
                        return r;
        }
        return 0;
}

int worker_run(Pool *p, VolumeJob *j, const char *id, char **ret, Error *e) {
        int r;

        if (!is_for_worker(p, j))
                return 0;
        r = unit_instance(&unit_pool, p->object.name, &j->worker);
        if (r >= 0)
                r = volume_job_save(j, id);
        if (r < 0)
                return error_set_errno(e, r, ORIGIN_STORAGE, "cannot write the job '%s'", id);
        p->worker_load += j->weight;
        r = ask_again(p, j->worker, id, ret, e);
        p->worker_load -= j->weight;
        if (r == 0) {
                free(j->worker);
                j->worker = NULL;
        }
        return r;
}

int worker_wait(Pool *p, const char *instance, Error *e) {
        unsigned number = p->worker_number;
        _cleanup_close_ int fd = -EBADF;
        char answer[16];
        int r;

        r = connect_to(instance, &fd);
        if (r >= 0) {
                ssize_t n = exchange(fd, WORKER_WAIT, answer, sizeof answer);

                if (n > 0 || n == -ECANCELED)
                        return (int) MIN(n, 0);
        }
        return bury(p, instance, number, e);
}
