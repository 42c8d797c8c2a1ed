/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/path.h"

#include <fcntl.h>
#include <limits.h>

#include "base/strings.h"

#define LINKS_MAX 40U /* the kernel's own limit */

/* A way through the file system, of which a part is behind. */
typedef struct Walk {
        int fd;                 /* where it is; O_PATH */
        struct stat st;
        char *rest;             /* what is still to go, without a slash at its beginning */
        unsigned n_links, n_pending;
        struct {
                size_t rest;    /* where the link has led to once no more than this is to go */
                uid_t uid;
        } pending[LINKS_MAX];
} Walk;

static void walk_done(Walk *w) {
        closep(&w->fd);
        free(w->rest);
}

static int restart(Walk *w) {
        int fd = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);

        if (fd < 0)
                return -errno;
        closep(&w->fd);
        w->fd = fd;
        return fstat(fd, &w->st) < 0 ? -errno : 0;
}

static int follow(Walk *w, int link, uid_t uid) {
        char target[PATH_MAX];
        ssize_t n = readlinkat(link, "", target, sizeof target - 1);
        char *rest;

        if (n <= 0)
                return n < 0 ? -errno : -ENOENT;
        if (w->n_links++ == LINKS_MAX)
                return -ELOOP;
        target[n] = 0;
        if (uid != 0) {
                w->pending[w->n_pending].rest = strlen(w->rest);
                w->pending[w->n_pending++].uid = uid;
        }
        rest = text_format("%s/%s", target, w->rest);
        if (!rest)
                return -ENOMEM;
        free(w->rest);
        w->rest = rest;
        return *target == '/' ? restart(w) : 0;
}

/* Links of root lead anywhere, those of others to what is theirs. */
static int check_links(Walk *w) {
        size_t left = strlen(w->rest);

        for (; w->n_pending > 0 && left <= w->pending[w->n_pending - 1].rest; w->n_pending--)
                if (w->st.st_uid != w->pending[w->n_pending - 1].uid)
                        return -EPERM;
        return 0;
}

/* A user's FUSE says nothing to root: then it is at least a folder, and not said to be anybody's. */
static int look(int at, const char *name, int fd, struct stat *ret) {
        _cleanup_close_ int folder = -EBADF;

        if (fstat(fd, ret) >= 0)
                return 0;
        folder = errno == EACCES ? openat(at, name, O_PATH | O_NOFOLLOW | O_DIRECTORY | O_CLOEXEC) : -1;
        if (folder < 0)
                return -1;
        *ret = (struct stat) { .st_mode = S_IFDIR, .st_uid = (uid_t) -1 };
        return 0;
}

static int step(Walk *w) {
        size_t n = strcspn(w->rest, "/"), next = n + strspn(w->rest + n, "/");
        char name[NAME_MAX + 1];
        struct stat st;
        int fd;

        if (n > NAME_MAX)
                return -ENAMETOOLONG;
        memcpy(name, w->rest, n);
        name[n] = 0;
        memmove(w->rest, w->rest + next, strlen(w->rest + next) + 1);
        if (n == 0)
                return check_links(w); /* a link to "/" */
        fd = openat(w->fd, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
        if (fd < 0)
                return -errno;
        if (look(w->fd, name, fd, &st) < 0) {
                int r = -errno;

                close(fd);
                return r;
        }
        if (S_ISLNK(st.st_mode)) {
                int r = follow(w, fd, st.st_uid);

                close(fd);
                return r;
        }
        close(w->fd);
        w->fd = fd;
        w->st = st;
        return check_links(w);
}

int path_open(const char *path, struct stat *ret) {
        _cleanup_(walk_done) Walk w = { .fd = -EBADF, .rest = strdup(path + strspn(path, "/")) };
        int r = !w.rest ? -ENOMEM : *path != '/' ? -EINVAL : restart(&w);

        while (r >= 0 && *w.rest)
                r = step(&w);
        if (r < 0)
                return r;
        *ret = w.st;
        return TAKE_FD(w.fd);
}

int path_reopen(int fd, int flags) {
        char again[32];
        int r;

        (void) snprintf(again, sizeof again, "/proc/self/fd/%i", fd);
        r = open(again, flags | O_CLOEXEC | O_NOCTTY);
        return r < 0 ? -errno : r;
}
