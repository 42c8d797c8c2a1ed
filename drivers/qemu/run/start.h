/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "guest/guest.h"

/* Starts an inactive guest through its unit, within a modify job; waits. flags: CREATE_x. mark: guest_mark() of the
 * client whose end is to be the guest's, 0 for none. Success means that QEMU runs (or is paused, with
 * CREATE_PAUSED). */
int guest_start(Guest *g, uint32_t flags, uint64_t mark, Error *e);
