/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Bytes to packets and packets to bytes.
 *
 * What is read lands on the stack; packets are handed on where they lie, and only a part of one is kept, so that an
 * idle connection holds no buffers. While a stream is open its packets are read into one buffer that stays, each to its
 * end and no further, so that no byte of them is moved. All later work (offering a refused packet again, writing,
 * changing what is polled for) is one deferred function, after the fibers of this turn have run: calls that came
 * together are answered together. */

#include "link-internal.h"

#include <sys/epoll.h>

#define READ_SIZE (64U * 1024U)
#define BUFFER_KEEP 4096U /* an empty buffer larger than this is given back */

static void link_work(Deferred *d);

static bool out_is_long(const Link *l) {
        return link_pending(l) > LINK_OUT_HIGH;
}

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

/* Small buffers are everybody's. */
static void count_waiting(Link *l) {
        size_t now = l->in.size > BUFFER_KEEP ? l->in.size : 0;

        for (LinkBudget *b = l->budget; b && now != l->counted; b = b->parent) {
                b->used += now - l->counted;
                if (now > l->counted && b->used > b->max)
                        link_close(l, -ENOBUFS);
        }
        l->counted = now;
}

/* What was refused is whole, and waits for us. */
static void tell_of_part(Link *l) {
        bool has = l->in.len > l->in_off && !l->refused && !l->ended;

        if (has == l->has_part)
                return;
        l->has_part = has;
        if (l->ops->part)
                l->ops->part(l, has, l->userdata);
}

