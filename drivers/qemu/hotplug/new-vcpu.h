/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "guest/guest.h"

/* The thread of a vCPU that was plugged in runs where the definition says, takes no more than it may, and is in the
 * vCPU's groups of resctrl: as if it had been there at the start. Within a fiber. */
int new_vcpu_settle(Guest *g, const Definition *live, unsigned id, Error *e);
