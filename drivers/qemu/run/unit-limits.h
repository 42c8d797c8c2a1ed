/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What a guest's unit is limited to, while it runs. */

#include "guest/guest.h"

/* The plan of a definition says what its unit is limited to (CPUWeight=, MemoryMax=, ...). Where the plans of the two
 * differ in that, systemd is told, for this run: the files that systemd keeps of it are on the undo list. They are read
 * after the definition's own drop-in (10-unitvirt.conf) and so hold until the run ends. Within a fiber. */
int unit_limits_change(Guest *g, const Definition *before, const Definition *after, Error *e);

/* Puts what systemd keeps of such a setting ("DeviceAllow") of a unit onto the guest's undo list, before it is made: it
 * would hold for the next run too. */
int unit_setting_promise(const Guest *g, const char *unit, const char *key, Error *e);
/* Whether that was done in this run. */
bool unit_setting_is_promised(const Guest *g, const char *unit, const char *key);

/* Has systemd give the unit's control group the controller of the CPUs, by a weight of its own: what it has, or else
 * the usual one. Within a fiber. */
int unit_limits_take_cpu(Guest *g, const Definition *live, Error *e);

/* Writes into a copy of the live definition what "systemctl set-property" has changed of the unit. -ENOMEM. Within a
 * fiber (unit-shown.c). */
int unit_limits_show(Guest *g, Definition *live);

/* This file goes with the guest's run. */
int unit_limits_promise_undo(const Guest *g, const char *file, Error *e);

/* The <device> of a <blkiotune> that has this path, made where there is none; the document's. NULL without memory. */
xmlNode *unit_limits_device(xmlNode *tune, const char *path);
