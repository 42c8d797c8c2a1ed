/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <sys/stat.h>

#include "base/strings.h"
#include "chain/chain.h"

/* What was accepted of one image. */
typedef struct ChainEntry {
        char *image;
        char *id;         /* "INODE BIRTH" of the image */
        char *backing;    /* NULL: it had none */
        char *format;
        char *real;       /* where backing leads to, without links */
} ChainEntry;

/* A file that another definition writes to. */
typedef struct ChainWriter {
        uint64_t dev, ino;
        char *guest;
} ChainWriter;

struct Chain {
        char *name, *uuid;
        char *const *folders;
        ChainEntry *entries;
        size_t n;
        bool changed;
        ChainWriter *writers;
        size_t n_writers;
        bool writers_known;
};

/* record.c */
ChainEntry *chain_find(Chain *c, const char *image);
/* Replaces what is known of the image; the strings are copied. */
int chain_put(Chain *c, const char *image, const char *id, const char *backing, const char *format, const char *real);
int chain_load(Chain *c);

/* rules.c: why the file at real, which is open, may not be the backing file of the image (its name in the definition,
 * and where that leads to) by its header alone; *ret is NULL where it may. The text is owned by the caller. */
int chain_judge(Chain *c, const char *image, const char *image_real, const char *real, const struct stat *st,
                char **ret);
