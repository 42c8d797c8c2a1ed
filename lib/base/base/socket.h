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

/* Is the other end of a connection this user's? 0, or -EPERM. */
int unix_check_peer(int fd, uid_t uid);

/* As unix_connect() where the folder is somebody's who is not to be trusted: a link is not followed (-ENOTSOCK), and
 * whoever listens has to be this user (-EPERM). folder: a descriptor, O_PATH is enough. */
int unix_connect_in(int folder, const char *name, int type, uid_t uid);
/* ... whose folder it is. */
int unix_connect_owner(const char *folder, const char *name, int type);
