/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Lines of KEY=VALUE, where VALUE is any text: in it a line feed is "\n" and a backslash "\\". For files that programs
 * of ours leave for each other. */

#include "base/strings.h"

/* Appends a line; the buffer's errors stick. */
void keyfile_add(StrBuf *b, const char *key, const char *value);

/* Divides a line (without its line feed) in place, and undoes the escaping. -EINVAL for what is no such line. */
int keyfile_parse_line(char *line, char **ret_value);
