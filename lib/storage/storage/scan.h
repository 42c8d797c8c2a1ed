/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Looking at what is there. These functions open what others made, so they run in children and units that may write
 * nothing and have no network: storage/sandbox.h. */

#include "storage/table.h"

/* Ends of names of files that are being made; they are no volumes. A job that was killed leaves none, a crash of the
 * machine may: vm-pool removes them when it starts or refreshes the pool (storage/job.h). */
#define VOLUME_PART_SUFFIX ".unitvirt-part"
/* The same with the mark of this host before it: ".0123abcd.unitvirt-part"; the caller's, NULL without memory. */
char *volume_part_suffix(void);
/* Has the name of a file in the making this host's mark? */
bool volume_part_is_own(const char *name);

/* Looks at one entry of a folder whose path is given. *ret is NULL for what is no volume (pipes, sockets, character
 * devices, links that lead nowhere, files that are being made). Errno of open, stat, read. */
int scan_entry(int folder, const char *folder_path, const char *name, Volume **ret);

/* Looks at a device that is a volume as a whole. It is raw, whatever is on it: its guest may have written a header
 * there that names others' images, and capacities that it has not. Errno of open and stat. */
int scan_device(const char *path, const char *name, Volume **ret);

/* The same of a file that this program has just written as a whole, so that its content need not be looked at: it is
 * raw (or of another format that has no header to read), as long as its file. Errno of stat. */
int scan_written(const char *folder_path, const char *name, const char *format, Volume **ret);

/* All entries of a folder into the table, which is empty, and the sizes of its file system. Entries that could not be
 * looked at are noted ("!NAME<tab>WHY"), SCAN_NOTES_MAX of them; and once, if so, that there is something which this
 * host is making or has left behind ("~"). known, which may be NULL, is what an earlier scan found, and has to live as
 * long as t: images that nobody has written to since are not opened again. Errno of opening and reading the folder. */
#define SCAN_NOTES_MAX 100U
int scan_folder(const char *path, const VolumeTable *known, VolumeTable *t, char ***notes);

/* The file system's sizes. */
int scan_sizes(const char *path, PoolSizes *ret);
