/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* /dev/unitvirt/POOL/VOLUME (pool_node() of base/guest-files.h). */

#include "storage/table.h"

/* What the table has, and nothing more. */
int nodes_show(const char *pool, const VolumeTable *t, Error *e);
void nodes_forget(const char *pool);
