/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Backing files by an image's word.
 *
 * The header of an image names the file below it, and root opens that file for the guest. But a guest that was taken
 * over, and whoever made the image, writes any name into a header; so a header is followed only
 *
 *   - as far as it agrees with what was accepted before: the record of the guest, /var/lib/libvirt/qemu/chains/UUID,
 *   root's alone
 *   - or, for an image that is not in the record (the first start, another disk, a file that was made anew), to a
 *   regular file
 *     in a storage folder: the folder of the image itself, those of the storage pools, /var/lib/libvirt/images, and
 *     storage_folders of qemu.conf; never below /proc, /sys, /dev, /etc and /run, never to a hidden file, and never to
 *     an image
 *     that another definition writes to.
 *
 * Layers that the definition names (<backingStore>) are not asked about here. What programs of ours write into headers
 * (snapshots, clones, block jobs) they record with chain_accept().
 *
 * An image is known by its path, its inode and the time of its birth, none of which a guest can give to another
 * file. */

#include "base/error.h"

typedef struct Chain Chain;

/* The file below an image. */
typedef struct ChainLayer {
        char *path;         /* absolute, as the header means it */
        char *format;       /* as the header says it, or, where it does not, as the file itself does */
        char *data;         /* the file that the image above it keeps its data in, "" where its header does not name
                             * it; NULL: none. Set where there is nothing below, too. It is never followed */
        uint64_t dev, ino;  /* of the file that was looked at */
} ChainLayer;

void chain_layer_done(ChainLayer *l);
#define _cleanup_chain_layer_ _cleanup_(chain_layer_done)

/* Reads the record of a guest; none is no error. folders are those of qemu.conf (may be NULL) and stay the caller's, as
 * do the strings. name is the guest's own, whose definition is not another one. -ENOMEM, or the errno of a record that
 * is there and cannot be read. */
int chain_open(const char *name, const char *uuid, char *const *folders, Chain **ret);
Chain *chain_free(Chain *c);
DEFINE_CLEANUP(Chain *, chain_free);
#define _cleanup_chain_ _cleanup_(chain_freep)

/* Are headers of this format read at all? Those of vmdk name more files than one, which no guest gets; what QEMU says
 * of them is as good. */
bool chain_follows(const char *format);

/* What is below the image at path, whose format the definition or the layer above says. Returns 1 and *ret, or 0 where
 * there is nothing. Errors: -EPERM with code 55 for a header that may not be followed (the message names both files and
 * the <backingStore> that would say so), -EOPNOTSUPP with code 67 for what no file of the host is, -EBADMSG with code
 * 67 for no sound image, code 38 for what cannot be opened. */
int chain_next(Chain *c, const char *path, const char *format, ChainLayer *ret, Error *e);

/* Writes down what a program of ours has put into the header of the image at path; backing NULL: nothing. Negative
 * errno. */
int chain_accept(Chain *c, const char *path, const char *backing, const char *format);

/* Writes the record where it has changed. Negative errno. */
int chain_save(Chain *c);

/* Removes the record of a guest that is no more; none is no error. */
int chain_forget(const char *uuid);
