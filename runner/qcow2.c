/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <endian.h>

#include "chain.h"

#define MAGIC 0x514649fbU             /* "QFI\xfb" */
#define EXTENSION_END 0U
#define EXTENSION_BACKING_FORMAT 0xe2792acaU
#define NAME_MAX_BYTES 1023U

static uint32_t read32(const uint8_t *p) {
        uint32_t v;

        memcpy(&v, p, sizeof v);
        return be32toh(v);
}

static uint64_t read64(const uint8_t *p) {
        uint64_t v;

        memcpy(&v, p, sizeof v);
        return be64toh(v);
}

/* Extensions: type, length, data padded to 8 bytes. */
static int find_format(const uint8_t *head, size_t len, size_t at, char **ret) {
        while (at + 8 <= len) {
                uint32_t type = read32(head + at), n = read32(head + at + 4);

                at += 8;
                if (type == EXTENSION_END)
                        return 0;
                if (n > len - at)
                        return -EBADMSG;
                if (type == EXTENSION_BACKING_FORMAT) {
                        *ret = strndup((const char *) head + at, n);
                        return *ret ? 0 : -ENOMEM;
                }
                at += ((size_t) n + 7) & ~(size_t) 7;
        }
        return 0;
}

int qcow2_backing(const uint8_t *head, size_t len, char **ret_file, char **ret_format) {
        _cleanup_free_ char *file = NULL, *format = NULL;
        uint32_t version, size, header;
        uint64_t offset;
        int r;

        if (len < 72 || read32(head) != MAGIC)
                return -EBADMSG;
        version = read32(head + 4);
        offset = read64(head + 8);
        size = read32(head + 16);
        if (version < 2 || version > 3 || (version == 3 && len < 104))
                return -EBADMSG;
        header = version == 2 ? 72 : read32(head + 100);
        if (offset > 0 && size > 0) {
                if (size > NAME_MAX_BYTES || offset > len || size > len - offset || header > len)
                        return -EBADMSG;
                file = strndup((const char *) head + offset, size);
                if (!file)
                        return -ENOMEM;
                r = find_format(head, MIN(len, (size_t) offset), header, &format);
                if (r < 0)
                        return r;
        }
        *ret_file = TAKE_PTR(file);
        *ret_format = TAKE_PTR(format);
        return 0;
}
