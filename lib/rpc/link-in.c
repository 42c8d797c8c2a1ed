/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What comes in by a Link: bytes, and the packets among them.
 *
 * What is read lands on the stack; packets are handed on where they lie, and only a part of one is kept, so that an
 * idle connection holds no buffers. While a stream is open its packets are read into one buffer that stays, each to its
 * end and no further, so that no byte of them is moved. */

#include "link-internal.h"

#define READ_SIZE (64U * 1024U)

/* Small buffers are everybody's. */
void link_count_waiting(Link *l) {
        size_t now = l->in.size > BUFFER_KEEP ? l->in.size : 0;

        for (LinkBudget *b = l->budget; b && now != l->counted; b = b->parent) {
                b->used += now - l->counted;
                if (now > l->counted && b->used > b->max)
                        link_close(l, -ENOBUFS);
        }
        l->counted = now;
}

/* What was refused is whole, and waits for us. */
void link_tell_of_part(Link *l) {
        bool has = l->in.len > l->in_off && !l->refused && !l->ended;

        if (has == l->has_part)
                return;
        l->has_part = has;
        if (l->ops->part)
                l->ops->part(l, has, l->userdata);
}

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
                ssize_t n = link_out_is_long(l) ? -EAGAIN : take_packet(l, data + done, len - done);

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

        while (!l->ended && !l->draining && l->refused && l->ops->urgent && !link_out_is_long(l) &&
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

void link_take_buffered(Link *l) {
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
                link_take_buffered(l);
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
        link_take_buffered(l);
        return n;
}

bool link_has_pending(const Link *l) {
        return l->transport->ops->pending && l->transport->ops->pending(l->transport);
}

/* Behind a refused packet some bytes are read on, for urgent ones. */
bool link_wants_input(const Link *l) {
        if (l->draining || l->next || link_waits_for_room(l))
                return false;
        return !l->refused ||
               (l->ops->urgent && !link_out_is_long(l) && l->in_fds.n == 0 && l->in.len - l->in_off < LINK_WAITING_MAX);
}

static ssize_t read_some(Link *l) {
        if (l->move_left > 0)
                return link_move_in(l);
        if (link_may_move(l))
                return read_header(l);
        return l->in.len > l->in_off || (l->keep && l->in.size > READ_SIZE) ? read_more(l) : read_fresh(l);
}

void link_read(Link *l) {
        ssize_t n;

        do {
                n = read_some(l);
                if (n == 0)
                        link_close(l, 0);
                else if (n < 0 && n != -EAGAIN)
                        link_close(l, (int) n);
        } while (n > 0 && !l->ended && link_wants_input(l) && link_has_pending(l));
        link_count_waiting(l);
        link_tell_of_part(l);
}
