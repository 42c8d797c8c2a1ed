/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Sockets of the host at paths that definitions name. */

#include "base/macros.h"

/* Removes what a run that has ended left at path; 0 as well where there is nothing. -EADDRINUSE where somebody listens,
 * -EEXIST where there is anything else. */
int socket_remove(const char *path);

/* Listens at path, where the same was done first. */
int socket_listen(const char *path, int *ret);

/* Makes path lead to the socket at target, a file of the guest's folder that QEMU is yet to make. The errors are the same. */
int socket_link(const char *path, const char *target);
