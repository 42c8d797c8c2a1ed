/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The volumes of an active pool: /run/libvirt/storage/NAME.volumes.
 *
 * vm-pool writes the file when a scan has ended, and takes it away when the pool is stopped, so it is there as long as
 * the pool is active. What a daemon learns in between is appended. Lines:
 *
 *   unitvirt-volumes 1 BEGUN CAPACITY ALLOCATION AVAILABLE STATE    the first one; BEGUN: CLOCK_BOOTTIME, nanoseconds,
 *                                                                   of the scan's begin; STATE "fresh" or "stale"
 *   +VOLUME      it is there (volume.h); a later line of the same name counts
 *   -NAME        it is gone
 *   =CAPACITY ALLOCATION AVAILABLE   other sizes of the pool
 *   @BEGUN STATE a later look at the whole, of which the lines before it are what had changed
 *   %MODE UID GID                    of the pool's folder; MODE is octal
 *   !NAME WHY    an entry that could not be looked at
 *   ~            a volume that this host is making, or was when it crashed */

#include "base/strings.h"
#include "storage/volume.h"

typedef struct PoolSizes {
        uint64_t capacity, allocation, available;
} PoolSizes;

typedef struct PoolFolder {
        bool known;
        unsigned mode;          /* 07777 */
        uid_t uid;
        gid_t gid;
} PoolFolder;

typedef struct VolumeRow {
        const char *line;       /* of volume.h */
        uint32_t name_len;      /* of the escaped name at its beginning */
        bool owned;             /* else it is part of a text that lives as long as the table, or longer */
} VolumeRow;

typedef struct VolumeTable {
        VolumeRow *rows;        /* by name */
        size_t n, size;
        char *text;             /* of the file that it was read from */
        PoolSizes sizes;
        PoolFolder folder;
        uint64_t begun;
        bool stale;
} VolumeTable;

void volume_table_done(VolumeTable *t);
#define _cleanup_volume_table_ _cleanup_(volume_table_done)

/* Reads a file. -ENOENT: the pool is not active; -EBADMSG; -ENOMEM. */
int volume_table_load(const char *path, VolumeTable *ret);
/* Takes in one line as above, without its end. */
int volume_table_apply(VolumeTable *t, const char *line, size_t len);
/* A line of volume.h for a table that is in no order until volume_table_sort(); the table's from now on. -ENOMEM, also
 * for NULL. */
int volume_table_append(VolumeTable *t, char *line);
/* The same for a row of a table that lives longer. */
int volume_table_borrow(VolumeTable *t, const VolumeRow *row);
void volume_table_sort(VolumeTable *t);
/* What makes `from` into `to`, as lines. -ENOMEM. */
int volume_table_print_changes(const VolumeTable *from, const VolumeTable *to, char *const *notes, StrBuf *b);
/* The whole as text; notes (may be NULL) are lines "!...". -ENOMEM. */
int volume_table_print(const VolumeTable *t, char *const *notes, StrBuf *b);
/* Writes that to a file. */
int volume_table_save(const VolumeTable *t, char *const *notes, const char *path);

/* Index of the volume, -ENOENT. */
ssize_t volume_table_find(const VolumeTable *t, const char *name);
/* The volume of a row, owned by the caller. */
int volume_table_get(const VolumeTable *t, size_t i, Volume **ret);
/* The row whose path or key (as asked) is the given one; -ENOENT. */
ssize_t volume_table_find_path(const VolumeTable *t, const char *path, bool by_key);
