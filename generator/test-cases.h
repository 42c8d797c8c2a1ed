/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What tests of the generator have in common: cases in a folder each, and drop-ins to look at. */

#include <stddef.h>

/* Calls check for each of n cases, with a folder that is new and goes afterwards. */
void check_cases(size_t n, void (*check)(size_t i, const char *root));
/* The file is there and has this text after its first line; expected NULL: it is not there. */
void assert_drop_in(const char *path, const char *expected);
