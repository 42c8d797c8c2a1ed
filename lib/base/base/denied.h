/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Who it is that says "Permission denied". */

#include "base/macros.h"

/* The first component of path that the caller may not pass (or, the last, not open), as "'/home/u/mnt' (owner 1000,
 * mode 0700)"; owned by the caller, NULL where there is none or no memory. */
char *path_refuses(const char *path);
