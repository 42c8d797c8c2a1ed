/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* VMware's images: sparse ones ("KDMV", with a text descriptor inside, and the older "COWD"), and bare descriptors,
 * whose content is in other files. */

#include "base/strings.h"
#include "bytes.h"

#define SECTOR 512U
#define VMDK4_CAPACITY 12U
#define VMDK4_GRAIN 20U
#define VMDK4_DESCRIPTOR 28U
#define VMDK4_DESCRIPTOR_SIZE 36U
#define VMDK4_HEADER 79U
#define VMDK3_SECTORS 12U
#define VMDK3_GRAIN 16U
#define VMDK3_HEADER 36U
/* Of the descriptor; a real one has some hundred bytes. */
#define DESCRIPTOR_MAX 20480U

/* The value of NAME="value" in a descriptor's text, or NULL. */
static char *descriptor_value(const char *text, const char *name) {
        const char *at = strstr(text, name), *end;

        if (!at || (at > text && at[-1] != '\n'))
                return NULL;
        at += strlen(name);
        end = strchr(at, '"');
        return end && end > at ? strndup(at, (size_t) (end - at)) : NULL;
}

static int read_parent(const Head *h, uint64_t at, uint64_t n, ImageInfo *info) {
        _cleanup_free_ char *text = NULL, *parent = NULL;

        if (at >= h->len)
                return damaged(info, "its descriptor lies beyond the header");
        n = MIN(n, (uint64_t) DESCRIPTOR_MAX);
        text = strndup((const char *) h->data + at, MIN(n, h->len - at));
        if (!text)
                return -ENOMEM;
        if (!strstr(text, "parentCID=") || strstr(text, "parentCID=ffffffff"))
                return 0;
        parent = descriptor_value(text, "parentFileNameHint=\"");
        if (!parent)
                return damaged(info, "its parent has no name");
        if (strlen(parent) > IMAGE_NAME_MAX)
                return damaged(info, "the name of its backing file is too long");
        for (const char *p = parent; *p; p++)
                if ((unsigned char) *p < 0x20 || *p == 0x7f)
                        return damaged(info, "a name in its header has control characters");
        info->backing = TAKE_PTR(parent);
        /* a delta of VMware is always over an image of VMware */
        info->backing_format = strdup("vmdk");
        return info->backing_format ? 0 : -ENOMEM;
}

static int read_cowd(const Head *h, ImageInfo *info) {
        info->version = 1;
        if (!head_has(h, 0, VMDK3_HEADER))
                return damaged(info, "its header is cut short");
        info->cluster_size = (uint64_t) le32(h, VMDK3_GRAIN) * SECTOR;
        return head_capacity(info, le32(h, VMDK3_SECTORS), SECTOR);
}

int vmdk_read(const Head *h, ImageInfo *info) {
        uint64_t at, n;
        int r;

        if (head_has(h, 0, 4) && memcmp(h->data, "COWD", 4) == 0)
                return read_cowd(h, info);
        if (!head_has(h, 0, VMDK4_HEADER))
                return damaged(info, "its header is cut short");
        info->version = le32(h, 4);
        r = head_capacity(info, le64(h, VMDK4_CAPACITY), SECTOR);
        if (r < 0)
                return r;
        info->cluster_size = le64(h, VMDK4_GRAIN);
        if (info->cluster_size > (1U << 20))
                return damaged(info, "its cluster size is impossible");
        info->cluster_size *= SECTOR;
        at = le64(h, VMDK4_DESCRIPTOR);
        n = le64(h, VMDK4_DESCRIPTOR_SIZE);
        if (at == 0)
                return 0;
        if (at > IMAGE_HEAD_MAX / SECTOR || n > IMAGE_HEAD_MAX)
                return damaged(info, "its descriptor lies beyond the header");
        return read_parent(h, at * SECTOR, n * SECTOR, info);
}

/* Lines of extents: "RW 4192256 SPARSE "name.vmdk"": access, sectors. */
static int add_extent(const char *line, uint64_t *sectors) {
        static const char *const access[] = { "RW ", "RDONLY ", "NOACCESS " };

        for (size_t i = 0; i < ELEMENTSOF(access); i++) {
                const char *at = startswith(line, access[i]);
                uint64_t n;

                if (!at)
                        continue;
                n = strtoull(at, NULL, 10);
                return __builtin_add_overflow(*sectors, n, sectors) ? -ERANGE : 0;
        }
        return 0;
}

int vmdk_read_descriptor(const Head *h, ImageInfo *info) {
        _cleanup_free_ char *text = strndup((const char *) h->data, MIN(h->len, (size_t) DESCRIPTOR_MAX));
        uint64_t sectors = 0;
        int r;

        if (!text)
                return -ENOMEM;
        info->features = IMAGE_NAMES_FILES;
        for (const char *line = text; line; line = strchr(line, '\n')) {
                line += *line == '\n';
                if (add_extent(line, &sectors) < 0)
                        return damaged(info, "its size is impossible");
        }
        r = head_capacity(info, sectors, SECTOR);
        if (r < 0)
                return r;
        return read_parent(h, 0, h->len, info);
}
