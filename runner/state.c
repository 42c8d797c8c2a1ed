/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Small files below /run/libvirt/qemu that all guests share. */

#include "base/fs.h"
#include "base/guest-files.h"
#include "base/strings.h"
#include "prepare.h"

int state_next_id(unsigned *ret) {
        _cleanup_free_ char *path = guests_shared_file(GUESTS_NEXT_ID);
        _cleanup_close_ int fd = path ? file_open_locked(path) : -ENOMEM;
        char text[16] = {};
        unsigned id = 1;
        int n;

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
