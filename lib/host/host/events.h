/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Events of a guest that the kernel counts, by vm-events (base/guest-events.h), for who may wait for it. */

#include "base/guest-events.h"

/* Has these counted of a process of the guest's and of all that comes of it, and nothing that was counted of an earlier
 * run. */
int events_begin(const char *guest, pid_t process, const bool events[GUEST_EVENTS], Error *e);

/* Has nothing counted of the guest any more: the undoing of UNDO_EVENTS, whose value is its name. */
int events_forget(const char *guest);
