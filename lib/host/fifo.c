/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "host/fifo.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "base/strings.h"

static int open_fifo(const char *path, struct stat *ret) {
        _cleanup_close_ int fd = open(path, O_PATH | O_NOFOLLOW | O_CLOEXEC);

        if (fd < 0 || fstat(fd, ret) < 0)
                return -errno;
        return S_ISFIFO(ret->st_mode) ? TAKE_FD(fd) : -EINVAL;
}

int fifo_owner(const char *path, char **ret) {
        _cleanup_close_ int fd = -EBADF;
        struct stat st;

        fd = open_fifo(path, &st);
        if (fd < 0)
                return fd;
        *ret = text_format("%u:%u:%s", st.st_uid, st.st_gid, path);
        return *ret ? 0 : -ENOMEM;
}

int fifo_give(const char *path, uid_t uid, gid_t gid) {
        _cleanup_close_ int fd = -EBADF;
        struct stat st;

        fd = open_fifo(path, &st);
        if (fd < 0)
                return fd;
        return fchownat(fd, "", uid, gid, AT_EMPTY_PATH) < 0 ? -errno : 0;
}

int fifo_return(const char *value) {
        unsigned uid, gid;
        int at = 0, r;

        if (sscanf(value, "%u:%u:%n", &uid, &gid, &at) != 2 || at == 0)
                return -EINVAL;
        r = fifo_give(value + at, uid, gid);
        return r == -ENOENT || r == -EINVAL ? 0 : r;
}
