/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Any bytes as a descriptor of firmware, as a package or an administrator may leave one. What is taken can be chosen
 * for a guest without a second look: files with whole paths and formats, and targets of two words. */

#include "base/strings.h"
#include "qemu/firmware.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_file(const char *path, const char *format) {
        if (!path || *path != '/' || !format || !*format)
                abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        Firmware f = {};

        if (firmware_parse((const char *) data, size, &f) < 0)
                return 0;
        check_file(f.executable, f.format);
        if (f.mapping == FIRMWARE_FLASH)
                check_file(f.nvram_template, f.template_format);
        for (char **target = f.targets; target && *target; target++)
                if (!strchr(*target, ' '))
                        abort();
        (void) firmware_fits_machine(&f, "x86_64", "pc-q35-7.2");
        firmware_done(&f);
        return 0;
}
