/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "base/fds.h"
#include "base/fs.h"
#include "base/log.h"
#include "base/strings.h"
#include "host/lock.h"
#include "lock.h"
#include "loop/fiber.h"

/* A file server may be away for a moment. */
#define FILES_TIMEOUT (30U * 1000000U)

/* --- work on files, in a child --- */

typedef struct Work {
        int (*act)(const struct Work *w, int *ret_fd, Error *e);
        const char *space, *name;
        unsigned flags;
        const char *guest;
        int fd;                         /* of a lock that the work is about; the child closes it */
} Work;

typedef struct WorkResult {
        int r, code, system;
        char text[4096];
} WorkResult;

static int is_locked(const char *path, Error *e) {
        return error_set(e, -EBUSY, ERROR_RESOURCE_BUSY, ORIGIN_LOCKSPACE, "Lockspace resource '%s' is locked", path);
}

static int act_add(const Work *w, int *ret_fd, Error *e) {
        struct stat st;
        int r;

        if (stat(w->space, &st) >= 0 && !S_ISDIR(st.st_mode))
                return error_set(e, -ENOTDIR, ERROR_INTERNAL, ORIGIN_LOCKSPACE,
                                 "Lockspace location %s exists, but is not a directory", w->space);
        r = mkdir_p(w->space, 0700);
        return r < 0 ? error_set_errno(e, r, ORIGIN_LOCKSPACE, "Unable to create lockspace %s", w->space) : 0;
}

static int act_acquire(const Work *w, int *ret_fd, Error *e) {
        unsigned flags = (w->flags & LEASE_SHARED ? LOCK_SHARED : 0) | (w->flags & LEASE_TEMPORARY ? LOCK_CREATE : 0);

        return *w->space ? lock_resource(w->space, w->name, flags, w->guest, ret_fd, e)
                         : lock_image(w->name, flags, w->guest, ret_fd, e);
}

static int act_make(const Work *w, int *ret_fd, Error *e) {
        _cleanup_close_ int fd = -EBADF;

        return lock_resource(w->space, w->name, LOCK_CREATE, NULL, &fd, e);
}

static int act_remove(const Work *w, int *ret_fd, Error *e) {
        _cleanup_free_ char *path = text_format("%s/%s", w->space, w->name);
        _cleanup_close_ int fd = -EBADF;
        int r;

        /* whoever has it on another host is not robbed of it */
        r = path ? lock_resource(w->space, w->name, 0, NULL, &fd, e) : -ENOMEM;
        if (r < 0)
                return r;
        return unlink(path) < 0 ? error_set_errno(e, -errno, ORIGIN_LOCKSPACE, "Unable to delete lockspace resource %s",
                                                  path)
                                : 0;
}

/* The last one who has a file that is there for the lock alone removes it. */
static int act_release(const Work *w, int *ret_fd, Error *e) {
        _cleanup_free_ char *path = text_format("%s/%s", w->space, w->name);
        struct stat ours, there;

        if (!path)
                return -ENOMEM;
        if (file_lock(w->fd, false) >= 0 && fstat(w->fd, &ours) >= 0 && lstat(path, &there) >= 0 &&
            ours.st_dev == there.st_dev && ours.st_ino == there.st_ino)
                (void) unlink(path);
        /* the lock goes with the last descriptor, which shall not be this one */
        close(w->fd);
        return 0;
}

/* Numbers in the child: nothing else is left open, since the locks of others would live as long as it. */
enum { CHILD_SOCKET = 3, CHILD_LOCK = 4 };

static int keep_two(int socket, int lock) {
        int high = fcntl(socket, F_DUPFD, 10), fd = lock > 0 ? fcntl(lock, F_DUPFD, 10) : -EBADF;

        if (high < 0 || dup2(high, CHILD_SOCKET) < 0)
                return -errno;
        if (fd >= 0 && dup2(fd, CHILD_LOCK) < 0)
                return -errno;
        return close_range(fd >= 0 ? CHILD_LOCK + 1 : CHILD_SOCKET + 1, ~0U, 0) < 0 ? -errno : 0;
}

static _noreturn_ void work_in_child(Work w, int socket) {
        _cleanup_error_ Error e = ERROR_INIT;
        WorkResult result = {};
        int fd = -EBADF;

        /* The one in between ends at once, so that nobody has to wait for this one's end. */
        if (fork() != 0)
                _exit(EXIT_SUCCESS);
        if (keep_two(socket, w.fd) < 0)
                _exit(EXIT_FAILURE);
        w.fd = CHILD_LOCK;
        result.r = w.act(&w, &fd, &e);
        result.code = e.code;
        result.system = e.system;
        if (e.detail)
                (void) snprintf(result.text, sizeof result.text, "%s", e.detail);
        (void) send_fds(CHILD_SOCKET, &result, sizeof result, &fd, fd >= 0, 0);
        closep(&fd);
        _exit(EXIT_SUCCESS);
}

