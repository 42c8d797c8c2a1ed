/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* XDR as our packets use it: libtirpc's functions over streams of our own.
 *
 * Included by everything rpcgen makes. The decoder looks at a count before
 * memory is taken for it: besides its own limit it must fit into the bytes
 * that are left. The encoder grows its buffer as it goes. */

#include <rpc/types.h>
#include <rpc/xdr.h>

#include "base/macros.h"

/* No arguments, no results: zero bytes. */
typedef struct rpc_void {
} rpc_void;
bool_t xdr_rpc_void(XDR *xdrs, rpc_void *v);

/* What rpcgen's output calls in place of libtirpc's functions of these names. */
bool_t rpc_xdr_array(XDR *xdrs, char **data, unsigned *n, unsigned max, unsigned size, xdrproc_t element);
bool_t rpc_xdr_bytes(XDR *xdrs, char **data, unsigned *n, unsigned max);
bool_t rpc_xdr_string(XDR *xdrs, char **s, unsigned max);

/* A growing buffer of bytes; zero is an empty one. */
typedef struct Buffer {
        uint8_t *data;
        size_t len;
        size_t size;
        bool wipe;      /* secrets are in it: no byte is left in memory that was given up */
} Buffer;

void buffer_done(Buffer *b);
#define _cleanup_buffer_ _cleanup_(buffer_done)
/* Room for n more bytes behind len; -ENOMEM. */
int buffer_reserve(Buffer *b, size_t n);
int buffer_add(Buffer *b, const void *data, size_t n);

/* How values of one procedure travel. */
typedef struct RpcCodec {
        xdrproc_t args;
        xdrproc_t ret;          /* results, or the body of an event */
        unsigned args_size;
        unsigned ret_size;
} RpcCodec;

/* Appends v's encoding, at most max bytes. -EMSGSIZE where it is larger, -EINVAL where a limit of the type is broken;
 * the buffer is then as before. */
int rpc_encode(Buffer *b, size_t max, xdrproc_t codec, const void *v);

/* Decodes exactly len bytes into the zeroed v; -EBADMSG where they are too few, too many or break a limit.
 * v then needs no freeing; otherwise rpc_free(). */
int rpc_decode(const void *data, size_t len, xdrproc_t codec, void *v);

/* Frees what hangs below v (not v itself). */
void rpc_free(xdrproc_t codec, void *v);
