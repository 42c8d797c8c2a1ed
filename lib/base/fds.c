/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/fds.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

typedef union Control {
        struct cmsghdr header;
        char space[CMSG_SPACE(sizeof(int) * MESSAGE_FDS_MAX)];
} Control;

ssize_t send_fds(int socket, const void *data, size_t len, const int *fds, size_t n_fds, int flags) {
        Control control;
        struct iovec v = { (void *) data, len };
        struct msghdr m = { .msg_iov = &v, .msg_iovlen = 1 };
        ssize_t n;

        if (n_fds > MESSAGE_FDS_MAX)
                return -E2BIG;
        if (n_fds > 0) {
                m.msg_control = &control;
                m.msg_controllen = CMSG_SPACE(sizeof(int) * n_fds);
                memset(&control, 0, m.msg_controllen);
                control.header = (struct cmsghdr) {
                        .cmsg_len = CMSG_LEN(sizeof(int) * n_fds),
                        .cmsg_level = SOL_SOCKET,
                        .cmsg_type = SCM_RIGHTS,
                };
                memcpy(CMSG_DATA(&control.header), fds, sizeof(int) * n_fds);
        }
        n = sendmsg(socket, &m, MSG_NOSIGNAL | flags);
        return n < 0 ? -errno : n;
}

static int take_fds(struct msghdr *m, int *fds, unsigned max, unsigned *n) {
        int r = m->msg_flags & MSG_CTRUNC ? -EBADMSG : 0;

        for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c; c = CMSG_NXTHDR(m, c)) {
                size_t came = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);

                if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
                        continue;
                for (size_t i = 0; i < came; i++) {
                        int fd;

                        memcpy(&fd, CMSG_DATA(c) + i * sizeof(int), sizeof(int));
                        if (*n < max)
                                fds[(*n)++] = fd;
                        else {
                                close(fd);
                                r = -EBADMSG;
                        }
                }
        }
        return r;
}

ssize_t receive_fds(int socket, void *buffer, size_t len, int *fds, unsigned max, unsigned *n, int flags) {
        Control control;
        struct iovec v = { buffer, len };
        struct msghdr m = { .msg_iov = &v, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control };
        ssize_t bytes = recvmsg(socket, &m, MSG_CMSG_CLOEXEC | flags);
        int r;

        if (bytes < 0)
                return -errno;
        r = take_fds(&m, fds, max, n);
        return r < 0 ? r : bytes;
}
