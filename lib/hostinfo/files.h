/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* How this library reads /proc and /sys. */

#include "base/macros.h"

/* Opens for reading; NULL where it cannot. */
_printf_(1, 2) FILE *host_open(const char *format, ...);
/* The first line, without its end. -ENOENT where it cannot be read. */
_printf_(3, 4) int host_read_line(char *line, size_t size, const char *format, ...);
_printf_(2, 3) int host_read_number(uint64_t *ret, const char *format, ...);
