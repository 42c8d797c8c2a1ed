/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <sys/types.h>

#include "base/macros.h"

/* Is the process, or thread, one of the unit's: is one of the folders of its control group the unit? */
bool process_is_in_unit(pid_t process, const char *unit);
