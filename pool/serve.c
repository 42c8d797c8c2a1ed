/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The worker of a pool, in vm-volume-worker@INSTANCE.service: jobs that are over soon, one after the other, over
 * connections that stay (storage/job.h), for as long as some come. So such a job costs no unit of its own.
 *
 * A stream is done by a child, because it lasts as long as its client likes.
 *
 * The first job shows which folder it is about; from then on this process can write nowhere else, and has no
 * rights but those over files. A job that needs more, such as those of a folder's owner, is sent back. It reads no
 * image: what it says of a volume is what it has written itself.
 *
 * For that it has a view of the file systems of its own, in which the folder is mounted once more. What is mounted
 * later on the host could be written to there, and what is unmounted would stay busy; so it ends at either, when its
 * streams have ended. */

#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "base/fs.h"
#include "base/log.h"
#include "base/socket.h"
#include "base/strings.h"
#include "notify.h"
#include "storage/owner.h"
#include "storage/scan.h"
#include "volume.h"

#define IDLE_MSEC (10 * 1000)
#define PEERS_MAX 64U

/* What is waited for: indexes of Worker.polled. */
enum { LISTENER, MOUNTS, PEERS };

/* A connection, or a child that is at work on a stream. */
typedef struct Peer {
        pid_t child;            /* 0: a connection */
        uint64_t number;        /* of the child */
        bool waits;             /* a connection: to be told when all is done that came before */
        uint64_t until;         /* ... and the children have ended up to this number */
} Peer;

typedef struct Worker {
        struct pollfd polled[PEERS + PEERS_MAX];        /* of mounts: once there is a folder */
        Peer peers[PEERS_MAX];
        unsigned n_peers;
        unsigned n_children, n_waiting;
        uint64_t last_child;    /* its number */
        bool retired;           /* only what is being done is done to its end */
        char *folder;           /* where it may write; NULL: not known yet */
        dev_t device;           /* of the folder */
        char message[WORKER_MESSAGE_MAX + 1];
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
        r = confine_to(folder);
        if (r >= 0 && stat(folder, &st) < 0)
                r = -errno;
        if (r < 0)
                return r;
        w->polled[MOUNTS].fd = open("/proc/self/mountinfo", O_RDONLY | O_CLOEXEC);
        if (w->polled[MOUNTS].fd < 0)
                return -errno;
        w->device = st.st_dev;
        w->folder = strdup(folder);
        return w->folder ? 0 : -ENOMEM;
}

