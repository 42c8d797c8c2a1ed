/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* A connection to another daemon, on behalf of one client.
 *
 * Calls for a driver that this process does not hold go there as they came, with
 * their serial numbers, and what comes back (replies, events, streams, descriptors) goes to the client.
 * Only the opening of the connection is our own. */

#include "loop/fiber.h"
#include "server.h"

typedef struct Upstream Upstream;

/* The connection for the client's calls of that class: the one there is, or a new one, which opens while the first
 * calls wait in it. uri is what to open; NULL: "DRIVER:///system". -ECONNREFUSED, -ENOENT: there is no such daemon. */
int upstream_get(Client *c, DriverClass class, const char *driver, const char *uri, Upstream **ret);
/* Waits, within a fiber, until it has opened. Negative and e where the daemon refuses. */
int upstream_wait(Call *call, DriverClass class, Error *e);
/* Fills e for whom upstream_get() failed with r, and for whom the daemon has ended without an answer. Returns r. */
int upstream_unreachable(const char *driver, int r, Error *e);
/* A call of our own to that daemon; within a fiber. ret is decoded into, and the caller's to free. Negative and e as
 * the daemon says. */
int upstream_ask(Call *call, DriverClass class, int32_t procedure, const RpcCodec *codec, const void *args, void *ret,
                 Error *e);
/* As ConnectionOps.call: sends the call on. */
int upstream_call(Upstream *u, Packet *p, const RpcProcedure *procedure, ErrorOrigin origin);
/* As ConnectionOps.other: a stream's packet. */
int upstream_stream(Client *c, Packet *p);
/* As ConnectionOps.other_pipe and .other_moved. */
PipeEnd *upstream_pipe(Client *c, const PacketHeader *h, size_t len);
void upstream_moved(Client *c, const PacketHeader *h, size_t len);
/* The client takes packets again. */
void upstream_client_drained(Client *c);
/* Ends the client's connections to other daemons. */
void upstream_drop_all(Client *c);
