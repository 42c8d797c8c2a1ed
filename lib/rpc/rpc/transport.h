/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What carries the bytes of a connection: a plain socket, TLS or SASL over one.
 *
 * A layer (TLS, SASL) wraps another transport and frees it with itself; where
 * the layer cannot be made, the other one stays its owner's, as it was. All
 * functions are non-blocking: -EAGAIN says "when the descriptor is ready for
 * t->want", anything else negative ends the connection. */

#include <sys/types.h>

#include "base/macros.h"
#include "rpc/identity.h"

typedef struct Transport Transport;

#define RPC_FDS_MAX 32U /* descriptors with one packet */

/* Descriptors that were received and not yet given to a packet, in order. */
typedef struct FdList {
        int fd[RPC_FDS_MAX];
        unsigned n;
} FdList;

void fd_list_close(FdList *l);

typedef struct TransportOps {
        const char *name;
        /* How many bytes, 0 at the end. Received descriptors are appended to fds (-EBADMSG where they do not fit). */
        ssize_t (*read)(Transport *t, void *buf, size_t len, FdList *fds);
        ssize_t (*write)(Transport *t, const void *data, size_t len);
        /* Sends one zero byte that carries fd; NULL where that is impossible. */
        int (*write_fd)(Transport *t, int fd);
        /* Moves up to len bytes into a pipe, or out of one, without anybody reading them; NULL where a layer has to. As
         * read() and write(), of the socket; -EAGAIN also where the pipe is full. -EPIPE: nobody has its other end. */
        ssize_t (*to_pipe)(Transport *t, int pipe, size_t len);
        ssize_t (*from_pipe)(Transport *t, int pipe, size_t len);
        /* NULL, or one more step of the handshake: 0 done, -EAGAIN. Nothing is read or written before. */
        int (*handshake)(Transport *t);
        /* NULL, or: are bytes waiting inside the layer, which the descriptor would not show? */
        bool (*pending)(Transport *t);
        /* Adds what the layer knows about the peer, after the handshake. */
        int (*identify)(Transport *t, Identity *i);
        void (*free)(Transport *t);
} TransportOps;

/* As the admin protocol numbers them. */
typedef enum TransportKind {
        TRANSPORT_UNIX,
        TRANSPORT_TCP,
        TRANSPORT_TLS,
} TransportKind;

struct Transport {
        const TransportOps *ops;
        int fd;                 /* what to poll; owned by the innermost transport */
        uint32_t want;          /* EPOLLIN, EPOLLOUT: while a handshake waits */
        TransportKind kind;
};

/* A connected, non-blocking UNIX or TCP socket; takes fd, also on failure. */
int transport_new_socket(int fd, Transport **ret);
Transport *transport_free(Transport *t);
DEFINE_CLEANUP(Transport *, transport_free);
