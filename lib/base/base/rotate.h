/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Log files of a limited size, as virtlogd keeps them: one that is full becomes PATH.0, which becomes PATH.1, and so
 * on, and the last is removed. */

#include "base/error.h"

typedef struct RotateLimits {
        uint64_t max_size;      /* bytes of one file; 0: any */
        unsigned max_backups;   /* 0: a full file begins anew */
} RotateLimits;

#define ROTATE_BACKUPS_MAX 32U

typedef struct RotatingFile {
        char *path;             /* NULL: it was adopted */
        RotateLimits limits;
        int fd;
        uint64_t inode, offset;
        int *backups;           /* of one that was adopted: limits.max_backups descriptors, the newest first */
} RotatingFile;

/* Opens or makes it (mode 0600) for writing behind what is there, or in place of all that is there. Links are not
 * followed. */
int rotate_open(RotatingFile *f, const char *path, const RotateLimits *limits, bool truncate, Error *e);
/* The same for who may not rename files in the folder, but has all of them open, for reading and for writing at the end
 * (O_APPEND): a full one is copied to the next. Takes the descriptors, those of backups (at most ROTATE_BACKUPS_MAX) as
 * far as n. What follows the files by their names sees them cut, as logrotate(8) does with "copytruncate". */
int rotate_adopt(RotatingFile *f, int fd, const int *backups, unsigned n, uint64_t max_size);
/* Writes all, rolling over as often as needed; lines stay whole where they fit. Negative errno. */
int rotate_write(RotatingFile *f, const char *data, size_t len);
void rotate_close(RotatingFile *f);

/* At most max bytes from a position on, and from the files that follow; a position in a file that is gone is the oldest
 * one's beginning. *ret is the caller's, NUL-terminated; bytes of 0 are left out. */
int rotate_read(const char *path, unsigned max_backups, uint64_t inode, uint64_t offset, size_t max, char **ret,
                Error *e);