void link_set_budget(Link *l, LinkBudget *budget) {
        for (LinkBudget *b = l->budget; b; b = b->parent)
                b->used -= l->counted;
        l->counted = 0;
        l->budget = budget;
        count_waiting(l);
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
        count_waiting(l);
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

/* The bytes read so far, and the packets among them. */

/* Takes the first n received descriptors out of the list, for one packet. */
static void split_fds(FdList *from, unsigned n, FdList *ret) {
        memcpy(ret->fd, from->fd, n * sizeof(int));
        ret->n = n;
        from->n -= n;
        memmove(from->fd, from->fd + n, from->n * sizeof(int));
}

/* Hands one packet on, of size bytes and n_fds bytes with descriptors behind it. Refused, its descriptors go back. */
static int deliver(Link *l, const uint8_t *data, size_t size, unsigned n_fds) {
        size_t skip = PACKET_HEADER_SIZE + (n_fds > 0 ? 4 : 0);
        FdList fds = {};
        Packet p = { .payload = data + skip, .len = size - skip, .fds = &fds };
        int r;

        packet_parse_header(data, &p.header);
        split_fds(&l->in_fds, n_fds, &fds);
        r = l->ops->packet(l, &p, l->userdata);
        if (r > 0) {
                memmove(l->in_fds.fd + fds.n, l->in_fds.fd, l->in_fds.n * sizeof(int));
                memcpy(l->in_fds.fd, fds.fd, fds.n * sizeof(int));
                l->in_fds.n += fds.n;
        } else
                fd_list_close(&fds);
        return r;
}

static bool carries_fds(uint32_t type) {
        return type == PACKET_CALL_FDS || type == PACKET_REPLY_FDS;
}

/* Hands on the first packet of the bytes: returns its size with all that belongs to it, 0 where it is not
 * whole yet, or -EAGAIN where it was refused. */
static ssize_t take_packet(Link *l, const uint8_t *data, size_t len) {
        unsigned n_fds = 0;
        size_t size;
        int r;

        if (len < 4)
                return 0;
        size = packet_word(data);
        if (size < PACKET_HEADER_SIZE || size > l->packet_max)
                return -EBADMSG;
        if (len < size)
                return 0;
        if (carries_fds(packet_word(data + 16))) {
                if (size < PACKET_HEADER_SIZE + 4)
                        return -EBADMSG;
                n_fds = packet_word(data + PACKET_HEADER_SIZE);
                if (n_fds > RPC_FDS_MAX)
                        return -EBADMSG;
                if (len < size + n_fds)
                        return 0;
                if (l->in_fds.n < n_fds)
                        return -EBADMSG;
        }

        l->last_size = size;
        r = deliver(l, data, size, n_fds);
        if (r != 0)
                return r < 0 ? r : -EAGAIN;
        return (ssize_t) (size + n_fds);
}

/* Hands on all whole packets; returns how many bytes they were. */
static size_t take_packets(Link *l, const uint8_t *data, size_t len) {
        size_t done = 0;

        l->refused = false;
        while (!l->ended && !l->draining && done < len) {
                ssize_t n = out_is_long(l) ? -EAGAIN : take_packet(l, data + done, len - done);

                if (n > 0) {
                        done += (size_t) n;
                        continue;
                }
                if (n == -EAGAIN)
                        l->refused = true;
                else if (n < 0)
                        link_close(l, (int) n);
                break;
        }
        /* Descriptors that belong to no packet come from somebody who does not keep to the protocol. */
        if (done == len && l->in_fds.n > 0)
                link_close(l, -EBADMSG);
        return done;
}

/* Cuts bytes out of what waits. */
static void in_cut(Link *l, size_t at, size_t n) {
        memmove(l->in.data + at, l->in.data + at + n, l->in.len - at - n);
        l->in.len -= n;
        if (l->in.wipe)
                explicit_bzero(l->in.data + l->in.len, n);
}

/* Urgent packets do not wait behind one that was refused, as far as bytes are read behind that at all. Answers are not
 * piled up for a peer that does not read. */
static void take_urgent(Link *l) {
        size_t at = l->in_off;

        while (!l->ended && !l->draining && l->refused && l->ops->urgent && !out_is_long(l) &&
               l->in.len - at >= PACKET_HEADER_SIZE) {
                const uint8_t *data = l->in.data + at;
                size_t size = packet_word(data);
                PacketHeader h;
                int r;

                packet_parse_header(data, &h);
                if (size < PACKET_HEADER_SIZE || size > l->in.len - at || carries_fds(h.type))
                        return;
                if (!l->ops->urgent(&h)) {
                        at += size;
                        continue;
                }
                r = deliver(l, data, size, 0);
                if (r < 0)
                        link_close(l, r);
                else
                        in_cut(l, at, size);
        }
}

static void in_consume(Link *l, size_t n) {
        if (l->in.wipe)
                explicit_bzero(l->in.data + l->in_off, n);
        l->in_off += n;
        if (l->in_off < l->in.len)
                return;
        l->in_off = l->in.len = 0;
        if (l->in.size > BUFFER_KEEP && !l->keep)
                buffer_done(&l->in);
}

/* Where a packet is divided, its end is read alone; the next one is probably as long as the last. */
static size_t read_limit(const Link *l) {
        size_t size = l->in.len >= 4 ? packet_word(l->in.data) : l->in.len > 0 ? 0 : l->last_size;

        return l->keep && !l->refused && size > l->in.len ? size - l->in.len : SIZE_MAX;
}

static void take_buffered(Link *l) {
        in_consume(l, take_packets(l, l->in.data + l->in_off, l->in.len - l->in_off));
        take_urgent(l);
}

/* More of a packet whose beginning is in the buffer. The room grows with what has come, not with what was announced. */
static ssize_t read_more(Link *l) {
        ssize_t n;
        int r;

        if (l->in_off > 0) {
                memmove(l->in.data, l->in.data + l->in_off, l->in.len - l->in_off);
                l->in.len -= l->in_off;
                if (l->in.wipe)
                        explicit_bzero(l->in.data + l->in.len, l->in_off);
                l->in_off = 0;
        }
        r = buffer_reserve(&l->in, READ_SIZE);
        if (r < 0)
                return r;
        n = l->transport->ops->read(l->transport, l->in.data + l->in.len, MIN(l->in.size - l->in.len, read_limit(l)),
                                    &l->in_fds);
        if (n <= 0)
                return n;
        l->in.len += (size_t) n;
        if (l->refused)
                take_urgent(l);
        else
                take_buffered(l);
        return n;
}

static ssize_t read_fresh(Link *l) {
        uint8_t buf[READ_SIZE];
        size_t done;
        ssize_t n;
        int r;

        n = l->transport->ops->read(l->transport, buf, sizeof(buf), &l->in_fds);
        if (n <= 0)
                return n;
        done = take_packets(l, buf, (size_t) n);
        r = l->ended || done == (size_t) n ? 0 : buffer_add(&l->in, buf + done, (size_t) n - done);
        if (l->in.wipe)
                explicit_bzero(buf, sizeof(buf));
        if (r < 0)
                return r;
        take_urgent(l);
        return n;
}

/* Who the payload is for may let it pass unread. */
static ssize_t read_header(Link *l) {
        uint8_t header[PACKET_HEADER_SIZE];
        ssize_t n = l->transport->ops->read(l->transport, header, sizeof(header), &l->in_fds);
        int r;

        if (n <= 0)
                return n;
        if (n == sizeof(header) && link_begin_move(l, header))
                return link_move_in(l);
        r = buffer_add(&l->in, header, (size_t) n);
        if (r < 0)
                return r;
        take_buffered(l);
        return n;
}

static bool has_pending(const Link *l) {
        return l->transport->ops->pending && l->transport->ops->pending(l->transport);
}

/* Behind a refused packet some bytes are read on, for urgent ones. */
static bool wants_input(const Link *l) {
        if (l->draining || l->next || link_waits_for_room(l))
                return false;
        return !l->refused ||
               (l->ops->urgent && !out_is_long(l) && l->in_fds.n == 0 && l->in.len - l->in_off < LINK_WAITING_MAX);
}

static ssize_t read_some(Link *l) {
        if (l->move_left > 0)
                return link_move_in(l);
        if (link_may_move(l))
                return read_header(l);
        return l->in.len > l->in_off || (l->keep && l->in.size > READ_SIZE) ? read_more(l) : read_fresh(l);
}

static void link_read(Link *l) {
        ssize_t n;

        do {
                n = read_some(l);
                if (n == 0)
                        link_close(l, 0);
                else if (n < 0 && n != -EAGAIN)
                        link_close(l, (int) n);
        } while (n > 0 && !l->ended && wants_input(l) && has_pending(l));
        count_waiting(l);
        tell_of_part(l);
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
        bool was_long = out_is_long(l);

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
        if (was_long && !out_is_long(l)) {
                l->resumed = true;
                if (l->ops->drained)
                        l->ops->drained(l, l->userdata);
        }
}

/* The turn of the loop. */

static void link_poll(Link *l) {
        uint32_t want;

        count_waiting(l);
        tell_of_part(l);
        if (l->handshake)
                want = l->transport->want;
        else
                want = (wants_input(l) ? EPOLLIN : 0) | (l->blocked ? EPOLLOUT : 0);
        (void) loop_watch_change(l->loop, &l->io, want);
}

static void link_work(Deferred *d) {
        Link *l = container_of(d, Link, work);

        if (!l->ended && !l->handshake) {
                link_write(l);
                if (!l->ended && l->resumed && l->refused)
                        take_buffered(l);
                l->resumed = false;
                if (!l->ended && wants_input(l) && has_pending(l))
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
