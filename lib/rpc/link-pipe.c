/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What passes a Link without being read: the payload of a stream's packets, between a socket and a pipe. The kernel
 * hands the pages on, so a volume's content is copied by the process that writes it, and by no other. */

#include "link-internal.h"

#include <poll.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>

PipeEnd *pipe_end_new(int fd) {
        PipeEnd *e = calloc(1, sizeof(*e));

        if (!e) {
                close(fd);
                return NULL;
        }
        *e = (PipeEnd) { .n_ref = 1, .fd = fd };
        return e;
}

PipeEnd *pipe_end_ref(PipeEnd *e) {
        e->n_ref++;
        return e;
}

PipeEnd *pipe_end_unref(PipeEnd *e) {
        if (!e || --e->n_ref > 0)
                return NULL;
        close(e->fd);
        free(e);
        return NULL;
}

/* --- in --- */

bool link_may_move(const Link *l) {
        return l->keep && l->ops->pipe && l->transport->ops->to_pipe && l->in.len == l->in_off && !l->refused &&
               l->in_fds.n == 0;
}

bool link_begin_move(Link *l, const uint8_t *header) {
        size_t size = packet_word(header);
        PipeEnd *end;

        packet_parse_header(header, &l->moving);
        if (size <= PACKET_HEADER_SIZE || size > l->packet_max)
                return false;
        end = l->ops->pipe(l, &l->moving, size - PACKET_HEADER_SIZE, l->userdata);
        if (!end)
                return false;
        l->move_to = pipe_end_ref(end);
        l->moved = 0;
        l->move_left = size - PACKET_HEADER_SIZE;
        return true;
}

static void on_room(IoWatch *w, uint32_t events) {
        Link *l = container_of(w, Link, room);

        loop_unwatch(l->loop, w);
        link_flush(l);
}

/* Data of a stream may be divided anywhere. */
static void hand_on(Link *l) {
        if (l->moved > 0 && l->ops->moved)
                l->ops->moved(l, &l->moving, l->moved, l->userdata);
        l->moved = 0;
}

/* A pipe holds so many pieces, however small; nothing would come out of one that is full of a part of a packet. */
static bool is_full_of_this(const Link *l) {
        int n;

        return l->move_to->duct && l->moved > 0 && ioctl(l->move_to->fd, FIONREAD, &n) >= 0 && (size_t) n == l->moved;
}

/* Where the socket has something still, the pipe is full. */
static int wait_for_room(Link *l) {
        struct pollfd p = { l->move_to->fd, POLLOUT, 0 };

        if (poll(&p, 1, 0) != 0)
                return 0;
        if (is_full_of_this(l))
                hand_on(l);
        l->room = (IoWatch) { .func = on_room, .fd = p.fd };
        link_flush(l);
        return loop_watch(l->loop, &l->room, EPOLLOUT);
}

/* Whoever it was for has gone. */
static ssize_t drop(Link *l) {
        uint8_t buf[16384];

        return l->transport->ops->read(l->transport, buf, MIN(sizeof(buf), l->move_left), &l->in_fds);
}

static ssize_t move_some(Link *l) {
        return l->transport->ops->to_pipe(l->transport, l->move_to->fd, l->move_left);
}

ssize_t link_move_in(Link *l) {
        size_t before = l->move_left;

        if (link_waits_for_room(l))
                return -EAGAIN;
        while (l->move_left > 0) {
                ssize_t n = l->move_to ? move_some(l) : drop(l);
                int r;

                if (n == -EPIPE && l->move_to) {
                        l->move_to = pipe_end_unref(l->move_to);
                        continue;
                }
                if (n == -EAGAIN && l->move_to) {
                        r = wait_for_room(l);
                        if (r < 0)
                                return r;
                }
                if (n <= 0)
                        return n == -EAGAIN && l->move_left < before ? 1 : n;
                l->move_left -= (size_t) n;
                l->moved += (size_t) n;
        }
        if (l->move_to)
                hand_on(l);
        l->move_to = pipe_end_unref(l->move_to);
        return 1;
}

bool link_stop_move(Link *l, PacketHeader *ret, size_t *ret_left) {
        size_t start;

        if (!link_waits_for_room(l) || packet_begin(&l->in, &l->moving, &start) < 0)
                return false;
        packet_set_size(l->in.data + start, PACKET_HEADER_SIZE + l->move_left);
        if (l->move_to->duct)
                hand_on(l);
        *ret = l->moving;
        *ret_left = l->move_left;
        loop_unwatch(l->loop, &l->room);
        l->move_to = pipe_end_unref(l->move_to);
        l->move_left = 0;
        link_flush(l);
        return true;
}

/* --- out --- */

bool link_can_move(const Link *l) {
        return l->transport->ops->from_pipe && !l->next;
}

int link_add_pipe(Link *l, PipeEnd *end, size_t len) {
        OutFd *fds;

        if (l->ended)
                return -ENOTCONN;
        if (!link_can_move(l))
                return -EOPNOTSUPP;
        fds = realloc(l->out_fds, (l->n_out_fds + 1) * sizeof(*fds));
        if (!fds)
                return -ENOMEM;
        l->out_fds = fds;
        fds[l->n_out_fds++] = (OutFd) { .at = l->out.len, .fd = -EBADF, .pipe = pipe_end_ref(end), .left = len };
        l->out_moving += len;
        return 0;
}

ssize_t link_move_out(Link *l) {
        OutFd *first = &l->out_fds[0];
        ssize_t n = l->transport->ops->from_pipe(l->transport, first->pipe->fd, first->left);

        /* what was announced is not in it */
        if (n == 0)
                return -EIO;
        if (n < 0)
                return n;
        first->left -= (size_t) n;
        l->out_moving -= (size_t) n;
        if (first->left > 0)
                return 0;
        pipe_end_unref(first->pipe);
        l->n_out_fds--;
        memmove(first, first + 1, l->n_out_fds * sizeof(*first));
        return 0;
}

void link_drop_moves(Link *l) {
        loop_unwatch(l->loop, &l->room);
        l->move_to = pipe_end_unref(l->move_to);
        l->move_left = 0;
        for (size_t i = 0; i < l->n_out_fds; i++)
                l->out_fds[i].pipe = pipe_end_unref(l->out_fds[i].pipe);
        l->out_moving = 0;
}
