/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* A helper behind a socket of systemd's: each connection has a process of its own, so that an image on a server that
 * does not answer holds up nobody else, and without connections the helper ends: the next one starts it again. */

#include <sys/types.h>

#include "base/macros.h"

/* Makes the process that serves a connection, as fork(2) does; a negative value where it is not to be served, which it
 * has told of. NULL in its place: fork(2). */
typedef pid_t (*serve_split_t)(int connection, void *userdata);

/* Serves a connection, in a process of its own, which ends with it; a negative value is its failure. */
typedef int (*serve_handler_t)(int connection, void *userdata);

/* Accepts on listener until nobody has come for idle_ms and nobody is being served. 0, or negative errno where nobody
 * can be waited for. */
int serve_connections(int listener, int idle_ms, serve_split_t split, serve_handler_t handler, void *userdata);
