/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "base/strings.h"
#include "program.h"
#include "qemu/version.h"

#define CACHE "emulator"

int qemu_version_cached(const char *emulator, unsigned *ret) {
        _cleanup_free_ char *text = NULL;
        int r;

        r = program_recall(CACHE, emulator, 256, &text);
        if (r < 0)
                return r;
        return parse_uint(text, ret) >= 0 ? 0 : -ENOENT;
}

int qemu_version_store(const char *emulator, unsigned version) {
        char text[16];

        snprintf(text, sizeof(text), "%u", version);
        return program_remember(CACHE, emulator, text);
}

int qemu_version_parse(const char *output, unsigned *ret) {
        const char *p = strstr(output, "version ");
        unsigned major, minor, micro = 0;

        if (!p || sscanf(p, "version %u.%u.%u", &major, &minor, &micro) < 2 || major > 999 || minor > 999 ||
            micro > 999)
                return -EBADMSG;
        *ret = major * 1000000U + minor * 1000U + micro;
        return 0;
}

/* Copies the beginning of what "--version" prints. The texts come behind the names of symbols, so the last part is
 * looked at first. */
static int find_text(const ProgramFile *f, char *ret, size_t ret_size) {
        static const char begin[] = "QEMU emulator version ";
        size_t at = SIZE_MAX, len;
        const char *part;

        while (program_constants(f, &at, &part, &len)) {
                const char *text = memmem(part, len, begin, strlen(begin));

                if (!text)
                        continue;
                snprintf(ret, ret_size, "%.*s", (int) MIN((size_t) (part + len - text), ret_size), text);
                return 0;
        }
        return -ENOENT;
}

int qemu_version_read(const char *emulator, unsigned *ret) {
        _cleanup_program_ ProgramFile f = {};
        char text[64];
        int r;

        r = program_open(emulator, &f);
        if (r >= 0)
                r = find_text(&f, text, sizeof(text));
        return r < 0 ? r : qemu_version_parse(text, ret);
}

int qemu_version_get(const char *emulator, unsigned *ret) {
        char output[1024];
        int r;

        if (qemu_version_cached(emulator, ret) >= 0)
                return 0;
        r = qemu_version_read(emulator, ret);
        if (r < 0) {
                r = program_output(emulator, "--version", NULL, output, sizeof(output));
                if (r >= 0)
                        r = qemu_version_parse(output, ret);
        }
        if (r >= 0)
                (void) qemu_version_store(emulator, *ret);
        return r;
}
