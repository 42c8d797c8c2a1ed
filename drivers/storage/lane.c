/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Lanes to the worker of a pool. A lane is a connection, over which one job goes at a time, and the file that says what
 * that job is, for whoever has to clean up where this daemon or the worker is killed. Both stay for the next job. The
 * file is in this daemon's memory, so a job costs no more than to copy its text there, without a system call; it lies
 * on a tmpfs, where whoever reads it sees that at once, and begins with a NUL in between, which is no job. */

#include "storage.h"

#include <fcntl.h>
#include <inttypes.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/socket.h>

#include "base/fs.h"
#include "base/strings.h"

/* Of a pool, while none has anything to do; those beyond were for calls at the same time. */
#define LANES_KEPT 4U
/* Of the file, in memory: jobs are shorter as a rule. */
#define MAPPED 4096U

struct Lane {
        Loop *loop;
        IoWatch io;
        Fiber *waiting;         /* for the answer */
        char *id;
        int job;                /* the file; -EBADF: it stays for the next daemon */
        char *text;             /* its beginning; NULL: not there yet */
        unsigned worker;        /* its number */
        Pool *pool;             /* in whose list it is; NULL: it has a job */
        Lane *next;
};

static Lane *lane_free(Lane *l) {
        if (!l)
                return NULL;
        loop_unwatch(l->loop, &l->io);
        closep(&l->io.fd);
        if (l->text)
                (void) munmap(l->text, MAPPED);
        if (l->job >= 0) {
                close(l->job);
                job_forget(l->id);
        }
        free(l->id);
        free(l);
        return NULL;
}

static void leave_pool(Lane *l) {
        Lane **at = &l->pool->lanes;

        while (*at != l)
                at = &(*at)->next;
        *at = l->next;
        l->pool->n_lanes--;
        l->pool = NULL;
}

/* The worker of a lane without a job can only hang up. */
static void on_io(IoWatch *w, uint32_t events) {
        Lane *l = container_of(w, Lane, io);
        Fiber *f = TAKE_PTR(l->waiting);

        if (f) {
                (void) fiber_resume(f, 1);
                return;
        }
        if (!l->pool) {
                loop_unwatch(l->loop, w);
                return;
        }
        leave_pool(l);
        lane_free(l);
}

/* Its space is taken now: what is in memory cannot say later that there is none. */
static int map_file(Lane *l) {
        int r;

        do
                r = posix_fallocate(l->job, 0, MAPPED);
        while (r == EINTR);
        if (r > 0)
                return -r;
        l->text = mmap(NULL, MAPPED, PROT_READ | PROT_WRITE, MAP_SHARED, l->job, 0);
        if (l->text == MAP_FAILED) {
                l->text = NULL;
                return -errno;
        }
        return 0;
}

static int open_file(Lane *l) {
        _cleanup_free_ char *path = NULL;
        uint64_t number;

        if (getrandom(&number, sizeof number, 0) != sizeof number)
                return -EIO;
        l->id = text_format("lane-%016" PRIx64, number);
        path = l->id ? volume_job_path(l->id, "job") : NULL;
        if (!path)
                return -ENOMEM;
        l->job = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
        return l->job < 0 ? -errno : map_file(l);
}

int lane_new(Loop *loop, int fd, unsigned worker, Lane **ret) {
        Lane *l = calloc(1, sizeof *l);
        int r;

        if (!l) {
                close(fd);
                return -ENOMEM;
        }
        *l = (Lane) { .loop = loop, .io = { .func = on_io, .fd = fd }, .job = -EBADF, .worker = worker };
        r = open_file(l);
        if (r >= 0)
                r = loop_watch(loop, &l->io, EPOLLIN);
        if (r < 0) {
                lane_free(l);
                return r;
        }
        *ret = l;
        return 0;
}

Lane *lane_of(Pool *p) {
        Lane *l = p->lanes;

        if (l)
                leave_pool(l);
        return l;
}

const char *lane_id(const Lane *l) {
        return l->id;
}

unsigned lane_worker(const Lane *l) {
        return l->worker;
}

/* The first byte is the last one, so whoever reads it sees a job that is whole, or none. */
static int write_job(const Lane *l, const char *text) {
        size_t n = strlen(text) + 1;
        ssize_t rest = n > MAPPED ? pwrite(l->job, text + MAPPED, n - MAPPED, MAPPED) : 0;

        if (rest < 0)
                return -errno;
        if (n > MAPPED && (size_t) rest < n - MAPPED)
                return -ENOSPC;
        memcpy(l->text + 1, text + 1, MIN(n, MAPPED) - 1);
        __atomic_store_n(l->text, *text, __ATOMIC_RELEASE);
        return 0;
}

static ssize_t read_answer(Lane *l, char *buffer, size_t size) {
        for (;;) {
                ssize_t n;
                int r;

                l->waiting = fiber_self();
                r = fiber_suspend(FIBER_FOREVER);
                l->waiting = NULL;
                if (r < 0)
                        return r;
                n = recv(l->io.fd, buffer, size, MSG_DONTWAIT);
                if (n >= 0 || (errno != EAGAIN && errno != EINTR))
                        return n < 0 ? -errno : n;
        }
}

ssize_t lane_exchange(Lane *l, const VolumeJob *j, char *buffer, size_t size) {
        _cleanup_free_ char *text = volume_job_to_text(j), *message = text ? text_format("%s\n%s", l->id, text) : NULL;
        int r = message ? write_job(l, text) : -ENOMEM;

        if (r < 0)
                return r;
        if (strlen(message) > WORKER_MESSAGE_MAX)
                return -EMSGSIZE;
        if (send(l->io.fd, message, strlen(message), MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
                return -ECONNRESET;
        return read_answer(l, buffer, size);
}

void lane_give_back(Pool *p, Lane *l) {
        __atomic_store_n(l->text, '\0', __ATOMIC_RELEASE);
        if (p->n_lanes >= LANES_KEPT) {
                lane_free(l);
                return;
        }
        l->pool = p;
        l->next = p->lanes;
        p->lanes = l;
        p->n_lanes++;
}

void lane_end(Lane *l, bool keep_job) {
        if (keep_job) {
                close(l->job);
                l->job = -EBADF;
        }
        lane_free(l);
}

void pool_close_lanes(Pool *p) {
        for (Lane *l; (l = lane_of(p));)
                lane_free(l);
}
