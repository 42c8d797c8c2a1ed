/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/fds.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

ssize_t send_fds(int socket, const void *data, size_t len, const int *fds, size_t n_fds, int flags) {
        union {
                struct cmsghdr header;
                char space[CMSG_SPACE(sizeof(int) * SEND_FDS_MAX)];
        } control;
        struct iovec v = { (void *) data, len };
        struct msghdr m = { .msg_iov = &v, .msg_iovlen = 1 };
        ssize_t n;

        if (n_fds > SEND_FDS_MAX)
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
