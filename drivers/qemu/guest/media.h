/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "guest/guest.h"

/* Tells clients of the disks that a guest was just started without, since their media are not there and the definition
 * says startupPolicy='optional'. Cheap when nobody listens. */
void media_tell_missing(Guest *g);
