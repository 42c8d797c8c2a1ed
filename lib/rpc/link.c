/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Bytes to packets and packets to bytes: a link's life, what goes out, and its turn of the loop.
 *
 * All that is not reading (offering a refused packet again, writing, changing what is polled for) is one deferred
 * function, after the fibers of this turn have run: calls that came together are answered together. */

#include "link-internal.h"

#include <sys/epoll.h>

static void link_work(Deferred *d);

static void on_io(IoWatch *w, uint32_t revents);

int link_new(Loop *loop, Transport *t, const LinkOps *ops, void *userdata, Link **ret) {
        _cleanup_(transport_freep) Transport *own = t;
        _cleanup_free_ Link *l = calloc(1, sizeof(*l));
        int r;

        if (!l)
                return -ENOMEM;
        *l = (Link) {
                .loop = loop,
                .ops = ops,
                .userdata = userdata,
                .io = { .func = on_io, .fd = t->fd },
                .work = DEFERRED_INIT(link_work),
                .packet_max = PACKET_SIZE_MAX,
                .handshake = t->ops->handshake,
        };
        r = loop_watch(loop, &l->io, EPOLLIN);
        if (r < 0)
                return r;
        l->transport = TAKE_PTR(own);
        *ret = TAKE_PTR(l);
        return 0;
}

void link_set_budget(Link *l, LinkBudget *budget) {
        for (LinkBudget *b = l->budget; b; b = b->parent)
                b->used -= l->counted;
        l->counted = 0;
        l->budget = budget;
        link_count_waiting(l);
}

static void link_drop_fds(Link *l) {
        fd_list_close(&l->in_fds);
        link_drop_moves(l);
        for (size_t i = 0; i < l->n_out_fds; i++)
                closep(&l->out_fds[i].fd);
        free(l->out_fds);
        l->out_fds = NULL;
        l->n_out_fds = 0;
}

Link *link_free(Link *l) {
        if (!l)
                return NULL;
        loop_undefer(l->loop, &l->work);
        loop_unwatch(l->loop, &l->io);
        link_drop_fds(l);
        transport_free(l->next ?: l->transport);
        link_set_budget(l, NULL);
        buffer_done(&l->in);
        buffer_done(&l->out);
        free(l);
        return NULL;
}

Transport *link_transport(const Link *l) {
        return l->transport;
}

void link_set_transport(Link *l, Transport *t) {
        l->next = t;
        l->next_at = l->out.len;
        loop_defer(l->loop, &l->work);
}

unsigned link_handshake_steps(const Link *l) {
        return l->n_shakes;
}

void link_set_packet_max(Link *l, size_t max) {
        l->packet_max = max;
}

/* What is empty goes at once, what is not when it is. */
void link_keep_buffers(Link *l, bool keep) {
        l->keep = keep;
        if (keep)
                return;
        if (l->in.len == l->in_off && l->in.size > BUFFER_KEEP) {
                buffer_done(&l->in);
                l->in_off = 0;
        }
        if (l->out.len == l->out_off && l->out.size > BUFFER_KEEP) {
                buffer_done(&l->out);
                l->out_off = 0;
        }
        link_count_waiting(l);
}

bool link_is_alive(const Link *l) {
        return !l->ended && !l->draining;
}

bool link_is_quiet(const Link *l) {
        return !l->handshake && !l->next && l->in.len == l->in_off && l->move_left == 0 && link_pending(l) == 0;
}

size_t link_pending(const Link *l) {
        return l->out.len - l->out_off + l->out_moving;
}

Buffer *link_out(Link *l) {
        return l->ended ? NULL : &l->out;
}

void link_flush(Link *l) {
        loop_defer(l->loop, &l->work);
}

void link_resume(Link *l) {
        l->resumed = true;
        loop_defer(l->loop, &l->work);
}

void link_close(Link *l, int r) {
        if (l->ended)
                return;
        l->ended = true;
        l->error = r;
        loop_unwatch(l->loop, &l->io);
        loop_defer(l->loop, &l->work);
}

void link_close_when_drained(Link *l) {
        l->draining = true;
        loop_defer(l->loop, &l->work);
}

bool link_can_pass_fds(const Link *l) {
        return l->transport->ops->write_fd;
}

int link_add_fd(Link *l, int fd) {
        _cleanup_close_ int own = fd;
        OutFd *fds;
        int r;

        if (l->ended)
                return -ENOTCONN;
        if (!link_can_pass_fds(l))
                return -EOPNOTSUPP;
        fds = realloc(l->out_fds, (l->n_out_fds + 1) * sizeof(*fds));
        if (!fds)
                return -ENOMEM;
        l->out_fds = fds;
        r = buffer_add(&l->out, "", 1);
        if (r < 0)
                return r;
        fds[l->n_out_fds++] = (OutFd) { .at = l->out.len - 1, .fd = TAKE_FD(own) };
        return 0;
}

/* Writing. */

/* A peer that sent more before it could know of the layer put bytes where only the layer's may be. */
static void switch_transport(Link *l) {
        if (!l->next || l->out_off < l->next_at)
                return;
        l->transport = TAKE_PTR(l->next);
        if (l->in.len > l->in_off)
                link_close(l, -EBADMSG);
}

