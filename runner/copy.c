/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Copies of files that a guest may not read where they are. */

#include <fcntl.h>
#include <sys/stat.h>

#include "base/fs.h"
#include "prepare.h"

static int copy_bytes(int from, int to) {
        char data[65536];
        ssize_t n;

        while ((n = read(from, data, sizeof data)) > 0)
                for (ssize_t done = 0; done < n;) {
                        ssize_t k = write(to, data + done, (size_t) (n - done));

                        if (k < 0)
                                return -errno;
                        done += k;
                }
        return n < 0 ? -errno : 0;
}

int prepare_copy_file(const char *from, const char *to, mode_t mode, uid_t uid, gid_t gid) {
        _cleanup_close_ int in = -EBADF, out = -EBADF;
        _cleanup_free_ char *temporary = NULL;
        int r;

        in = open(from, O_RDONLY | O_CLOEXEC);
        if (in < 0)
                return -errno;
        out = file_open_temporary(to, &temporary);
        if (out < 0)
                return out;
        r = copy_bytes(in, out);
        if (r >= 0 && (fchown(out, uid, gid) < 0 || fchmod(out, mode) < 0))
                r = -errno;
        if (r >= 0 && rename(temporary, to) < 0)
                r = -errno;
        if (r < 0)
                (void) unlink(temporary);
        return r;
}
