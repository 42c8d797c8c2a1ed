/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Cards on macvtaps that are trusted with what they receive (trustGuestRxFilters): the host follows what the guest says
 * to the card, its address above all. */

#include "guest/guest.h"

/* QEMU says that the guest has changed it; alias NULL: whatever was said before anybody listened. */
void receive_on_changed(Guest *g, const char *alias);
