/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What the header of a disk image says: its format, its size as the guest sees it, its backing file.
 *
 * Headers are written by whoever made the image, which may be a guest, so nothing in here is believed beyond the bytes
 * that were read: at most IMAGE_HEAD_MAX from the beginning, no allocation larger than a name, no loop longer than the
 * head. What comes out (names of backing and data files above all) is a claim of the image; whether it may be followed
 * is the caller's to judge.
 *
 * Layouts: QEMU's docs/interop/{qcow2,qed_spec,parallels}.rst, the "Virtual Disk Format" and "Virtual Hard Disk Image
 * Format" papers of VMware and Microsoft, the LUKS on-disk format, ECMA-119. */

#include <sys/stat.h>
#include <sys/types.h>

#include "base/macros.h"

/* As much of an image as is ever looked at. QEMU puts names of backing files at the end of the header, into the first
 * cluster, which is 64 KiB by default. */
#define IMAGE_HEAD_MAX 65536U
/* Longest name of a backing file: QEMU's limit for qcow2 and qed. */
#define IMAGE_NAME_MAX 1023U
/* More layers than this are taken for a loop. */
#define IMAGE_CHAIN_MAX 200U

/* The formats that libvirt names. */
typedef enum ImageFormat {
        IMAGE_RAW,
        IMAGE_DIR,    /* a folder; never in a header */
        IMAGE_BOCHS,
        IMAGE_CLOOP,
        IMAGE_DMG,    /* its mark is at the end: known by name only */
        IMAGE_ISO,
        IMAGE_VPC,
        IMAGE_VDI,
        IMAGE_PLOOP,
        IMAGE_COW,
        IMAGE_QCOW,
        IMAGE_QCOW2,
        IMAGE_QED,
        IMAGE_VMDK,
        _IMAGE_FORMAT_MAX,
        _IMAGE_FORMAT_INVALID = -EINVAL,
} ImageFormat;

/* "qcow2"; the name in libvirt's documents. */
const char *image_format_name(ImageFormat format);
/* The other way, _IMAGE_FORMAT_INVALID for an unknown name. */
ImageFormat image_format_from_name(const char *name);
/* May an image of this format name a backing file? */
bool image_format_has_backing(ImageFormat format);

typedef enum ImageEncryption {
        IMAGE_PLAIN,
        IMAGE_AES,    /* the old one of qcow and qcow2; libvirt's name for it is "qcow" */
        IMAGE_LUKS,   /* in a qcow2 image; or the whole of a raw one */
} ImageEncryption;

enum {
        IMAGE_LAZY_REFCOUNTS = 1 << 0,
        IMAGE_EXTENDED_L2 = 1 << 1,
        IMAGE_DIRTY = 1 << 2,
        IMAGE_CORRUPT = 1 << 3,
        /* Parts of the content are in other files, which QEMU opens by itself: data_file, or the extents of a vmdk
         * descriptor. */
        IMAGE_NAMES_FILES = 1 << 4,
};

typedef struct ImageInfo {
        ImageFormat format;
        uint64_t capacity;         /* bytes that the guest sees */
        char *backing; /* as the image has it: relative, "file:...", "json:..." or "nbd://..."; NULL where it has none
                        */
        char *backing_format;      /* NULL where the image does not say */
        char *data_file;           /* qcow2's external data file; may be unnamed though IMAGE_NAMES_FILES is set */
        ImageEncryption encryption;
        unsigned version; /* of the format: 2 or 3 for qcow2 (compat 0.10 and 1.1), 0 where the format has none */
        uint64_t cluster_size;     /* bytes; 0 where the format has none */
        unsigned features;
        const char *damage;        /* why it is no sound image of its format, static text; NULL for a sound one */
} ImageInfo;

#define IMAGE_INFO_INIT ((ImageInfo) {})
/* Frees what info holds and empties it. */
void image_info_done(ImageInfo *info);
#define _cleanup_image_info_ _cleanup_(image_info_done)

/* Guesses the format by the first len bytes of an image of size bytes (len may be smaller than size; what lies beyond
 * it counts as missing) and reads its header. What has the mark of no format is IMAGE_RAW with the capacity size.
 *
 * A guess is for lists of volumes and for base images of which nobody said more. A guest can write any header onto a
 * raw disk: what is known to be raw must not be probed.
 *
 * 0; -EBADMSG with ret->format and ret->damage for a header that contradicts itself; -ENOMEM. ret is filled in every
 * case. */
int image_probe(const uint8_t *head, size_t len, uint64_t size, ImageInfo *ret);

/* Reads the header of an image that somebody says has the format: as above, -EBADMSG where it is another. IMAGE_RAW is
 * not looked into but for LUKS. */
int image_read(const uint8_t *head, size_t len, uint64_t size, ImageFormat format, ImageInfo *ret);

/* The same for an open file or block device, of which no more is read than needed; the position of fd does not matter
 * and stays. Also negative errnos of fstat, lseek (the size of a block device) and pread. */
int image_probe_fd(int fd, ImageInfo *ret);
int image_read_fd(int fd, ImageFormat format, ImageInfo *ret);
/* image_probe_fd(), and what fstat(2) said after the first bytes were read. */
int image_probe_stat(int fd, struct stat *ret_st, ImageInfo *ret);

/* The path of a backing file that the header of the image at path names: absolute, or relative to that image's folder;
 * a leading "file:" is dropped. -EOPNOTSUPP for what is no file ("nbd://...", "json:...", "name:rest"); -ENOMEM. */
int image_backing_path(const char *path, const char *backing, char **ret);
