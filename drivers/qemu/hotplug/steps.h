/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What QEMU is told of a device: each step with what undoes it. Within fibers. */

#include "guest/guest.h"
#include "hotplug/ask.h"
#include "qemu/device.h"

/* The version of the QEMU that runs, "10.0.2", and the first number of a set of descriptors that it does not use. */
int steps_query(Guest *g, char ret_version[32], unsigned *ret_set, Error *e);
/* The version alone. */
int steps_version(Guest *g, char ret_version[32], Error *e);

/* Hands the descriptors of an answer to QEMU and carries out its steps, those for a medium (block nodes) only or all.
 * After a failure everything is as before. 1 where the device is there, and what was to follow failed: it is asked to
 * go. */
int steps_run(Guest *g, const char *alias, const PlugAnswer *a, bool nodes_only, Error *e);

/* Takes away what belongs to a device of the live definition, which itself has gone (or with_device, is removed too),
 * as far as it is there. */
void steps_take_away(Guest *g, const Definition *live, const xmlNode *device, bool with_device);

/* The same for the block nodes of a medium that is out of its drive; what was made for the next one stays. */
void steps_take_away_nodes(Guest *g, const Definition *live, const xmlNode *drive, const PlugAnswer *next);
/* The nodes of a medium that came to nothing. */
void steps_take_back_nodes(Guest *g, const PlugAnswer *a);

/* The parts that a device has in QEMU, by the definition alone. */
int steps_parts(Guest *g, const Definition *live, const xmlNode *device, QemuParts *ret);

/* Names of the devices that QEMU has: "disk0", ... as a JSON array of objects with "name". */
int steps_peripherals(Guest *g, json_t **ret, Error *e);
bool steps_is_there(json_t *peripherals, const char *alias);
