/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Images: regular files and block devices that a guest has as disks or flash, opened as root, so that whoever owns a
 * file keeps it and its owner and mode never change.
 *
 * Where root may not read a file, because it lies on NFS with root_squash or in some user's FUSE mount, it is opened
 * with the credentials of its owner; where that is not to be learned, with those of the folder that refuses. */

#include "base/error.h"
#include "host/sink.h"

#define IMAGE_WRITABLE 1U  /* for reading and writing */
#define IMAGE_DIRECT 2U    /* past the host's page cache */

/* Opens an image. Errors: code 38 and errno with the path, and, where access is denied, with the first folder on the
 * way that refuses, its owner and mode; code 67 for what is neither a file nor a block device (a folder is named as
 * such). */
int image_open(const char *path, unsigned flags, int *ret, Error *e);

/* Which file it is, whatever its path: device and inode of a regular file; for a block device the number of the
 * device. */
typedef struct ImageFile {
        bool block;
        uint64_t dev, ino;
} ImageFile;

/* What is at a path. -errno; -EINVAL for what is neither. */
int image_identify(const char *path, ImageFile *ret);

bool image_file_equal(const ImageFile *a, const ImageFile *b);

/* One descriptor, for reading or with IMAGE_WRITABLE for both, given to the sink. Each call opens anew, so that each
 * use of an image has locks of its own. only: the file that it has to be, since somebody may change links and names
 * meanwhile (code 55); or NULL. ret_file may be NULL. Returns the descriptor's number in the sink. */
int image_give(const char *path, unsigned flags, const ImageFile *only, FdSink *sink, ImageFile *ret_file, Error *e);

/* The same of one that is open, by one of n descriptors of the same file: one that is open as flags want it, or else
 * the file opened anew. The descriptors stay the caller's. path is a word for errors. */
int image_give_opened(const char *path, const int *fds, size_t n, unsigned flags, FdSink *sink, ImageFile *ret_file,
                      Error *e);
