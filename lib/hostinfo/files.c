/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "base/strings.h"
#include "files.h"

FILE *host_open(const char *format, ...) {
        _cleanup_free_ char *name = TEXT_OF_ARGUMENTS(format), *path = NULL;
        const char *root = secure_getenv("UNITVIRT_HOST_ROOT");

        if (name && root)
                path = text_format("%s%s", root, name);
        return path || (name && !root) ? fopen(path ?: name, "re") : NULL;
}

static int first_line(char *line, size_t size, const char *path) {
        _cleanup_fclose_ FILE *f = path ? host_open("%s", path) : NULL;

        if (!f || !fgets(line, (int) size, f))
                return -ENOENT;
        line[strcspn(line, "\n")] = 0;
        return 0;
}

int host_read_line(char *line, size_t size, const char *format, ...) {
        _cleanup_free_ char *path = TEXT_OF_ARGUMENTS(format);

        return first_line(line, size, path);
}

int host_read_number(uint64_t *ret, const char *format, ...) {
        _cleanup_free_ char *path = TEXT_OF_ARGUMENTS(format);
        char line[64];
        int r;

        r = first_line(line, sizeof(line), path);
        return r < 0 ? r : parse_u64(line, 10, ret);
}
