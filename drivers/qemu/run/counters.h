/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Questions to vm-events, which keeps what the kernel counts of a guest that runs (base/guest-events.h). Within a
 * fiber. */

#include "base/guest-events.h"
#include "guest/guest.h"

/* Has these counted from now on, all or none; has these counted no more. */
int counters_ask_enable(Guest *g, const bool events[static GUEST_EVENTS], Error *e);
int counters_ask_disable(Guest *g, const bool events[static GUEST_EVENTS], Error *e);

/* How far all that are counted have come. */
int counters_ask_values(Guest *g, GuestEventValues *ret, Error *e);
