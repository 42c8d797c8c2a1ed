/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Tools of others, for programs without an event loop. */

#include "base/error.h"
#include "base/macros.h"

/* Runs argv[0] of PATH to its end, stdin from /dev/null; output (may be NULL) gets what it printed. C locale. More than
 * timeout seconds, or 16 MiB: killed. A status other than 0: code 1 (internal error), "NAME: last line of its
 * errors". */
int tool_run(char *const *argv, unsigned timeout, char **output, Error *e);
#define TOOL_TIMEOUT 60U

/* The same with arguments as a list that ends with NULL. */
#define TOOL(timeout, output, e, ...) \
        tool_run((char *const *) (const char *const[]){ __VA_ARGS__, NULL }, timeout, output, e)

/* Waits until udev has made the links and nodes of devices that have come just now, some seconds at most. */
void tool_settle(void);
