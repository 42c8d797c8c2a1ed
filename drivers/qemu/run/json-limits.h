/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/* Whether a JSON text has at most so many values and nests at most so deep, found out without taking memory for them:
 * each value becomes some 200 bytes, each level some stack. */
bool json_text_fits(const char *text, size_t len, size_t tokens, size_t depth);
