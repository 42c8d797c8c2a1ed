/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "guest/guest.h"

/* The guest's start has failed, perhaps because of a helper of it: waits until those have ended, by when what they had
 * to say is in NAME.error. Within a fiber. */
void guest_wait_for_helpers(Object *o);