/* Until the child has closed what it sent: only then is the lock the receiver's alone. */
static void wait_for_end(int socket) {
        char end;

        while (fiber_wait_fd(socket, EPOLLIN, FILES_TIMEOUT) > 0 && recv(socket, &end, 1, MSG_DONTWAIT) > 0)
                ;
}

static int receive_result(int socket, const Work *w, int *ret_fd, Error *e) {
        WorkResult result;
        unsigned n = 0;
        int fd = -EBADF, r;

        r = fiber_wait_fd(socket, EPOLLIN, FILES_TIMEOUT);
        if (r < 0)
                return r == -ETIMEDOUT ? error_set(e, r, ERROR_OPERATION_TIMEOUT, ORIGIN_LOCKSPACE,
                                                   "the files of lockspace '%s' do not answer", w->space)
                                       : r;
        if (receive_fds(socket, &result, sizeof result, &fd, 1, &n, 0) != sizeof result)
                return error_set(e, -EIO, ERROR_INTERNAL, ORIGIN_LOCKSPACE, "the child that opens locks has died");
        wait_for_end(socket);
        result.text[sizeof result.text - 1] = 0;
        if (result.r < 0)
                return result.code == ERROR_SYSTEM_ERROR || result.code == 0
                               ? error_set(e, result.r, ERROR_SYSTEM_ERROR, ORIGIN_LOCKSPACE, "%s",
                                           *result.text ? result.text : strerror(-result.r))
                               : error_set(e, result.r, (ErrorCode) result.code, ORIGIN_LOCKSPACE, "%s", result.text);
        if (ret_fd)
                *ret_fd = fd;
        else
                closep(&fd);
        return 0;
}

static int work(const Work *w, int *ret_fd, Error *e) {
        _cleanup_close_ int ours = -EBADF;
        int pair[2];
        pid_t pid;

        if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
                return -errno;
        ours = pair[0];
        pid = fork();
        if (pid == 0)
                work_in_child(*w, pair[1]);
        close(pair[1]);
        if (pid < 0)
                return -errno;
        while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
                ;
        return receive_result(ours, w, ret_fd, e);
}

/* --- lockspaces --- */

static int check_space(const LockDriver *d, const char *path, Error *e) {
        if (!*path || strv_contains(d->spaces, path))
                return 0;
        return error_set(e, -ENOENT, ERROR_OPERATION_INVALID, ORIGIN_LOCKING, "Lockspace for path %s does not exist",
                         path);
}

int lockspace_add(LockDriver *d, const char *path, Error *e) {
        const Work w = { .act = act_add, .space = path };
        int r;

        if (!*path)
                return error_set(e, -EEXIST, ERROR_OPERATION_INVALID, ORIGIN_LOCKING,
                                 "the default lockspace already exists");
        if (*path != '/')
                return error_set(e, -EINVAL, ERROR_INVALID_ARG, ORIGIN_LOCKING, "lockspace '%s' is not absolute", path);
        if (strv_contains(d->spaces, path))
                return error_set(e, -EEXIST, ERROR_OPERATION_INVALID, ORIGIN_LOCKING,
                                 "Lockspace for path %s already exists", path);
        r = work(&w, NULL, e);
        /* somebody else may have been faster */
        if (r >= 0 && !strv_contains(d->spaces, path)) {
                r = strv_add(&d->spaces, path);
                keep_save(d);
        }
        return r;
}

static int change_resource(LockDriver *d, const Work *w, Error *e) {
        int r = check_space(d, w->space, e);

        if (r < 0)
                return r;
        if (!*w->space)
                return error_set(e, -EINVAL, ERROR_OPERATION_INVALID, ORIGIN_LOCKING,
                                 "'%s' is no resource of a lockspace, and neither made nor removed here", w->name);
        if (lease_find(d, w->space, w->name))
                return is_locked(w->name, e);
        return work(w, NULL, e);
}

int lockspace_make_resource(LockDriver *d, const char *space, const char *name, Error *e) {
        return change_resource(d, &(const Work){ .act = act_make, .space = space, .name = name }, e);
}

int lockspace_remove_resource(LockDriver *d, const char *space, const char *name, Error *e) {
        return change_resource(d, &(const Work){ .act = act_remove, .space = space, .name = name }, e);
}

/* --- leases --- */

static void lease_free(Lease *l) {
        sd_event_source_disable_unref(l->end);
        closep(&l->process);
        if (l->fd >= 0 && !l->driver->leaving) {
                file_unlock(l->fd);
                keep_forget("lock", l->id);
        }
        closep(&l->fd);
        free(l->space);
        free(l->name);
        free(l);
}

