/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Named pipes that a serial port is connected to, PATH alone or PATH.in and PATH.out. QEMU opens them itself, as the
 * guest's user, and for both directions, so they are that user's while the guest runs; afterwards they are again whose
 * they were. */

#include <sys/types.h>

#include "base/macros.h"

/* Whose the pipe at path is, as owner_of() says it (host/owner.h): the value of UNDO_PIPE, by which owner_give() gives
 * it away. -ENOENT; -EINVAL where there is something else; a link is not followed. */
int fifo_owner(const char *path, char **ret);

/* Undoes it by what fifo_owner() said. 0 as well where that pipe is not there any more. */
int fifo_return(const char *value);
