/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Any bytes as a PCI device's vital product data. What is taken is text, of keywords that there are. */

#include <ctype.h>

#include "vpd.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_text(const char *s) {
        for (; *s; s++)
                if (!isprint((unsigned char) *s) || (unsigned char) *s >= 0x7f)
                        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        _cleanup_vpd_ Vpd v = {};

        if (vpd_parse(data, size, &v) < 0)
                return 0;
        if (!v.name || v.n > VPD_FIELDS_MAX)
                abort();
        check_text(v.name);
        for (size_t i = 0; i < v.n; i++) {
                check_text(v.fields[i].keyword);
                check_text(v.fields[i].value);
                if (strlen(v.fields[i].keyword) != 2 || strlen(v.fields[i].value) > 255)
                        abort();
        }
        return 0;
}
