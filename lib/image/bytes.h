/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The head of an image, read with bounds: what lies beyond is absent, never read. */

#include <endian.h>

#include "base/macros.h"
#include "image/probe.h"

typedef struct Head {
        const uint8_t *data;
        size_t len;
        uint64_t size;   /* of the whole image */
} Head;

static inline bool head_has(const Head *h, uint64_t at, uint64_t n) {
        return at <= h->len && n <= h->len - at;
}

/* Numbers beyond the head are 0, so readers ask head_has() once for their fixed part. */
#define DEFINE_HEAD_NUMBER(name, type, convert)                                                              \
        static inline _unused_ type name(const Head *h, uint64_t at) {                                       \
                type v;                                                                                      \
                if (!head_has(h, at, sizeof v))                                                              \
                        return 0;                                                                            \
                memcpy(&v, h->data + at, sizeof v);                                                          \
                return convert(v);                                                                           \
        }
DEFINE_HEAD_NUMBER(be16, uint16_t, be16toh)
DEFINE_HEAD_NUMBER(be32, uint32_t, be32toh)
DEFINE_HEAD_NUMBER(be64, uint64_t, be64toh)
DEFINE_HEAD_NUMBER(le32, uint32_t, le32toh)
DEFINE_HEAD_NUMBER(le64, uint64_t, le64toh)

/* Marks the image as unsound. */
static inline int damaged(ImageInfo *info, const char *why) {
        info->damage = why;
        return -EBADMSG;
}

/* The text of n bytes at a place, which ends at a NUL too; an empty one is NULL. Control characters are refused: no
 * path that QEMU would find has them by honest means, and they end up in messages and documents. */
int head_text(const Head *h, uint64_t at, uint64_t n, ImageInfo *info, char **ret);

/* capacity = count * unit; damaged where that is no number of bytes a file can have. */
int head_capacity(ImageInfo *info, uint64_t count, uint64_t unit);

/* Readers of one format each: the mark was found. 0, -EBADMSG by damaged(), -ENOMEM. */
int qcow_read(const Head *h, ImageInfo *info);
int qcow2_read(const Head *h, ImageInfo *info);
int qed_read(const Head *h, ImageInfo *info);
int vmdk_read(const Head *h, ImageInfo *info);
int vmdk_read_descriptor(const Head *h, ImageInfo *info);
