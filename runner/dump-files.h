/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The files that guests' memory is dumped to: "ID-NAME-YYYY-mm-dd-HH:MM:SS", as libvirt names them, and ".partial"
 * behind it until QEMU has written all of it. */

#include <time.h>

#include "base/macros.h"

#define DUMP_PARTIAL ".partial"

/* The whole file's path; prefix is the folder and "ID-NAME". In local time. *ret is the caller's. -ENOMEM. */
int dump_path(const char *prefix, time_t when, char **ret);

/* Is this the name of a whole dump? */
bool dump_name_is_valid(const char *name);

/* Removes the oldest dumps of a folder until all of them have at most limit bytes; never the one called keep, and
 * nothing whose name is not that of a dump. Says each it removes. Negative errno where the folder cannot be read. */
int dump_files_prune(const char *folder, uint64_t limit, const char *keep);
