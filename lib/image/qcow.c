/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* QEMU's own formats: qcow, qcow2, qed. */

#include "base/strings.h"
#include "bytes.h"

/* All of them but qed (little endian) begin alike: magic, version, offset and length of the backing file's name. */
#define QCOW_BACKING_OFFSET 8U
#define QCOW_BACKING_LENGTH 16U
#define QCOW_SIZE 24U
#define QCOW1_CLUSTER_BITS 32U
#define QCOW1_CRYPT 36U
#define QCOW1_HEADER 48U

#define QCOW2_CLUSTER_BITS 20U
#define QCOW2_CRYPT 32U
#define QCOW2_HEADER 72U
#define QCOW3_INCOMPATIBLE 72U
#define QCOW3_COMPATIBLE 80U
#define QCOW3_HEADER_LENGTH 100U
#define QCOW3_HEADER 104U

#define INCOMPATIBLE_DIRTY (1U << 0)
#define INCOMPATIBLE_CORRUPT (1U << 1)
#define INCOMPATIBLE_DATA_FILE (1U << 2)
#define INCOMPATIBLE_EXTENDED_L2 (1U << 4)
#define COMPATIBLE_LAZY_REFCOUNTS (1U << 0)

#define EXTENSION_END 0U
#define EXTENSION_BACKING_FORMAT 0xe2792acaU
#define EXTENSION_DATA_FILE 0x44415441U

static int read_backing(const Head *h, ImageInfo *info, uint64_t at, uint32_t n) {
        if (at == 0 || n == 0)
                return 0;
        if (n > IMAGE_NAME_MAX)
                return damaged(info, "the name of its backing file is too long");
        if (!head_has(h, at, n))
                return damaged(info, "the name of its backing file lies beyond the header");
        return head_text(h, at, n, info, &info->backing);
}

static int read_crypt(ImageInfo *info, uint32_t method, uint32_t max) {
        if (method > max)
                return damaged(info, "it is encrypted in an unknown way");
        info->encryption = method == 0 ? IMAGE_PLAIN : method == 1 ? IMAGE_AES : IMAGE_LUKS;
        return 0;
}

int qcow_read(const Head *h, ImageInfo *info) {
        unsigned bits;
        int r;

        if (!head_has(h, 0, QCOW1_HEADER))
                return damaged(info, "its header is cut short");
        bits = h->data[QCOW1_CLUSTER_BITS];
        if (bits < 9 || bits > 16)
                return damaged(info, "its cluster size is impossible");
        info->version = 1;
        info->cluster_size = 1ULL << bits;
        r = head_capacity(info, be64(h, QCOW_SIZE), 1);
        if (r >= 0)
                r = read_crypt(info, be32(h, QCOW1_CRYPT), 1);
        if (r < 0)
                return r;
        return read_backing(h, info, be64(h, QCOW_BACKING_OFFSET), be32(h, QCOW_BACKING_LENGTH));
}

static int read_extension(const Head *h, ImageInfo *info, uint32_t type, uint64_t at, uint32_t n) {
        char **place = type == EXTENSION_BACKING_FORMAT ? &info->backing_format :
                       type == EXTENSION_DATA_FILE ? &info->data_file : NULL;

        if (!place || *place)
                return 0;
        if (n > IMAGE_NAME_MAX)
                return damaged(info, "a name in its header is too long");
        return head_text(h, at, n, info, place);
}

/* Extensions: type, length, data padded to 8 bytes; up to the name of the backing file, or the end of the first
 * cluster. Beyond the end of the file there are zeros, and a zero ends them. */
static int read_extensions(const Head *h, ImageInfo *info, uint64_t at, uint64_t end) {
        while (at + 8 <= end) {
                uint32_t type = be32(h, at), n = be32(h, at + 4);
                int r;

                if (!head_has(h, at, 8))
                        return h->len < h->size ? damaged(info, "its header does not end") : 0;
                at += 8;
                if (type == EXTENSION_END)
                        return 0;
                if (n > end - at || !head_has(h, at, n))
                        return damaged(info, "an extension of its header is cut short");
                r = read_extension(h, info, type, at, n);
                if (r < 0)
                        return r;
                at += ((uint64_t) n + 7) & ~7ULL;
        }
        return 0;
}

