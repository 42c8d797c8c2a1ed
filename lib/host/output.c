/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "host/output.h"

#include <fcntl.h>

int output_open(const char *path, bool append, int *ret, Error *e) {
        int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOCTTY | (append ? O_APPEND : O_TRUNC), 0600);

        if (fd < 0)
                return error_set_errno(e, -errno, ORIGIN_QEMU, "cannot write to %s", path);
        *ret = fd;
        return 0;
}

int output_give(const char *path, bool append, FdSink *sink, Error *e) {
        _cleanup_close_ int fd = -EBADF;
        int r;

        r = output_open(path, append, &fd, e);
        return r < 0 ? r : fd_sink_give(sink, fd, e);
}
