/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Log files of a limited size, as virtlogd keeps them: one that is full becomes PATH.0, which becomes PATH.1, and so
 * on, and the last is removed. */

#include "base/error.h"

typedef struct RotateLimits {
        uint64_t max_size;      /* bytes of one file; 0: any */
        unsigned max_backups;   /* 0: a full file begins anew */
} RotateLimits;

typedef struct RotatingFile {
        char *path;
        RotateLimits limits;
        int fd;
        uint64_t inode, offset;
} RotatingFile;

/* Opens or makes it (mode 0600) for writing behind what is there, or in place of all that is there. Links are not
 * followed. */
int rotate_open(RotatingFile *f, const char *path, const RotateLimits *limits, bool truncate, Error *e);
/* Writes all, rolling over as often as needed; lines stay whole where they fit. Negative errno. */
int rotate_write(RotatingFile *f, const char *data, size_t len);
void rotate_close(RotatingFile *f);

/* At most max bytes from a position on, and from the files that follow; a position in a file that is gone is the oldest
 * one's beginning. *ret is the caller's, NUL-terminated; bytes of 0 are left out. */
int rotate_read(const char *path, unsigned max_backups, uint64_t inode, uint64_t offset, size_t max, char **ret,
                Error *e);
