/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Limits of disks that a client sends as typed parameters: of one disk, and of a group of them. */

#include "model/definition.h"
#include "rpc/remote.h"

typedef struct Throttle {
        const char *name;               /* the disk, or the group */
        const remote_typed_param *val;
        unsigned len;
} Throttle;

/* Names, types, and what QEMU takes. Codes 8 and 74. */
int throttle_check(const Throttle *t, Error *e);

/* What is said replaces what limits has of it: a total said alone its parts, and the other way round; 0 takes a limit
 * away. Both at once are refused. */
int throttle_edit(xmlNode *limits, const Throttle *t, Error *e);

/* Makes all of them what from has, but for the group's name. */
int throttle_copy(xmlNode *limits, const xmlNode *from);
