/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Packets of one link that go out by another as they came. */

#include "server.h"

/* A pipe for what passes unread from one link to the other (rpc/link.h); {}: there is none yet. */
typedef struct Duct {
        PipeEnd *in, *out;
} Duct;

void duct_done(Duct *d);

/* Appends the packet, descriptors included. A link that does not take it is closed; errno. */
int pass_packet(Link *to, Packet *p);

/* As ConnectionOps.other_pipe: where the payload of a stream's packet, len bytes, may be moved to, on its way to that
 * link; NULL: it is read, and comes as a packet. */
PipeEnd *pass_pipe(Link *to, const PacketHeader *h, size_t len, Duct *d);

/* The payload is in the duct: its packet follows what was appended before. */
void pass_moved(Link *to, const PacketHeader *h, size_t len, const Duct *d);
