/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The inside of a Link: link.c, link-in.c for what comes in, and link-pipe.c for what passes without being read. */

#include "rpc/link.h"

#define BUFFER_KEEP 4096U /* an empty buffer larger than this is given back */

/* What goes out in front of the byte at this place of the out buffer: a descriptor, with that byte, or what is in a
 * pipe. */
typedef struct OutFd {
        size_t at;
        int fd;
        PipeEnd *pipe;          /* NULL: fd */
        size_t left;            /* bytes of the pipe */
} OutFd;

struct Link {
        Loop *loop;
        Transport *transport;
        Transport *next;        /* a layer over it, in use once out_off has reached next_at */
        size_t next_at;
        const LinkOps *ops;
        void *userdata;
        IoWatch io;
        Deferred work;
        Buffer in;              /* the part of a packet, or packets not taken yet; from in_off */
        size_t in_off;
        FdList in_fds;
        PacketHeader moving;    /* of the packet whose payload goes into a pipe */
        size_t moved;           /* bytes of it, not handed on */
        size_t move_left;       /* ... to come; 0: none is being moved */
        PipeEnd *move_to;       /* NULL: it is dropped */
        IoWatch room;           /* while it waits for room there */
        Buffer out;             /* from out_off */
        size_t out_off;
        OutFd *out_fds;
        size_t n_out_fds;
        size_t out_moving;      /* bytes of pipes that are to go out */
        size_t packet_max;
        size_t last_size;       /* of the packet that was taken last */
        LinkBudget *budget;     /* of what waits; or NULL */
        size_t counted;         /* there */
        bool has_part;          /* the owner was told so */
        int error;              /* of the end */
        unsigned n_shakes;
        bool handshake;
        bool keep;              /* buffers stay when they are empty */
        bool refused;           /* a packet waits for link_resume() */
        bool resumed;
        bool blocked;           /* the last write said -EAGAIN */
        bool draining;
        bool ended;
        bool closed;            /* closed() was called */
};

/* --- link-in.c --- */

/* Reads what there is, and hands on the packets. */
void link_read(Link *l);
/* Hands on what was refused before, and what lies behind it. */
void link_take_buffered(Link *l);
/* May more be read now? Behind a refused packet some bytes are, for urgent ones. */
bool link_wants_input(const Link *l);
/* Has a layer bytes that no poll shows? */
bool link_has_pending(const Link *l);
/* Counts what waits in its budget. */
void link_count_waiting(Link *l);
/* Tells the owner when part of a packet begins to wait, and when none does any more. */
void link_tell_of_part(Link *l);
/* The peer does not read what there is for it. */
static inline bool link_out_is_long(const Link *l) {
        return link_pending(l) > LINK_OUT_HIGH;
}

/* --- link-pipe.c --- */

/* Could the packet that comes next pass without being read? */
bool link_may_move(const Link *l);
/* By its header: true where its payload is to be moved now. */
bool link_begin_move(Link *l, const uint8_t *header);
/* Moves what there is. Positive; 0 at the peer's end; -EAGAIN; errno. */
ssize_t link_move_in(Link *l);
/* Moves out of the first pipe. 0; -EAGAIN; errno. */
ssize_t link_move_out(Link *l);
void link_drop_moves(Link *l);
static inline bool link_waits_for_room(const Link *l) {
        return l->room.on;
}
