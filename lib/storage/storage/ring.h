/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Bytes of a stream on their way between the daemon and a unit: memory that both have mapped, filled by one and emptied
 * by the other. How much, they tell each other over a socket (storage/job.h); each counts for itself, so nothing that
 * counts is in the memory. */

#include "base/macros.h"

/* What a packet of a stream holds: pieces of that size are not divided, wherever in the memory they are. */
#define RING_PIECE 262120U
#define RING_SIZE (4U * RING_PIECE)

typedef struct Ring {
        char *data;             /* NULL: there is none */
        uint64_t in, out;       /* bytes that came in, and went out */
} Ring;

/* New memory, and a descriptor of it for the other end. Errno. */
int ring_new(Ring *ret, int *ret_fd);
/* The memory of a descriptor, which stays the caller's. Errno, -EBADMSG for one that is too small. */
int ring_map(int fd, Ring *ret);
void ring_done(Ring *r);
#define _cleanup_ring_ _cleanup_(ring_done)

static inline size_t ring_used(const Ring *r) {
        return (size_t) (r->in - r->out);
}
static inline size_t ring_room(const Ring *r) {
        return RING_SIZE - ring_used(r);
}

/* Where the next bytes come in, *ret_len of them at most without a gap. 0 of them: it is full. */
char *ring_space(const Ring *r, size_t *ret_len);
/* Where the next bytes are that go out. */
const char *ring_content(const Ring *r, size_t *ret_len);
/* Puts in as many as there is room for: how many. */
size_t ring_put(Ring *r, const char *data, size_t len);

/* The other end says that so many came in, or went out. -EBADMSG for what cannot be. */
int ring_came_in(Ring *r, uint64_t len);
int ring_went_out(Ring *r, uint64_t len);
