/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The worker of a pool, in vm-volume-worker@INSTANCE.service: jobs that are over soon, one after the other, each by a
 * connection (storage/job.h), for as long as some come. So such a job costs no unit of its own.
 *
 * The first job shows which folder it is about; from then on this process can write nowhere else, and has no
 * rights but those over files. A job that needs more is sent back. It reads no image: what it says of a volume is what
 * it has written itself.
 *
 * For that it has a view of the file systems of its own, in which the folder is mounted once more. What is mounted
 * later on the host could be written to there, and what is unmounted would stay busy; so it ends at either. */

#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <sys/socket.h>

#include "base/fs.h"
#include "base/log.h"
#include "base/socket.h"
#include "base/strings.h"
#include "notify.h"
#include "storage/scan.h"
#include "volume.h"

#define IDLE_MSEC (10 * 1000)
/* Whoever connects has its message ready. */
#define MESSAGE_MSEC 1000

typedef struct Worker {
        int listener;
        int mounts;             /* tells of mounts, once there is a folder */
        char *folder;           /* where it may write; NULL: not known yet */
        dev_t device;           /* of the folder */
} Worker;

static int listen_at(const char *instance) {
        _cleanup_free_ char *path = volume_worker_path(instance);
        _cleanup_close_ int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
        struct sockaddr_un a;
        int r;

        if (!path || fd < 0)
                return path ? -errno : -ENOMEM;
        r = unix_address(path, &a);
        if (r < 0)
                return r;
        (void) unlink(path);
        if (bind(fd, (struct sockaddr *) &a, sizeof a) < 0 || listen(fd, SOMAXCONN) < 0)
                return -errno;
        return TAKE_FD(fd);
}

static int say_ready(void) {
        _cleanup_close_ int fd = notify_open();

        return fd < 0 ? fd : notify_send(fd, "READY=1\n");
}

/* The first job's folder becomes the only place that can be written to. */
static int settle(Worker *w, const char *folder) {
        struct stat st;
        int r;

        if (w->folder)
                return streq(w->folder, folder) ? 0 : -EXDEV;
        r = stat(folder, &st) < 0 ? -errno : confine_to(folder);
        if (r < 0)
                return r;
        w->mounts = open("/proc/self/mountinfo", O_RDONLY | O_CLOEXEC);
        if (w->mounts < 0)
                return -errno;
        w->device = st.st_dev;
        w->folder = strdup(folder);
        return w->folder ? 0 : -ENOMEM;
}

/* A volume may be a link to somewhere else, or a file that is mounted there. */
static bool is_in_folder(const Worker *w, const VolumeJob *j) {
        struct stat st;

        if (j->verb != VOLUME_RESIZE && j->verb != VOLUME_WIPE)
                return true;
        return lstat(j->path, &st) >= 0 && S_ISREG(st.st_mode) && st.st_dev == w->device;
}

/* What has become of the volume, and of the pool's space. */
static int add_lines(const Worker *w, const VolumeJob *j, StrBuf *b) {
        const char *name = strrchr(j->path, '/') + 1, *format = j->verb == VOLUME_RESIZE ? j->format : j->source_format;
        _cleanup_volume_ Volume *v = NULL;
        _cleanup_free_ char *line = NULL;
        PoolSizes s;
        int r;

        if (j->verb != VOLUME_DELETE) {
                r = scan_written(w->folder, name, format ?: "raw", &v);
                if (r < 0)
                        return r;
        }
        line = v ? volume_to_line(v) : volume_name_to_line(name);
        if (!line)
                return -ENOMEM;
        strbuf_addf(b, "%c%s\n", v ? '+' : '-', line);
        r = scan_sizes(w->folder, &s);
        if (r >= 0)
                strbuf_addf(b, "=%" PRIu64 " %" PRIu64 " %" PRIu64 "\n", s.capacity, s.allocation, s.available);
        return r;
}

/* The work is done even where nothing can be said of it: then the answer has no lines, and the daemon looks. */
static void answer_done(const Worker *w, const VolumeJob *j, StrBuf *b) {
        strbuf_add(b, WORKER_OK "\n");
        if (add_lines(w, j, b) < 0 || b->failed || b->len > WORKER_MESSAGE_MAX) {
                strbuf_done(b);
                strbuf_add(b, WORKER_OK "\n");
        }
}

static void answer(Worker *w, const char *id, StrBuf *b) {
        _cleanup_volume_job_ VolumeJob *j = NULL;
        _cleanup_error_ Error e = ERROR_INIT;
        _cleanup_free_ char *folder = NULL;
        int r;

        r = volume_job_load(id, &j);
        folder = r < 0 ? NULL : strndup(j->path, (size_t) (strrchr(j->path, '/') - j->path));
        if (!folder || settle(w, folder) < 0 || !is_in_folder(w, j)) {
                strbuf_add(b, WORKER_ELSEWHERE);
                return;
        }
        volume_progress_later();
        r = volume_do(j, id, &e);
        if (r < 0)
                strbuf_add(b, error_text(&e, r));
        else
                answer_done(w, j, b);
}

static void serve_one(Worker *w, int fd) {
        struct pollfd p = { fd, POLLIN, 0 };
        _cleanup_strbuf_ StrBuf b = {};
        char id[256];
        ssize_t n;

        if (poll(&p, 1, MESSAGE_MSEC) <= 0)
                return;
        n = recv(fd, id, sizeof id - 1, 0);
        if (n <= 0)
                return;
        id[n] = '\0';
        if (streq(id, WORKER_WAIT))
                strbuf_add(&b, WORKER_OK "\n");
        else if (!strchr(id, '/'))
                answer(w, id, &b);
        if (!b.failed)
                (void) send(fd, b.data, b.len, MSG_NOSIGNAL);
}

/* A connection; -EBADF where it is time to end. Those that wait then are reset by the kernel, and their jobs done by
 * the next worker. */
static int next_connection(const Worker *w) {
        struct pollfd p[] = { { w->listener, POLLIN, 0 }, { w->mounts, POLLPRI, 0 } };
        int n;

        do
                n = poll(p, ELEMENTSOF(p), IDLE_MSEC);
        while (n < 0 && errno == EINTR);
        return n > 0 && p[1].revents == 0 ? accept4(w->listener, NULL, NULL, SOCK_CLOEXEC) : -EBADF;
}

int volume_serve(const char *instance) {
        Worker w = { .listener = listen_at(instance), .mounts = -EBADF };
        int r = w.listener < 0 ? w.listener : say_ready();

        if (r < 0) {
                log_error("cannot serve '%s': %s", instance, strerror(-r));
                return EXIT_FAILURE;
        }
        for (;;) {
                _cleanup_close_ int fd = next_connection(&w);

                if (fd < 0)
                        break;
                serve_one(&w, fd);
        }
        free(w.folder);
        return EXIT_SUCCESS;
}

/* The daemon, this one or the next, writes the results: it knows that the worker has ended. */
int volume_clean_worker(const char *instance) {
        _cleanup_free_ char *path = volume_worker_path(instance);
        _cleanup_strv_ char **ids = NULL;

        if (path)
                (void) unlink(path);
        if (volume_job_list(&ids) < 0)
                return EXIT_SUCCESS;
        for (char **id = ids; id && *id; id++) {
                _cleanup_volume_job_ VolumeJob *j = NULL;

                if (volume_job_load(*id, &j) >= 0 && streq_ptr(j->worker, instance))
                        volume_undo(j);
        }
        return EXIT_SUCCESS;
}
