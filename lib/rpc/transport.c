/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The plain transport: a UNIX or TCP socket. */

#include "base/fds.h"
#include "rpc/transport.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

void fd_list_close(FdList *l) {
        for (unsigned i = 0; i < l->n; i++)
                closep(&l->fd[i]);
        l->n = 0;
}

static int take_fds(struct msghdr *mh, FdList *fds) {
        struct cmsghdr *c;
        int r = 0;

        for (c = CMSG_FIRSTHDR(mh); c; c = CMSG_NXTHDR(mh, c)) {
                size_t n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);

                if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
                        continue;
                for (size_t i = 0; i < n; i++) {
                        int fd;

                        memcpy(&fd, CMSG_DATA(c) + i * sizeof(int), sizeof(int));
                        if (fds->n < RPC_FDS_MAX)
                                fds->fd[fds->n++] = fd;
                        else {
                                close(fd);
                                r = -EBADMSG;
                        }
                }
        }
        return mh->msg_flags & MSG_CTRUNC ? -EBADMSG : r;
}

/* The kernel ends a read behind a byte that carries descriptors, so these belong to the last byte read at the latest. */
static ssize_t socket_read(Transport *t, void *buf, size_t len, FdList *fds) {
        union {
                struct cmsghdr align;
                char data[CMSG_SPACE(RPC_FDS_MAX * sizeof(int))];
        } control;
        struct iovec iov = { .iov_base = buf, .iov_len = len };
        struct msghdr mh = {
                .msg_iov = &iov,
                .msg_iovlen = 1,
                .msg_control = t->kind == TRANSPORT_UNIX ? control.data : NULL,
                .msg_controllen = t->kind == TRANSPORT_UNIX ? sizeof(control) : 0,
        };
        ssize_t n;
        int r;

        do
                n = recvmsg(t->fd, &mh, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
        while (n < 0 && errno == EINTR);
        if (n < 0)
                return -errno;
        if (mh.msg_controllen > 0) {
                r = take_fds(&mh, fds);
                if (r < 0)
                        return r;
        }
        return n;
}

static ssize_t socket_write(Transport *t, const void *data, size_t len) {
        ssize_t n;

        do
                n = send(t->fd, data, len, MSG_DONTWAIT | MSG_NOSIGNAL);
        while (n < 0 && errno == EINTR);
        return n < 0 ? -errno : n;
}

static int socket_write_fd(Transport *t, int fd) {
        ssize_t n = send_fds(t->fd, "", 1, &fd, 1, MSG_DONTWAIT);

        return n < 0 ? (int) n : 0;
}

static int socket_identify(Transport *t, Identity *i) {
        return t->kind == TRANSPORT_UNIX ? identity_from_socket(i, t->fd) : identity_from_address(i, t->fd);
}

static void socket_free(Transport *t) {
        closep(&t->fd);
        free(t);
}

static const TransportOps unix_ops = {
        .name = "unix",
        .read = socket_read,
        .write = socket_write,
        .write_fd = socket_write_fd,
        .identify = socket_identify,
        .free = socket_free,
};

static const TransportOps tcp_ops = {
        .name = "tcp",
        .read = socket_read,
        .write = socket_write,
        .identify = socket_identify,
        .free = socket_free,
};

int transport_new_socket(int fd, Transport **ret) {
        _cleanup_close_ int own = fd;
        socklen_t len = sizeof(int);
        Transport *t;
        int domain;

        if (getsockopt(own, SOL_SOCKET, SO_DOMAIN, &domain, &len) < 0)
                return -errno;
        t = malloc(sizeof(*t));
        if (!t)
                return -ENOMEM;
        *t = (Transport) {
                .ops = domain == AF_UNIX ? &unix_ops : &tcp_ops,
                .fd = TAKE_FD(own),
                .kind = domain == AF_UNIX ? TRANSPORT_UNIX : TRANSPORT_TCP,
        };
        /* Calls are small and wait for their answers. */
        if (t->kind == TRANSPORT_TCP)
                (void) setsockopt(t->fd, IPPROTO_TCP, TCP_NODELAY, &(int) { 1 }, sizeof(int));
        *ret = t;
        return 0;
}

Transport *transport_free(Transport *t) {
        if (t)
                t->ops->free(t);
        return NULL;
}
