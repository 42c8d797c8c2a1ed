/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The live definition, which vm-prepare wrote at start: what becomes known or changes afterwards is written here. */

#include "guest.h"

/* Writes the live definition back. */
int live_write(Guest *g, const Definition *d, Error *e);

/* Takes the names of ptys from the answer to query-chardev. */
void live_take_chardevs(Guest *g, json_t *list);
