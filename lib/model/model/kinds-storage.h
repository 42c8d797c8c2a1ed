/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What the kinds of pools and volumes share. */

#include "model/kind.h"
#include "model/xml.h"

/* <permissions> of an element, which may be NULL: the mode in octal digits with one 0 in front, owner and group as
 * numbers; those that say nothing are dropped. */
int normalise_storage_permissions(Normaliser *n, xmlNode *parent);
