/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The plain transport: a UNIX or TCP socket. */

#include "base/fds.h"
#include "rpc/transport.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

void fd_list_close(FdList *l) {
        for (unsigned i = 0; i < l->n; i++)
                closep(&l->fd[i]);
        l->n = 0;
}

/* The kernel ends a read behind a byte that carries descriptors, so these belong to the last byte read at the
 * latest. */
static ssize_t socket_read(Transport *t, void *buf, size_t len, FdList *fds) {
        ssize_t n;

        do
                n = receive_fds(t->fd, buf, len, fds->fd, RPC_FDS_MAX, &fds->n, MSG_DONTWAIT);
        while (n == -EINTR);
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

static ssize_t move(int from, int to, size_t len) {
        ssize_t n;

        do
                n = splice(from, NULL, to, NULL, len, SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
        while (n < 0 && errno == EINTR);
        return n < 0 ? -errno : n;
}

static ssize_t socket_to_pipe(Transport *t, int pipe, size_t len) {
        return move(t->fd, pipe, len);
}

static ssize_t socket_from_pipe(Transport *t, int pipe, size_t len) {
        return move(pipe, t->fd, len);
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
        .to_pipe = socket_to_pipe,
        .from_pipe = socket_from_pipe,
        .identify = socket_identify,
        .free = socket_free,
};

static const TransportOps tcp_ops = {
        .name = "tcp",
        .read = socket_read,
        .write = socket_write,
        .to_pipe = socket_to_pipe,
        .from_pipe = socket_from_pipe,
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
