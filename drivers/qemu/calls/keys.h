/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/macros.h"

/* QEMU's number of a key (QKeyCode's "number" in its QAPI). set is a virKeycodeSet. -EINVAL for a set that is not known
 * here,
 * -EOPNOTSUPP for a key that is not. */
int key_number(unsigned set, unsigned code);
