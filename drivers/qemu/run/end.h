/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "guest/guest.h"

/* Ends the guest, running or on its way up, and waits until its QEMU is gone: by vm-run, and after ten seconds by
 * SIGKILL to all of the unit. What counts is the unit, not what is known of the guest: code 55 only where nothing of it
 * is active. */
int guest_end(Guest *g, Error *e);

/* Destroys the guests that the connection with this mark (guest_mark(), AUTODESTROY_ORPHAN) started with autodestroy,
 * in a fiber of its own. */
void guests_autodestroy(QemuDriver *d, uint64_t mark);
