/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/macros.h"

/* Logs what of qemu.conf does not hold, if the file has changed since that was done last, by whichever process; again:
 * in any case, and what has changed. */
void config_report(bool again);
