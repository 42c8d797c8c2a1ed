/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Another medium in a drive, or none. */

#include "guest/guest.h"

/* old: the drive in the live definition; new: the same in live as it is to be, which takes its place. force: whether
 * the guest wants to give the medium away or not. */
int media_change(Guest *g, Definition *live, xmlNode *old, const xmlNode *wanted, bool force, Error *e);
