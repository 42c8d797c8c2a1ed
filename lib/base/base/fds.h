/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* File descriptors that travel: unix(7), SCM_RIGHTS. */

#include "base/macros.h"

/* The kernel's limit for one message (SCM_MAX_FD). */
#define MESSAGE_FDS_MAX 253U

/* As send(2), with descriptors that go with the first byte; they stay the caller's. n_fds may be 0. Returns the number
 * of bytes, or a negative errno; -E2BIG for more than MESSAGE_FDS_MAX. MSG_NOSIGNAL is always among the flags. */
ssize_t send_fds(int socket, const void *data, size_t len, const int *fds, size_t n_fds, int flags);

/* As recv(2), with descriptors: those that come along are appended to fds, which has *n of at most max, close-on-exec
 * and the caller's. Returns the number of bytes, 0 at the end, or a negative errno; -EBADMSG where descriptors were
 * lost or there are more than max, which are closed then. */
ssize_t receive_fds(int socket, void *buffer, size_t len, int *fds, unsigned max, unsigned *n, int flags);
