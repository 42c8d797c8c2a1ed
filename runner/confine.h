/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <sys/types.h>

#include "base/macros.h"
#include "launch.h"

/* For the process that is about to become QEMU: takes away what it could do to us, the process that is vm-run, and to
 * others of its user; see confine.c. What the guest needs of it all is in the launch file; folder is the unit's own
 * below /run, which is closed to it where that says "sealed". Negative errno. */
int confine_qemu(const Launch *l, const char *folder, pid_t us);
