/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* One connection's packets, either end: cuts the bytes that come into packets
 * and queues those that go out, within limits, so that a peer which sends
 * garbage, or half a packet, or never reads, costs only itself.
 *
 * What is queued is written once a turn of the loop, all of it in one go. */

#include "loop/loop.h"
#include "rpc/packet.h"

typedef struct Link Link;

/* One end of a pipe, non-blocking, for as long as somebody needs it. */
typedef struct PipeEnd {
        unsigned n_ref;
        int fd;
        bool duct;              /* what is in the pipe goes out by another link, packet by packet */
} PipeEnd;

/* Takes fd, also on failure. NULL without memory. */
PipeEnd *pipe_end_new(int fd);
PipeEnd *pipe_end_ref(PipeEnd *e);
/* Returns NULL. */
PipeEnd *pipe_end_unref(PipeEnd *e);

#define LINK_OUT_HIGH (1024U * 1024U)         /* bytes waiting for the peer: handle no more of its packets */
#define LINK_WAITING_MAX (64U * 1024U)        /* bytes behind a refused packet in which urgent ones are looked for */
#define LINK_OUT_MAX (32U * 1024U * 1024U)    /* ... and it is given up when an event would come on top */

typedef struct LinkOps {
        /* A whole packet. 0: taken; 1: not now, offer it again after link_resume(); negative: the connection ends. */
        int (*packet)(Link *l, Packet *p, void *userdata);
        /* Whether a packet, in program and type, is to be handed on although one before it was refused; packet() has to
         * take it. May be NULL: none is. */
        bool (*urgent)(const PacketHeader *h);
        /* The payload of a packet, len bytes, could go into a pipe without being read, as it comes: the end to write
         * to, which the link borrows; NULL: the packet is for packet(). Only while buffers are kept. May be NULL. */
        PipeEnd *(*pipe)(Link *l, const PacketHeader *h, size_t len, void *userdata);
        /* So much of it is in the pipe: all, or, of a duct that is full, the part of a packet. May be NULL. */
        void (*moved)(Link *l, const PacketHeader *h, size_t len, void *userdata);
        /* Bytes that were waiting have gone: less than LINK_OUT_HIGH are left. May be NULL. */
        void (*drained)(Link *l, void *userdata);
        /* The handshake of the transport is done. May be NULL. */
        int (*ready)(Link *l, void *userdata);
        /* A packet has begun that is not whole (true), or none is left so (false). May be NULL. */
        void (*part)(Link *l, bool waiting, void *userdata);
        /* The end, once, from the loop: the link may be freed in here. r: 0 the peer's or our own orderly end. */
        void (*closed)(Link *l, int r, void *userdata);
} LinkOps;

/* Takes the transport, also on failure. */
int link_new(Loop *loop, Transport *t, const LinkOps *ops, void *userdata, Link **ret);
Link *link_free(Link *l);
DEFINE_CLEANUP(Link *, link_free);

Transport *link_transport(const Link *l);
/* Puts a layer over the transport in use (SASL after its last step): once all that was appended so far has been
 * written, and nothing is read before. The layer owns the transport in use from now on. */
void link_set_transport(Link *l, Transport *t);
/* How often the transport's handshake was taken further: it goes on as long as this number grows. */
unsigned link_handshake_steps(const Link *l);
/* What may wait in memory of packets that are not whole yet, of several links together: who sends parts and waits takes
 * no more than this. Budgets may stand in one another (a user's in that of all); each outlives its links. The link that
 * goes beyond one is closed with -ENOBUFS. */
typedef struct LinkBudget {
        size_t used, max;       /* bytes */
        struct LinkBudget *parent;
} LinkBudget;
void link_set_budget(Link *l, LinkBudget *budget);

/* The largest packet taken; PACKET_SIZE_MAX at first. */
void link_set_packet_max(Link *l, size_t max);

/* While large packets come and go one after the other: buffers that are empty are not given back. */
void link_keep_buffers(Link *l, bool keep);

/* Where to append whole packets to; follow it by link_flush(). NULL once the link has ended. */
Buffer *link_out(Link *l);
/* Sends fd behind what was appended; takes it, also on failure. -EOPNOTSUPP. */
int link_add_fd(Link *l, int fd);
bool link_can_pass_fds(const Link *l);
/* Sends len bytes out of a pipe, in which they are already, behind what was appended. -EOPNOTSUPP where the transport
 * has to read them; -ENOTCONN, -ENOMEM. */
int link_add_pipe(Link *l, PipeEnd *end, size_t len);
bool link_can_move(const Link *l);
/* Payload waits for room in its pipe, and the packets behind it cannot be seen. True where that was so: what is left of
 * it, *ret_left bytes, comes by packet() now, as a packet with the header *ret. */
bool link_stop_move(Link *l, PacketHeader *ret, size_t *ret_left);
/* Writes what was appended, at the end of this turn of the loop. */
void link_flush(Link *l);
size_t link_pending(const Link *l);
/* Nothing has been read that was not handed on, and nothing waits to be written. */
bool link_is_quiet(const Link *l);
/* Secrets pass here: from now on what was read and written is wiped behind. For as long as the link lives. */
void link_leave_no_trace(Link *l);

/* Offers the packet that was refused again. */
void link_resume(Link *l);
/* Ends the connection now (closed() follows from the loop), or when all that is queued has been written. */
void link_close(Link *l, int r);
void link_close_when_drained(Link *l);
bool link_is_alive(const Link *l);
