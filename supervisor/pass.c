/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "pass.h"

#include <fcntl.h>

/* The kernel's limit for who has no right to more; a payload has to find room in it as a whole. */
#define DUCT_SIZE (1U << 20)
#define DUCT_PAYLOAD_MAX (DUCT_SIZE / 2)

int pass_packet(Link *to, Packet *p) {
        Buffer *out = link_out(to);
        size_t start, before;
        int r;

        if (!out)
                return -ENOTCONN;
        before = out->len;
        r = packet_begin(out, &p->header, &start);
        if (r >= 0 && (p->header.type == PACKET_CALL_FDS || p->header.type == PACKET_REPLY_FDS))
                r = buffer_add(out, (uint8_t[4]){ 0, 0, 0, (uint8_t) p->fds->n }, 4);
        if (r >= 0)
                r = buffer_add(out, p->payload, p->len);
        if (r >= 0)
                r = packet_end(out, start);
        if (r < 0) {
                out->len = before;
                return r;
        }
        for (unsigned i = 0; i < p->fds->n && r >= 0; i++)
                r = link_add_fd(to, TAKE_FD(p->fds->fd[i]));
        if (r < 0)
                link_close(to, r);
        link_flush(to);
        return r;
}

static PipeEnd *duct_in(Duct *d) {
        int p[2];

        if (d->in)
                return d->in;
        if (pipe2(p, O_CLOEXEC | O_NONBLOCK) < 0)
                return NULL;
        (void) fcntl(p[1], F_SETPIPE_SZ, DUCT_SIZE);
        if (fcntl(p[1], F_GETPIPE_SZ) < (int) DUCT_SIZE) {
                close(p[0]);
                close(p[1]);
                return NULL;
        }
        d->out = pipe_end_new(p[0]);
        d->in = pipe_end_new(p[1]);
        if (d->in && d->out) {
                d->in->duct = true;
                return d->in;
        }
        d->in = pipe_end_unref(d->in);
        d->out = pipe_end_unref(d->out);
        return NULL;
}

void duct_done(Duct *d) {
        d->in = pipe_end_unref(d->in);
        d->out = pipe_end_unref(d->out);
}

PipeEnd *pass_pipe(Link *to, const PacketHeader *h, size_t len, Duct *d) {
        bool data = h->type == PACKET_STREAM && h->status == PACKET_CONTINUE;

        return data && len <= DUCT_PAYLOAD_MAX && link_pending(to) <= LINK_OUT_HIGH && link_can_move(to) ? duct_in(d)
                                                                                                         : NULL;
}

void pass_moved(Link *to, const PacketHeader *h, size_t len, const Duct *d) {
        Buffer *out = link_out(to);
        size_t start;
        int r;

        if (!out)
                return;
        r = packet_begin(out, h, &start);
        if (r >= 0) {
                packet_set_size(out->data + start, PACKET_HEADER_SIZE + len);
                r = link_add_pipe(to, d->out, len);
        }
        if (r < 0)
                link_close(to, r);
        link_flush(to);
}