static void read_features(const Head *h, ImageInfo *info) {
        uint64_t incompatible = be64(h, QCOW3_INCOMPATIBLE), compatible = be64(h, QCOW3_COMPATIBLE);

        info->features = (compatible & COMPATIBLE_LAZY_REFCOUNTS ? IMAGE_LAZY_REFCOUNTS : 0) |
                         (incompatible & INCOMPATIBLE_DIRTY ? IMAGE_DIRTY : 0) |
                         (incompatible & INCOMPATIBLE_CORRUPT ? IMAGE_CORRUPT : 0) |
                         (incompatible & INCOMPATIBLE_DATA_FILE ? IMAGE_NAMES_FILES : 0) |
                         (incompatible & INCOMPATIBLE_EXTENDED_L2 ? IMAGE_EXTENDED_L2 : 0);
}

int qcow2_read(const Head *h, ImageInfo *info) {
        uint64_t header = QCOW2_HEADER, backing, end;
        uint32_t bits;
        int r;

        info->version = be32(h, 4);
        if (!head_has(h, 0, info->version == 2 ? QCOW2_HEADER : QCOW3_HEADER))
                return damaged(info, "its header is cut short");
        bits = be32(h, QCOW2_CLUSTER_BITS);
        if (bits < 9 || bits > 21)
                return damaged(info, "its cluster size is impossible");
        info->cluster_size = 1ULL << bits;
        if (info->version > 2) {
                read_features(h, info);
                header = be32(h, QCOW3_HEADER_LENGTH);
                if (header < QCOW3_HEADER || header > info->cluster_size)
                        return damaged(info, "the length of its header is impossible");
        }
        r = head_capacity(info, be64(h, QCOW_SIZE), 1);
        if (r >= 0)
                r = read_crypt(info, be32(h, QCOW2_CRYPT), 2);
        if (r < 0)
                return r;
        backing = be64(h, QCOW_BACKING_OFFSET);
        if (backing > info->cluster_size)
                return damaged(info, "the name of its backing file lies beyond the header");
        end = backing > 0 ? backing : info->cluster_size;
        r = read_extensions(h, info, header, end);
        if (r < 0)
                return r;
        return read_backing(h, info, backing, be32(h, QCOW_BACKING_LENGTH));
}

#define QED_CLUSTER_SIZE 4U
#define QED_FEATURES 16U
#define QED_IMAGE_SIZE 48U
#define QED_BACKING_OFFSET 56U
#define QED_BACKING_LENGTH 60U
#define QED_HEADER 64U
#define QED_HAS_BACKING (1U << 0)
#define QED_NEEDS_CHECK (1U << 1)
#define QED_BACKING_IS_RAW (1U << 2)

int qed_read(const Head *h, ImageInfo *info) {
        uint64_t features = le64(h, QED_FEATURES);
        int r;

        if (!head_has(h, 0, QED_HEADER))
                return damaged(info, "its header is cut short");
        info->cluster_size = le32(h, QED_CLUSTER_SIZE);
        if (info->cluster_size < 4096 || info->cluster_size > (64U << 20) ||
            (info->cluster_size & (info->cluster_size - 1)))
                return damaged(info, "its cluster size is impossible");
        info->features = features & QED_NEEDS_CHECK ? IMAGE_DIRTY : 0;
        r = head_capacity(info, le64(h, QED_IMAGE_SIZE), 1);
        if (r < 0 || !(features & QED_HAS_BACKING))
                return r;
        r = read_backing(h, info, le32(h, QED_BACKING_OFFSET), le32(h, QED_BACKING_LENGTH));
        if (r >= 0 && (features & QED_BACKING_IS_RAW) && !(info->backing_format = strdup("raw")))
                return -ENOMEM;
        return r;
}
