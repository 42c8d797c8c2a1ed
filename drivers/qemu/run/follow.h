/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The unit is the truth: the end of a connection is not the end of a guest, and a live definition without a unit is
 * none. */

#include "guest/guest.h"

/* Asks systemd about the unit of a run whose QEMU cannot be talked to, after this many microseconds and again until it
 * can, or the run is over. A unit that is up keeps the guest active, whatever its QEMU does. Where nothing of the unit
 * is left, the guest has ended; if its vm-cleanup was killed, it is run again. Does not wait. */
void follow_unit(Guest *g, uint64_t after);
