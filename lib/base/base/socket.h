/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* UNIX sockets by their paths. */

#include <sys/socket.h>
#include <sys/un.h>

/* The address of a socket at path. -ENAMETOOLONG where it has no room for it. */
int unix_address(const char *path, struct sockaddr_un *ret);

/* A socket of type (SOCK_STREAM, SOCK_SEQPACKET ..., perhaps with SOCK_NONBLOCK; it is close-on-exec) that is connected
 * to path. Its descriptor, or negative errno of unix_address(), socket(2) or connect(2). */
int unix_connect(const char *path, int type);
