/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Devices of a guest that runs. */

#include "guest/guest.h"
#include "hotplug/change.h"

/* live: the live definition, which may be changed. */
int live_attach(Guest *g, Definition *live, const Change *c, Error *e);
int live_detach(Guest *g, Definition *live, const Change *c, Error *e);
int live_update(Guest *g, Definition *live, const Change *c, bool force, Error *e);