/* A volume may be a link to somewhere else, or a file that is mounted there. */
static bool is_in_folder(const Worker *w, const VolumeJob *j) {
        struct stat st;

        if (j->verb == VOLUME_CREATE || j->verb == VOLUME_CLONE || j->verb == VOLUME_DELETE)
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

/* What qemu-img has written is not read here. */
static bool is_known(const VolumeJob *j) {
        bool made = j->verb == VOLUME_CREATE || j->verb == VOLUME_CLONE || j->verb == VOLUME_RESIZE;

        return !made || (j->type == VOLUME_FILE && volume_format_is_raw(j->format) && !j->backing);
}

/* The work is done even where nothing can be said of it: then the answer has no lines, and the daemon looks. */
static void answer_done(const Worker *w, const VolumeJob *j, StrBuf *b) {
        strbuf_add(b, WORKER_OK "\n");
        if (!is_known(j))
                return;
        if (add_lines(w, j, b) < 0 || b->failed || b->len > WORKER_MESSAGE_MAX) {
                strbuf_done(b);
                strbuf_add(b, WORKER_OK "\n");
        }
}

/* The job of a message: "ID", a line feed, and its text. */
static int read_job(char *message, char **ret_id, VolumeJob **ret) {
        char *text = strchr(message, '\n');

        if (!text)
                return -EBADMSG;
        *text = '\0';
        *ret_id = message;
        return strchr(message, '/') ? -EBADMSG : volume_job_from_text(text + 1, ret);
}

static bool is_stream(const VolumeJob *j) {
        return j->verb == VOLUME_UPLOAD || j->verb == VOLUME_DOWNLOAD;
}

static void work(const Worker *w, const VolumeJob *j, const char *id, StrBuf *b) {
        _cleanup_error_ Error e = ERROR_INIT;
        int r = volume_do(j, id, &e);
        _cleanup_free_ char *words = r < 0 ? error_to_text(&e, r) : NULL;

        if (r < 0 && !owner_may_help(r))
                log_error("%s: %s", j->path, error_text(&e, r));
        if (r < 0)
                strbuf_add(b, owner_may_help(r) ? WORKER_ELSEWHERE : words ?: strerror(ENOMEM));
        else if (is_stream(j))
                strbuf_add(b, WORKER_OK "\n");
        else
                answer_done(w, j, b);
}

static void send_answer(int fd, const char *text, size_t len) {
        (void) send(fd, text, len, MSG_NOSIGNAL | MSG_DONTWAIT);
}

/* --- streams --- */

/* A stream lasts as long as its client likes, so a child does it. It has the connection to itself, and is one of the
 * peers in its place. */
static void stream_in_child(Worker *w, unsigned i, const VolumeJob *j, const char *id) {
        int fd = w->polled[PEERS + i].fd;
        _cleanup_strbuf_ StrBuf b = {};

        prctl(PR_SET_PDEATHSIG, SIGKILL);
        for (unsigned other = 0; other < PEERS + w->n_peers; other++)
                if (other != PEERS + i)
                        closep(&w->polled[other].fd);
        work(w, j, id, &b);
        if (!b.failed)
                send_answer(fd, b.data, b.len);
        _exit(EXIT_SUCCESS);
}

static int begin_stream(Worker *w, unsigned i, const VolumeJob *j, const char *id) {
        pid_t pid = fork();
        int fd;

        if (pid < 0)
                return -errno;
        if (pid == 0)
                stream_in_child(w, i, j, id);
        fd = (int) syscall(SYS_pidfd_open, pid, 0);
        if (fd < 0) {
                int r = -errno;

                (void) kill(pid, SIGKILL);
                (void) waitpid(pid, NULL, 0);
                return r;
        }
        close(w->polled[PEERS + i].fd);
        w->polled[PEERS + i].fd = fd;
        w->peers[i] = (Peer) { .child = pid, .number = ++w->last_child };
        w->n_children++;
        return 0;
}

/* --- peers --- */

static void answer(Worker *w, unsigned i) {
        _cleanup_volume_job_ VolumeJob *j = NULL;
        _cleanup_free_ char *folder = NULL;
        _cleanup_strbuf_ StrBuf b = {};
        char *id;
        int r;

        r = w->retired ? -ESHUTDOWN : read_job(w->message, &id, &j);
        folder = r < 0 ? NULL : strndup(j->path, (size_t) (strrchr(j->path, '/') - j->path));
        if (!folder || settle(w, folder) < 0 || !is_in_folder(w, j)) {
                strbuf_add(&b, WORKER_ELSEWHERE);
        } else if (is_stream(j)) {
                if (begin_stream(w, i, j, id) >= 0)
                        return;
                strbuf_add(&b, WORKER_ELSEWHERE);
        } else {
                volume_progress_later();
                work(w, j, id, &b);
        }
        if (!b.failed)
                send_answer(w->polled[PEERS + i].fd, b.data, b.len);
}

/* What a connection says; false: it has ended. */
static bool serve_connection(Worker *w, unsigned i) {
        ssize_t n = recv(w->polled[PEERS + i].fd, w->message, WORKER_MESSAGE_MAX, MSG_DONTWAIT);

        if (n < 0 && (errno == EAGAIN || errno == EINTR))
                return true;
        if (n <= 0)
                return false;
        w->message[n] = '\0';
        if (streq(w->message, WORKER_WAIT)) {
                w->peers[i].waits = true;
                w->peers[i].until = w->last_child;
                w->n_waiting++;
        } else
                answer(w, i);
        return true;
}

static bool bury_child(Worker *w, unsigned i) {
        (void) waitpid(w->peers[i].child, NULL, 0);
        w->n_children--;
        return false;
}

static void drop(Worker *w, unsigned i) {
        close(w->polled[PEERS + i].fd);
        w->n_waiting -= w->peers[i].waits;
        w->n_peers--;
        w->polled[PEERS + i] = w->polled[PEERS + w->n_peers];
        w->peers[i] = w->peers[w->n_peers];
}

static void serve_all(Worker *w) {
        for (unsigned i = 0; i < w->n_peers;)
                if (w->polled[PEERS + i].revents == 0 ||
                    (w->peers[i].child > 0 ? bury_child(w, i) : serve_connection(w, i)))
                        i++;
                else
                        drop(w, i);
}

static bool has_child_before(const Worker *w, uint64_t until) {
        for (unsigned i = 0; i < w->n_peers; i++)
                if (w->peers[i].child > 0 && w->peers[i].number <= until)
                        return true;
        return false;
}

/* Nobody else says anything just now. */
static void tell_those_who_wait(Worker *w) {
        for (unsigned i = 0; i < w->n_peers; i++) {
                Peer *p = &w->peers[i];

                if (!p->waits || has_child_before(w, p->until))
                        continue;
                p->waits = false;
                w->n_waiting--;
                send_answer(w->polled[PEERS + i].fd, WORKER_OK "\n", strlen(WORKER_OK "\n"));
        }
}

/* What was accepted is polled in the next round. */
static void take_connection(Worker *w) {
        int fd = accept4(w->polled[LISTENER].fd, NULL, NULL, SOCK_CLOEXEC);

        if (fd < 0)
                return;
        w->polled[PEERS + w->n_peers] = (struct pollfd) { .fd = fd, .events = POLLIN };
        w->peers[w->n_peers++] = (Peer) {};
}

/* --- its life --- */

/* It ends as a whole, so streams are waited for; what is asked of it meanwhile is done elsewhere. */
static bool retire(Worker *w) {
        closep(&w->polled[MOUNTS].fd);
        w->polled[MOUNTS].fd = -EBADF;
        w->retired = true;
        return w->n_children > 0;
}

static int wait_for_something(Worker *w, int timeout) {
        int n;

        w->polled[LISTENER].events = w->n_peers < PEERS_MAX ? POLLIN : 0;
        do
                n = poll(w->polled, PEERS + w->n_peers, timeout);
        while (n < 0 && errno == EINTR);
        return n;
}

/* False when it is time to end. Jobs that wait then are reset by the kernel, and done by the next worker. */
static bool serve_some(Worker *w) {
        int n = w->n_waiting > 0 ? wait_for_something(w, 0) : 0;

        if (n == 0) {
                tell_those_who_wait(w);
                n = wait_for_something(w, w->n_children > 0 ? -1 : IDLE_MSEC);
        }
        if (n <= 0)
                return false;
        if (w->polled[MOUNTS].revents != 0)
                return retire(w);
        serve_all(w);
        if (w->polled[LISTENER].revents != 0)
                take_connection(w);
        return !w->retired || w->n_children > 0;
}

int volume_serve(const char *instance) {
        Worker *w = calloc(1, sizeof *w);
        int r;

        if (!w)
                return EXIT_FAILURE;
        w->polled[MOUNTS] = (struct pollfd) { .fd = -EBADF, .events = POLLPRI };
        w->polled[LISTENER].fd = listen_at(instance);
        r = w->polled[LISTENER].fd < 0 ? w->polled[LISTENER].fd : say_ready();
        while (r >= 0 && serve_some(w))
                ;
        if (r < 0)
                log_error("cannot serve '%s': %s", instance, strerror(-r));
        free(w->folder);
        free(w);
        return r < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
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
                        (void) volume_undo(j);
        }
        return EXIT_SUCCESS;
}
