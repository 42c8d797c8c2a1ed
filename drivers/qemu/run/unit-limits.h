/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What a guest's unit is limited to, while it runs. */

#include "guest/guest.h"

/* The plan of a definition says what its unit is limited to (CPUWeight=, MemoryMax=, ...). Where the plans of the two
 * differ in that, systemd is told, for this run: the files that systemd keeps of it are on the undo list. They are read
 * after the definition's own drop-in (10-unitvirt.conf) and so hold until the run ends. Within a fiber. */
int unit_limits_change(Guest *g, const Definition *before, const Definition *after, Error *e);