static void take_out(Lease *l) {
        for (Lease **at = &l->driver->leases; *at; at = &(*at)->next)
                if (*at == l) {
                        *at = l->next;
                        return;
                }
}

static void end_lease(void *userdata) {
        _cleanup_error_ Error e = ERROR_INIT;
        Lease *l = userdata;
        const Work w = { .act = act_release, .space = l->space, .name = l->name, .fd = l->fd };
        DriverHost *host = l->driver->host;

        if (l->temporary && *l->space && work(&w, NULL, &e) < 0)
                log_debug("%s/%s stays: %s", l->space, l->name, error_text(&e, -EIO));
        lease_free(l);
        host->hold(host, -1);
}

void lease_release(Lease *l) {
        take_out(l);
        keep_save(l->driver);
        l->end = sd_event_source_disable_unref(l->end);
        if (!l->temporary || fiber_self() || fiber_spawn(l->driver->host->loop, end_lease, l, NULL) < 0) {
                l->temporary = l->temporary && fiber_self();
                end_lease(l);
        }
}

void lease_drop_all(LockDriver *d) {
        while (d->leases) {
                Lease *l = d->leases;

                take_out(l);
                lease_free(l);
        }
}

bool lease_release_all(LockDriver *d, const LockOwner *owner) {
        bool any = false;

        for (Lease *l = d->leases, *next; l; l = next) {
                next = l->next;
                if (!owner_equal(&l->owner, owner))
                        continue;
                lease_release(l);
                any = true;
        }
        return any;
}

Lease *lease_find(LockDriver *d, const char *space, const char *name) {
        for (Lease *l = d->leases; l; l = l->next)
                if (streq(l->space, space) && streq(l->name, name))
                        return l;
        return NULL;
}

static int on_end(sd_event_source *source, int fd, uint32_t events, void *userdata) {
        const Lease *l = userdata;
        const LockOwner owner = l->owner;

        /* the next process sees it too */
        if (l->driver->leaving)
                return sd_event_source_set_enabled(source, SD_EVENT_OFF);
        log_notice("process %d has ended without releasing its locks", (int) owner.pid);
        (void) lease_release_all(l->driver, &owner);
        return 0;
}

/* Takes what *from has, also on failure. */
static int lease_add(LockDriver *d, const Lease *from) {
        Lease *l = calloc(1, sizeof(*l)), lost = *from;

        if (!l) {
                lost.driver = d;
                file_unlock(lost.fd);
                closep(&lost.fd);
                free(lost.space);
                free(lost.name);
                return -ENOMEM;
        }
        *l = *from;
        l->driver = d;
        l->process = l->owner.pid > 0 ? pidfd_open(l->owner.pid, 0) : -EBADF;
        if (!l->space || !l->name ||
            (l->process >= 0 &&
             sd_event_add_io(loop_event(d->host->loop), &l->end, l->process, EPOLLIN, on_end, l) < 0)) {
                lease_free(l);
                return -ENOMEM;
        }
        l->next = d->leases;
        d->leases = l;
        d->host->hold(d->host, 1);
        return 0;
}

int lease_restore(LockDriver *d, const Lease *l) {
        const LockOwner now = owner_of_pid(l->owner.pid);
        int r = lease_add(d, l);

        if (r < 0)
                return r;
        /* it has ended meanwhile, and its number may be another's */
        if (l->owner.started > 0 && !owner_equal(&now, &l->owner)) {
                log_notice("process %d has ended without releasing its locks", (int) l->owner.pid);
                lease_release(d->leases);
        }
        return 0;
}

int lease_acquire(LockDriver *d, const char *space, const char *name, unsigned flags, const LockClient *c, Error *e) {
        const Work w = { .act = act_acquire, .space = space, .name = name, .flags = flags, .guest = c->name };
        _cleanup_close_ int fd = -EBADF;
        Lease l;
        int r;

        r = check_space(d, space, e);
        if (r >= 0 && !*space && *name != '/')
                return error_set(e, -EINVAL, ERROR_INVALID_ARG, ORIGIN_LOCKING, "'%s' is no absolute path", name);
        if (r >= 0)
                r = work(&w, &fd, e);
        if (r < 0)
                return r;
        l = (Lease) {
                .id = ++d->last_id,
                .space = strdup(space),
                .name = strdup(name),
                .owner = c->owner,
                .shared = flags & LEASE_SHARED,
                .temporary = flags & LEASE_TEMPORARY,
                .fd = TAKE_FD(fd),
        };
        keep_fd("lock", l.id, l.fd);
        r = lease_add(d, &l);
        keep_save(d);
        return r;
}
