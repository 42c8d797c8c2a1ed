/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "words.h"

#include <unistd.h>

#include "base/strings.h"

/* "2026-11-24T10:41:50.766588Z qemu-system-x86_64: " and then the message; the time only with -msg timestamp=on. */
static const char *message_of(const char *line) {
        const char *p = strstr(line, "qemu-system-"), *colon = p ? strstr(p, ": ") : NULL;

        /* the name of the program, not a word of some message */
        if (!colon || (p != line && p - line != strlen("2026-11-24T10:41:50.766588Z ")))
                return NULL;
        return colon + 2;
}

/* What QEMU has in modules of which it says that there is no such thing, where they are not installed. For some it says
 * what to install, and then that is enough. */
#define SPICE "SPICE is a module of QEMU that is not installed: qemu-system-modules-spice on Debian 13"
#define OPENGL "OpenGL is a module of QEMU that is not installed: qemu-system-modules-opengl on Debian 13"
static const struct {
        const char *message, *hint;
} modules[] = {
        { "no option group 'spice'",      SPICE },
        { "spice support is disabled",    SPICE },
        { "'spicevmc' is not a",          SPICE },
        { "'spiceport' is not a",         SPICE },
        { "'qxl' is not a",               SPICE },
        { "'qxl-vga' is not a",           SPICE },
        { "'virtio-vga-gl' is not a",     OPENGL },
        { "'virtio-gpu-gl-pci' is not a", OPENGL },
};

static const char *hint_for(const char *said) {
        if (strstr(said, " install "))
                return NULL;
        for (size_t i = 0; i < ELEMENTSOF(modules); i++)
                if (strstr(said, modules[i].message))
                        return modules[i].hint;
        return NULL;
}

char *last_words(const char *text, size_t len) {
        _cleanup_free_ char *copy = strndup(text, len);
        _cleanup_strbuf_ StrBuf b = {};
        char *rest = copy, *line;
        const char *hint;

        while (copy && (line = strsep(&rest, "\n"))) {
                const char *message = message_of(line);

                line[strcspn(line, "\r")] = 0;
                if (message) {
                        strbuf_done(&b);
                        strbuf_add(&b, message);
                } else if (*line && !startswith(line, "char device redirected to "))
                        strbuf_addf(&b, "%s%s", b.len > 0 ? " " : "", line);
        }
        hint = b.data ? hint_for(b.data) : NULL;
        if (hint)
                strbuf_addf(&b, " (%s)", hint);
        return b.len > 0 ? strbuf_take(&b) : NULL;
}

static bool is_argument(const char *path, char *const *argv) {
        for (; argv && *argv; argv++)
                if (strstr(*argv, path))
                        return true;
        return false;
}

char *unseen_file(const char *words, char *const *argv) {
        for (const char *p = words; (p = strchr(p, '/')); p++) {
                _cleanup_free_ char *path = NULL;

                if (p > words && !strchr(" '\"=", p[-1]))
                        continue;
                path = strndup(p, strcspn(p, p > words && p[-1] == '\'' ? "'" : "'\": ,"));
                /* what was opened for QEMU is no file of that name */
                if (path && path[1] && !startswith(path, "/dev/fdset/") && is_argument(path, argv) &&
                    access(path, R_OK) < 0)
                        return TAKE_PTR(path);
        }
        return NULL;
}

/* The file behind the number that text begins with, and what follows the number. */
static const char *image_of(const char *text, char *const *images, const char **ret_rest) {
        size_t n = strspn(text, "0123456789");

        for (char *const *i = images; n > 0 && i && *i; i++)
                if (strncmp(*i, text, n) == 0 && (*i)[n] == ' ') {
                        *ret_rest = text + n;
                        return *i + n + 1;
                }
        return NULL;
}

char *name_images(const char *words, char *const *images) {
        _cleanup_strbuf_ StrBuf b = {};

        for (const char *p = words, *found, *rest; *p; p = rest) {
                const char *number = startswith(p, "/dev/fdset/");

                found = number ? image_of(number, images, &rest) : NULL;
                if (found)
                        strbuf_add(&b, found);
                else {
                        strbuf_addc(&b, *p);
                        rest = p + 1;
                }
        }
        return strbuf_take(&b);
}
