/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The inside of an Upstream: upstream.c for what passes, and upstream-own.c for what this daemon says itself. */

#include "pass.h"
#include "upstream.h"

#define OWN_SERIAL 0xffffff00U /* of our own calls; a client that counts that far gets its number refused */

/* A call whose answer has not come. */
typedef struct Pending {
        PacketHeader header;
        const RpcProcedure *procedure;
        ErrorOrigin origin;
        struct Pending *next;
} Pending;

/* A stream that a call opened there. */
typedef struct Passage {
        PacketHeader header;
        struct Passage *next;
} Passage;

struct Upstream {
        Client *client;
        DriverClass class;
        const char *driver; /* a known one's name, which outlives this */
        Link *link;
        bool opened;
        bool failed;
        int result; /* of the opening */
        Error error;
        FiberQueue waiters;
        Pending *pending;
        Passage *passages;
        Duct there, here;       /* to the daemon, to the client */
        bool moving;            /* what the client's link moves is for this daemon */
        struct Question *questions;
        uint32_t n_asked;
        Upstream *next;
};

/* The client's connection of that class, unless it has failed. */
Upstream *upstream_find(const Client *c, DriverClass class);

/* --- upstream-own.c --- */

/* Says who the client is, and opens uri, or "DRIVER:///system". */
int upstream_send_opening(Upstream *u, const char *driver, const char *uri);
/* The daemon's answer to a call of ours. */
void upstream_own_reply(Upstream *u, const Packet *p);
/* Nobody answers any more. */
void upstream_drop_questions(Upstream *u);
