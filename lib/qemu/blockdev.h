/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "build.h"

/* One image: the disk's own, or one that backs it. */
typedef struct Image {
        const xmlNode *layer;      /* <disk> or <backingStore> */
        const xmlNode *source;
        const xmlNode *driver;     /* <driver> of the disk for the top image, else NULL */
        const char *type;          /* file, block */
        const char *format;        /* NULL: raw */
        const char *cache, *io;    /* of the disk */
        uint64_t max_cache;        /* metadata_cache/max_size in bytes, 0: QEMU's own */
        unsigned number;           /* N in the names of its nodes */
        bool readonly, cdrom;
        bool terminated;           /* the definition says that nothing backs it */
        DriverName backing_node;   /* the node that backs it; "" for none */
} Image;

/* Adds the nodes of one image and writes the name of the one to use. */
void image_build(Build *b, const Image *image, DriverName *ret_node);
