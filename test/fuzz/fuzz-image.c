/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Heads of disk images, guessed and read as every format that somebody might say they have. */

#include <string.h>

#include "base/strings.h"
#include "image/probe.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What comes out must be fit for documents and messages. */
static void check(const ImageInfo *info, int r) {
        const char *const texts[] = { info->backing, info->backing_format, info->data_file };

        if ((r == -EBADMSG) != (info->damage != NULL) || info->capacity > INT64_MAX)
                __builtin_trap();
        for (size_t i = 0; i < ELEMENTSOF(texts); i++)
                for (const char *p = texts[i]; p && *p; p++)
                        if ((unsigned char) *p < 0x20)
                                __builtin_trap();
}

/* What the first bytes say without complaint is what all of them say: image_probe_fd() relies on it. */
static void check_part(const uint8_t *data, size_t size, const ImageInfo *whole) {
        _cleanup_image_info_ ImageInfo part = IMAGE_INFO_INIT;
        int r = image_probe(data, size / 2, size, &part);

        if (r < 0 || part.format == IMAGE_RAW || part.format == IMAGE_VMDK)
                return;
        if (part.format != whole->format || part.capacity != whole->capacity || part.features != whole->features ||
            !streq_ptr(part.backing, whole->backing) || !streq_ptr(part.backing_format, whole->backing_format) ||
            !streq_ptr(part.data_file, whole->data_file))
                __builtin_trap();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        _cleanup_image_info_ ImageInfo guess = IMAGE_INFO_INIT;

        check(&guess, image_probe(data, size, size, &guess));
        check_part(data, size, &guess);
        for (ImageFormat f = 0; f < _IMAGE_FORMAT_MAX; f++) {
                _cleanup_image_info_ ImageInfo info = IMAGE_INFO_INIT;

                check(&info, image_read(data, size, size, f, &info));
        }
        return 0;
}
