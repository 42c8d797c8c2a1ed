/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What the live definition is to become, NAME.pending: vm-plug opens what it says, and a later supervisor sees by it
 * what was under way. */

#include "guest/guest.h"

int pending_write(const Guest *g, const Definition *d, Error *e);
void pending_remove(const Guest *g);

/* -ENOENT where nothing is under way. */
int pending_load(const Guest *g, Definition **ret, Error *e);
