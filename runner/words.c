/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "words.h"

#include "base/strings.h"

/* "2026-11-24T10:41:50.766588Z qemu-system-x86_64: " and then the message; the time only with -msg timestamp=on. */
static const char *message_of(const char *line) {
        const char *p = strstr(line, "qemu-system-"), *colon = p ? strstr(p, ": ") : NULL;

        /* the name of the program, not a word of some message */
        if (!colon || (p != line && p - line != strlen("2026-11-24T10:41:50.766588Z ")))
                return NULL;
        return colon + 2;
}

char *last_words(const char *text, size_t len) {
        _cleanup_free_ char *copy = strndup(text, len);
        _cleanup_strbuf_ StrBuf b = {};
        char *rest = copy, *line;

        while (copy && (line = strsep(&rest, "\n"))) {
                const char *message = message_of(line);

                line[strcspn(line, "\r")] = 0;
                if (message) {
                        strbuf_done(&b);
                        strbuf_add(&b, message);
                } else if (*line && !startswith(line, "char device redirected to "))
                        strbuf_addf(&b, "%s%s", b.len > 0 ? " " : "", line);
        }
        return b.len > 0 ? strbuf_take(&b) : NULL;
}
