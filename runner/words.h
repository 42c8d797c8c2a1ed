/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/macros.h"

/* What QEMU said last about itself, in one line: from the end of its stderr, the last message with the hints that follow
 * it, without time and program name, and what to install where it misses a module. Owned by the caller; NULL where it said
 * nothing (or memory ran out). */
char *last_words(const char *text, size_t len);
