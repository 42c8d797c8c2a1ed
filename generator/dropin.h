/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/strings.h"

/* Writes UNIT_DIR/UNIT.d/FILE with what is in b, making the folder. Logs; negative errno where that failed, or b
 * did. */
int dropin_write(const char *unit_dir, const char *unit, const char *file, const StrBuf *b);
