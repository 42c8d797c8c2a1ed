/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "guest/guest.h"
#include "rpc/typed-params.h"

/* What one call may ask of one guest's QEMU: nothing with NOWAIT, and all within one deadline. */
typedef struct Ask {
        Guest *guest;
        bool nowait;
        bool backing;           /* each layer of a disk, not the uppermost alone */
        uint64_t deadline;      /* CLOCK_MONOTONIC */
} Ask;

/* -ENODATA where QEMU is not to be asked; arguments are consumed. */
int ask_qemu(const Ask *a, const char *command, json_t *arguments, json_t **ret);

/* How large an image is: what the guest sees, what it takes up, and where it ends; in bytes. */
typedef struct BlockSizes {
        uint64_t capacity, allocation, physical;
        bool has_capacity, has_file;
        int error;              /* why there is no file, as errno */
} BlockSizes;

/* What is known of a disk's uppermost layer. image: QEMU's ImageInfo of it; NULL: the file itself is looked at. */
BlockSizes block_sizes(const Guest *g, const xmlNode *disk, const json_t *image);

/* "block.N.x" of all disks. */
void stats_add_blocks(const Ask *a, TypedParams *p);
