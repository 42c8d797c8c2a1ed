/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* A client of our own daemons, for what only they may do to a running guest: one call after the other, each waited
 * for. */

#include "base/error.h"
#include "rpc/procedure.h"

typedef struct Client {
        int fd;
        uint32_t serial;
} Client;

void client_close(Client *c);
#define _cleanup_client_ _cleanup_(client_close)

/* Connects to the daemon of the guests of QEMU, whichever serves them, and opens qemu:///system. Closed by
 * client_close() also on failure. */
int client_open(Client *c, Error *ret);

/* One call of the remote program. *v is what codec->ret says and is freed by rpc_free(); what the daemon refuses is in
 * e with the daemon's code. Negative errno. */
int client_call(Client *c, int32_t procedure, const RpcCodec *codec, const void *args, void *v, Error *e);

/* The guest of that name; ret->name is the caller's to free. */
int client_look_up(Client *c, const char *name, remote_nonnull_domain *ret, Error *e);
