/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Small files below /run/libvirt/qemu that all guests share. */

#include <fcntl.h>
#include <sys/file.h>

#include "base/fs.h"
#include "base/guest-files.h"
#include "base/strings.h"
#include "prepare.h"

static int open_locked(const char *file) {
        _cleanup_free_ char *path = NULL;
        _cleanup_close_ int fd = -EBADF;

        path = guests_shared_file(file);
        if (!path)
                return -ENOMEM;
        fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
        if (fd < 0 || flock(fd, LOCK_EX) < 0)
                return -errno;
        return TAKE_FD(fd);
}

int state_next_id(unsigned *ret) {
        _cleanup_close_ int fd = -EBADF;
        char text[16] = {};
        unsigned id = 1;
        int n;

        fd = open_locked(GUESTS_NEXT_ID);
        if (fd < 0)
                return fd;
        if (pread(fd, text, sizeof text - 1, 0) < 0)
                return -errno;
        text[strcspn(text, "\n")] = 0;
        /* an empty file is a fresh boot */
        if (parse_uint(text, &id) < 0 || id == 0 || id > INT32_MAX - 1)
                id = 1;
        n = snprintf(text, sizeof text, "%u\n", id + 1);
        if (ftruncate(fd, 0) < 0 || pwrite(fd, text, (size_t) n, 0) != n)
                return -errno;
        *ret = id;
        return 0;
}
