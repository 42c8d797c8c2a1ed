/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What stands in the first line of /proc/cpuinfo that begins with key, the caller's; NULL where there is none. */
char *cpuinfo_read(const char *key);
