/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* virtual CPUs as the guest sees them, which it may switch on and off itself: by its agent. */

#include "guest/guest.h"

/* How many there are, or only those that are on. */
int guest_count_vcpus(Guest *g, bool all, unsigned *ret, Error *e);
/* Switches on and off until so many are on. */
int guest_set_vcpus(Guest *g, unsigned n, Error *e);
