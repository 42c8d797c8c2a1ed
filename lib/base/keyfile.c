/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/keyfile.h"

void keyfile_add(StrBuf *b, const char *key, const char *value) {
        strbuf_addf(b, "%s=", key);
        for (; *value; value++)
                if (*value == '\n')
                        strbuf_add(b, "\\n");
                else if (*value == '\\')
                        strbuf_add(b, "\\\\");
                else
                        strbuf_addc(b, *value);
        strbuf_addc(b, '\n');
}

static int unescape(char *s) {
        char *w = s;

        for (; *s; s++) {
                if (*s != '\\') {
                        *w++ = *s;
                        continue;
                }
                s++;
                if (*s != 'n' && *s != '\\')
                        return -EINVAL;
                *w++ = *s == 'n' ? '\n' : '\\';
        }
        *w = 0;
        return 0;
}

int keyfile_parse_line(char *line, char **ret_value) {
        char *value = strchr(line, '=');

        if (!value)
                return -EINVAL;
        *value++ = 0;
        if (unescape(value) < 0)
                return -EINVAL;
        *ret_value = value;
        return 0;
}
