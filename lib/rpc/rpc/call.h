/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* One call of a client, as its handler sees it, and the connection that it came on.
 *
 * A handler runs in a fiber of its own (loop/fiber.h): it may wait, and other
 * calls, of the same client too, run meanwhile. The connection object lives at
 * least as long as the call; when its client has gone the handler still runs to
 * its end and the reply is dropped. */

#include "base/error.h"
#include "loop/loop.h"
#include "rpc/identity.h"
#include "rpc/procedure.h"

typedef struct Call Call;
typedef struct Connection Connection;
typedef struct Driver Driver;

/* The state that the driver's start() made. */
void *call_driver(const Call *c);
Loop *call_loop(const Call *c);
const RpcProcedure *call_procedure(const Call *c);
Connection *call_connection(const Call *c);

bool call_is_readonly(const Call *c);
/* For procedures marked RPC_RO_COND, in the cases that need a writable connection: -EPERM and code 29,
 * "operation forbidden: read only access prevents virX", on a read-only one. */
int call_check_writable(const Call *c, Error *e);

/* Refuses unknown bits of a flags word as libvirt does: code 8, "invalid argument: unsupported flags (0x..) in function
 * NAME". */
int call_check_flags(const Call *c, uint32_t flags, uint32_t supported, Error *e);

/* Fine-grained access (access_drivers = ["polkit"]): may this caller do what the procedure's acl says, to the object
 * that these pairs describe ("domain_name", "web", "domain_uuid", "...", NULL)? flags is the call's flags word (0
 * without one; of the interface addresses the source). May wait. 0, or -EACCES and code 88.
 *
 * A handler whose procedure has rules about an object must ask before it does anything: one that has not asked gets its
 * result held back. */
int call_check_access(Call *c, uint32_t flags, Error *e, ...) _sentinel_;
/* The same with the pairs in a NULL-terminated array. */
int call_check_access_to(Call *c, uint32_t flags, const char *const *details, Error *e);
/* The silent form for elements of lists (the procedure's filter): 1 show it, 0 leave it out. */
int call_filter_access(Call *c, ...) _sentinel_;
int call_filter_access_to(Call *c, const char *const *details);

/* What the prologue of the call's row keeps for the handler; lasts as long as the prologue runs. */
void call_set_scope(Call *c, void *scope);
void *call_scope(const Call *c);

/* Descriptors that came with the call, in order. They are closed after the call; take one with call_take_fd(). */
size_t call_n_fds(const Call *c);
int call_fd(const Call *c, size_t i);
int call_take_fd(Call *c, size_t i);
/* Sends a descriptor with the reply; takes it, also on failure. At most 32; -EOPNOTSUPP and e where the connection
 * cannot pass any (TCP, TLS). */
int call_add_fd(Call *c, int fd, Error *e);

/* The "this function is not supported by the connection driver: virX" error, with the origin of the procedure's
 * kind. */
int call_unsupported(const Call *c, Error *e);

/* A number for each connection of this process, never used again; virt-admin shows it. */
uint64_t connection_id(const Connection *c);
/* The socket's peer. */
const Identity *connection_identity(const Connection *c);
bool connection_is_readonly(const Connection *c);
/* False once the client has gone: a long handler may stop. */
bool connection_is_alive(const Connection *c);
/* Ends it from the loop; r: 0 orderly, or negative errno. */
void connection_close(Connection *c, int r);
/* Its socket, borrowed; -EBADF once it has ended. */
int connection_fd(const Connection *c);
/* No call is in work, nothing is half read, all answers have gone: another process could go on with the socket. */
bool connection_is_quiet(const Connection *c);
/* What a driver keeps for a connection, from its open() to its close(). */
void *connection_data(const Connection *c, const Driver *d);
void connection_set_data(Connection *c, const Driver *d, void *data);