/* Up to the next byte that carries a descriptor, or that byte, or some of a pipe; how much of the buffer. */
static ssize_t write_some(Link *l) {
        size_t last = l->next ? l->next_at : l->out.len;
        size_t end = l->n_out_fds > 0 ? MIN(l->out_fds[0].at, last) : last;
        int r;

        if (l->out_off < end)
                return l->transport->ops->write(l->transport, l->out.data + l->out_off, end - l->out_off);
        if (l->out_fds[0].pipe)
                return link_move_out(l);
        r = l->transport->ops->write_fd(l->transport, l->out_fds[0].fd);
        if (r < 0)
                return r;
        close(l->out_fds[0].fd);
        l->n_out_fds--;
        memmove(l->out_fds, l->out_fds + 1, l->n_out_fds * sizeof(*l->out_fds));
        return 1;
}

static void out_compact(Link *l) {
        size_t before = l->out.len;

        if (l->out_off == l->out.len) {
                if (l->out.wipe && before > 0)
                        explicit_bzero(l->out.data, before);
                l->out_off = l->out.len = 0;
                for (size_t i = 0; i < l->n_out_fds; i++)
                        l->out_fds[i].at = 0;
                if (l->out.size > BUFFER_KEEP && !l->keep)
                        buffer_done(&l->out);
                return;
        }
        if (l->out_off < LINK_OUT_HIGH)
                return;
        memmove(l->out.data, l->out.data + l->out_off, l->out.len - l->out_off);
        for (size_t i = 0; i < l->n_out_fds; i++)
                l->out_fds[i].at -= l->out_off;
        if (l->next)
                l->next_at -= l->out_off;
        l->out.len -= l->out_off;
        l->out_off = 0;
        if (l->out.wipe)
                explicit_bzero(l->out.data + l->out.len, before - l->out.len);
}

void link_leave_no_trace(Link *l) {
        l->in.wipe = l->out.wipe = true;
}

static void link_write(Link *l) {
        bool was_long = link_out_is_long(l);

        l->blocked = false;
        switch_transport(l);
        while (!l->ended && (l->out_off < l->out.len || l->n_out_fds > 0)) {
                ssize_t n = write_some(l);

                if (n == -EAGAIN) {
                        l->blocked = true;
                        break;
                }
                if (n < 0) {
                        link_close(l, n == -EPIPE || n == -ECONNRESET ? 0 : (int) n);
                        return;
                }
                l->out_off += (size_t) n;
                switch_transport(l);
        }
        out_compact(l);
        if (was_long && !link_out_is_long(l)) {
                l->resumed = true;
                if (l->ops->drained)
                        l->ops->drained(l, l->userdata);
        }
}

/* The turn of the loop. */

static void link_poll(Link *l) {
        uint32_t want;

        link_count_waiting(l);
        link_tell_of_part(l);
        if (l->handshake)
                want = l->transport->want;
        else
                want = (link_wants_input(l) ? EPOLLIN : 0) | (l->blocked ? EPOLLOUT : 0);
        (void) loop_watch_change(l->loop, &l->io, want);
}

static void link_work(Deferred *d) {
        Link *l = container_of(d, Link, work);

        if (!l->ended && !l->handshake) {
                link_write(l);
                if (!l->ended && l->resumed && l->refused)
                        link_take_buffered(l);
                l->resumed = false;
                if (!l->ended && link_wants_input(l) && link_has_pending(l))
                        link_read(l);
                if (l->draining && link_pending(l) == 0)
                        link_close(l, 0);
        }
        if (!l->ended) {
                link_poll(l);
                return;
        }
        if (l->closed)
                return;
        l->closed = true;
        loop_undefer(l->loop, &l->work);
        link_drop_fds(l);
        l->ops->closed(l, l->error, l->userdata);
}

static void link_shake(Link *l) {
        int r;

        l->n_shakes++;
        r = l->transport->ops->handshake(l->transport);
        if (r >= 0) {
                l->handshake = false;
                r = l->ops->ready ? l->ops->ready(l, l->userdata) : 0;
                link_flush(l);
        } else if (r == -EAGAIN) {
                link_poll(l);
                r = 0;
        }
        if (r < 0)
                link_close(l, r);
}

/* What comes next waits for somebody here. */
static bool is_stuck(const Link *l) {
        return l->refused || link_waits_for_room(l);
}

static void on_io(IoWatch *w, uint32_t revents) {
        Link *l = container_of(w, Link, io);

        if (l->handshake) {
                link_shake(l);
                return;
        }
        if (revents & EPOLLOUT)
                link_flush(l);
        if (l->next && !(revents & (EPOLLHUP | EPOLLERR)))
                link_flush(l);
        else if (!l->next && (revents & EPOLLIN || (revents & (EPOLLHUP | EPOLLERR) && !is_stuck(l))))
                link_read(l);
        else if (revents & (EPOLLHUP | EPOLLERR))
                link_close(l, 0);
        /* A packet was refused for this moment only: stop polling once it is clear that the moment lasts. */
        if (l->refused)
                link_flush(l);
}
