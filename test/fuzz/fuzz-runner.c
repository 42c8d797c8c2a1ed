/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What vm-run and vm-prepare read that others wrote: headers of images, launch files, the guest's console, QEMU's
 * complaints. The first byte chooses. */

#include "base/strings.h"
#include "image/probe.h"
#include "launch.h"
#include "notify.h"
#include "words.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void image(const uint8_t *data, size_t size) {
        _cleanup_image_info_ ImageInfo info = IMAGE_INFO_INIT;

        (void) image_probe(data, size, size, &info);
}

static void launch_file(const uint8_t *data, size_t size) {
        _cleanup_free_ char *text = strndup((const char *) data, size), *again = NULL;
        _cleanup_launch_ Launch l = {};
        unsigned line;

        if (text && launch_parse(text, &l, &line) >= 0)
                (void) launch_format(&l, &again);
}

static void console(const uint8_t *data, size_t size) {
        JournalLines l = { .identifier = "serial0", .priority = 6 };

        journal_lines_feed(&l, -EBADF, (const char *) data, size);
        journal_lines_flush(&l, -EBADF);
}

static void complaints(const uint8_t *data, size_t size) {
        free(last_words((const char *) data, size));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        static void (*const targets[])(const uint8_t *, size_t) = { image, launch_file, console, complaints };

        if (size > 0)
                targets[data[0] % ELEMENTSOF(targets)](data + 1, size - 1);
        return 0;
}
