/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "run/json-limits.h"

bool json_text_fits(const char *text, size_t len, size_t tokens, size_t depth) {
        size_t n = 0, level = 0;
        bool quoted = false;

        for (size_t i = 0; i < len; i++) {
                if (text[i] == '"')
                        quoted = !quoted;
                else if (text[i] == '\\' && quoted)
                        i++;
                else if (!quoted && (text[i] == '{' || text[i] == '[')) {
                        n++;
                        if (++level > depth)
                                return false;
                } else if (!quoted && (text[i] == '}' || text[i] == ']'))
                        level -= level > 0;
                else if (!quoted && text[i] == ',')
                        n++;
        }
        return n <= tokens;
}
