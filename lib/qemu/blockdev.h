/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "build.h"

/* One image: the disk's own, or one that backs it. */
typedef struct Image {
        const xmlNode *layer;      /* <disk> or <backingStore> */
        const xmlNode *source;
        const xmlNode *driver;     /* <driver> of the disk for the top image, else NULL */
        const char *type;          /* file, block, network, ... */
        const char *format;        /* NULL: raw */
        const char *cache, *io, *discard; /* of the disk */
        uint64_t max_cache;        /* metadata_cache/max_size in bytes, 0: QEMU's own */
        const xmlNode *auth, *encryption; /* of the disk or the source; NULL: none */
        unsigned number;           /* N in the names of its nodes */
        const char *name;          /* of its lowest node; NULL: libvirt-N-storage */
        bool readonly, cdrom;
        bool terminated;           /* the definition says that nothing backs it */
        bool floppy;
        DriverName backing_node;   /* the node that backs it; "" for none */
        DriverName store_node;     /* the one that has its data; image_build() fills it */
} Image;

/* What the host side opened for an element, NULL: nothing. */
const QemuOpened *image_opened(const Build *b, const xmlNode *element);

/* Adds the object that holds the value of a secret (element: <secret> or <cookies>) and writes its name, "ID-secretN".
 * The value itself is in no argument. */
void image_add_secret(Build *b, const xmlNode *element, const char *id, unsigned n, DriverName *ret);

/* What its lowest node is called, and what names of secrets and certificates begin with. */
void image_source_name(const Image *image, DriverName *ret);

/* Is it encrypted in a way that librbd knows, rather than QEMU? */
bool image_is_encrypted_by_rbd(const Image *image);

/* Driver and place of an image, and before it what QEMU needs to get there (image-source.c). layer: "format" or
 * "storage", what the node that the guest uses is called. */
void image_put_source(Build *b, json_t *o, const Image *image, const char *layer);

/* Those that are in image-network.c, with type network. */
void image_put_network(Build *b, json_t *o, const Image *image, const char *layer);

/* "cache" of a node, by the disk's mode; NULL: nothing (blockdev.c). */
void image_put_cache(Build *b, json_t *o, const char *mode);

/* Adds the nodes of one image and writes the name of the one to use. */
void image_build(Build *b, Image *image, DriverName *ret_node);
