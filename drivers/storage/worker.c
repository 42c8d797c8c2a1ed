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

/* The worker may not read secrets. */
static bool can_create(const VolumeJob *j) {
        return (j->type == VOLUME_FILE || j->type == VOLUME_DIR) && !j->encryption;
}

static bool can_clone(const VolumeJob *j) {
        return is_plain_file(j) && volume_format_is_raw(j->source_format) && !j->backing && j->header == 0;
}

static bool can_resize(const VolumeJob *j) {
        return (is_plain_file(j) || (j->type == VOLUME_FILE && streq(j->format, "qcow2"))) && !j->encryption;
}

static bool can_wipe(const VolumeJob *j) {
        return j->type == VOLUME_FILE && j->algorithm == 0;
}

static bool can_delete(const VolumeJob *j) {
        return j->type == VOLUME_FILE || j->type == VOLUME_DIR;
}

static bool can_pass(const VolumeJob *j) {
        return j->type == VOLUME_FILE;
}

static bool (*const can[_JOB_VERB_MAX])(const VolumeJob *j) = {
        [VOLUME_CREATE] = can_create, [VOLUME_CLONE] = can_clone,   [VOLUME_RESIZE] = can_resize,
        [VOLUME_WIPE] = can_wipe,     [VOLUME_DELETE] = can_delete, [VOLUME_UPLOAD] = can_pass,
        [VOLUME_DOWNLOAD] = can_pass,
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

/* A lane to the worker, which is started where there is none. */
static int reach(Pool *p, const char *instance, Lane **ret, Error *e) {
        JobResult result;
        int fd, r;

        r = fiber_lock(&p->worker_lock, FIBER_FOREVER);
        if (r < 0)
                return r;
        r = connect_to(instance, &fd);
        if (r == -ENOENT || r == -ECONNREFUSED) {
                r = run_unit_job(p, "StartUnit", instance, &result, e);
                if (r >= 0)
                        r = connect_to(instance, &fd);
        }
        if (r >= 0)
                r = lane_new(driver_of(p)->host->loop, fd, p->worker_number, ret);
        fiber_unlock(&p->worker_lock);
        return r;
}

/* --- talk --- */

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

/* A child of the worker does it, and has the connection for itself. */
static bool is_stream(const VolumeJob *j) {
        return j->verb == VOLUME_UPLOAD || j->verb == VOLUME_DOWNLOAD;
}

/* It hung up: what it was in the middle of is cut off, what it had not begun is the next one's (-EAGAIN). */
static int outlive(Pool *p, const VolumeJob *j, Lane *l, bool begun, Error *e) {
        int r = begun && is_stream(j) ? 0 : bury(p, j->worker, lane_worker(l), e);

        if (r >= 0 && begun)
                r = job_cut_off(driver_of(p), lane_id(l), e);
        lane_end(l, r == -ECANCELED);
        return r < 0 || begun ? r : -EAGAIN;
}

/* As worker_run(); -EAGAIN where the worker ended before it began. */
static int ask(Pool *p, VolumeJob *j, char **ret, Error *e) {
        _cleanup_free_ char *buffer = malloc(WORKER_MESSAGE_MAX + 1);
        Lane *l = buffer ? lane_of(p) : NULL;
        ssize_t n;
        int r = 0;

        if (!l)
                r = buffer ? reach(p, j->worker, &l, e) : -ENOMEM;
        if (r < 0)
                return r == -ECANCELED ? r : 0;
        n = lane_exchange(l, j, buffer, WORKER_MESSAGE_MAX);
        if (n == 0 || n == -ECONNRESET)
                return outlive(p, j, l, n == 0, e);
        if (n < 0) {
                lane_end(l, n == -ECANCELED);
                return n == -ECANCELED ? (int) n : 0;
        }
        if (is_stream(j))
                lane_end(l, false);
        else
                lane_give_back(p, l);
        buffer[n] = '\0';
        return take_answer(buffer, ret, e);
}

static int ask_again(Pool *p, VolumeJob *j, char **ret, Error *e) {
        for (unsigned tries = 0; tries < TRIES; tries++) {
                int r = ask(p, j, ret, e);

                if (r != -EAGAIN)
                        return r;
        }
        return 0;
}

int worker_run(Pool *p, VolumeJob *j, char **ret, Error *e) {
        int r;

        if (!is_for_worker(p, j))
                return 0;
        r = unit_instance(&unit_pool, p->object.name, &j->worker);
        if (r < 0)
                return r;
        p->worker_load += j->weight;
        r = ask_again(p, j, ret, e);
        p->worker_load -= j->weight;
        if (r == 0) {
                free(j->worker);
                j->worker = NULL;
        }
        return r;
}

/* Length of the answer, 0 where the worker hung up. */
static ssize_t wait_at(int fd) {
        char answer[16];
        ssize_t n;
        int r;

        if (send(fd, WORKER_WAIT, strlen(WORKER_WAIT), MSG_NOSIGNAL) < 0)
                return -ECONNRESET;
        for (;;) {
                r = fiber_wait_fd(fd, EPOLLIN, FIBER_FOREVER);
                if (r < 0)
                        return r;
                n = recv(fd, answer, sizeof answer, MSG_DONTWAIT);
                if (n >= 0 || (errno != EAGAIN && errno != EINTR))
                        return n < 0 ? -errno : n;
        }
}

int worker_wait(Pool *p, const char *instance, Error *e) {
        unsigned number = p->worker_number;
        _cleanup_close_ int fd = -EBADF;
        int r;

        r = connect_to(instance, &fd);
        if (r >= 0) {
                ssize_t n = wait_at(fd);

                if (n > 0 || n == -ECANCELED)
                        return (int) MIN(n, 0);
        }
        return bury(p, instance, number, e);
}
