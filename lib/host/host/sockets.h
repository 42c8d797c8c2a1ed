/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Sockets of the host at paths that definitions name. */

#include "base/macros.h"

/* Removes what a run that has ended left at path; 0 as well where there is nothing. -EADDRINUSE where somebody listens,
 * -EEXIST where there is anything else. */
int socket_remove(const char *path);

/* A socket at path, where the same was done first, at which somebody is to listen. */
int socket_bind(const char *path, int *ret);

/* ... at which is listened already. */
int socket_listen(const char *path, int *ret);

/* Connects to the socket at path, without waiting for who listens there (-EAGAIN where too many do). */
int socket_connect(const char *path, int *ret);

/* Does somebody listen there? 0, or why it could not be connected to. */
int socket_try(const char *path);

/* Listens for TCP at each address that a name has (NULL: all of the host's), at most max of them: how many, in ret. The
 * service is a port, or the name of one. Negative errno where that fails at one of them; -EADDRNOTAVAIL where the name
 * has none. */
int tcp_listen(const char *host, const char *service, int *ret, unsigned max);

/* Connects by TCP to the first address of a name that answers, within some 30 seconds (NULL: the host itself). */
int tcp_connect(const char *host, const char *service, int *ret);

/* Makes path lead to the socket at target, a file of the guest's folder that QEMU is yet to make. The errors are the
 * same. */
int socket_link(const char *path, const char *target);
