/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Files that what a guest writes to a serial port or a log goes to. */

#include "base/error.h"
#include "host/sink.h"

/* Opens path for writing, made with mode 0600 where it is not there, behind what is in it (append) or in place of that.
 * Links that are not root's lead to what is their owner's (base/path.h). Errors: code 38 with the path. */
int output_open(const char *path, bool append, int *ret, Error *e);

/* The same, and gives it to the sink. Returns its number. */
int output_give(const char *path, bool append, FdSink *sink, Error *e);
