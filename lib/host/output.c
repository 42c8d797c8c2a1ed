/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "host/output.h"

#include <fcntl.h>

#include "base/path.h"
#include "base/strings.h"

/* A link that is not root's leads to what is its owner's. */
static int open_behind_link(const char *path, int how) {
        struct stat st;
        _cleanup_close_ int file = path_open(path, &st);

        return file < 0 ? file : path_reopen(file, how);
}

/* In its folder, wherever links lead to meanwhile; the folder may be a user's. */
static int open_in_folder(const char *path, int how) {
        const char *name = strrchr(path, '/');
        _cleanup_free_ char *folder = name ? strndup(path, (size_t) MAX(name - path, 1)) : strdup(".");
        _cleanup_close_ int at = -EBADF;
        struct stat st;
        int fd;

        if (!folder)
                return -ENOMEM;
        at = *folder == '/' ? path_open(folder, &st) : AT_FDCWD;
        if (at < 0 && at != AT_FDCWD)
                return at;
        fd = openat(at, *folder == '/' ? name + 1 : path, how | O_CREAT | O_NOFOLLOW, 0600);
        if (fd < 0 && errno == ELOOP && *path == '/')
                return open_behind_link(path, how);
        return fd < 0 ? -errno : fd;
}

int output_open(const char *path, bool append, int *ret, Error *e) {
        int fd = open_in_folder(path, O_WRONLY | O_CLOEXEC | O_NOCTTY | (append ? O_APPEND : O_TRUNC));

        if (fd < 0)
                return error_set_errno(e, fd, ORIGIN_QEMU, "cannot write to %s", path);
        *ret = fd;
        return 0;
}

int output_give(const char *path, bool append, FdSink *sink, Error *e) {
        _cleanup_close_ int fd = -EBADF;
        int r;

        r = output_open(path, append, &fd, e);
        return r < 0 ? r : fd_sink_give(sink, fd, e);
}
