/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Leases of a guest that runs, which QEMU knows nothing of: with lock_manager = "lockd" vm-run has their locks. */

#include "guest/guest.h"
#include "hotplug/change.h"

/* live: the live definition, which becomes the new one. */
int lease_attach(Guest *g, Definition *live, const Change *c, Error *e);
int lease_detach(Guest *g, Definition *live, const Change *c, Error *e);

/* A lease that an earlier supervisor was about to attach, and did not: nobody has its lock. */
void lease_settle(Guest *g, const Definition *pending, const Definition *live);
