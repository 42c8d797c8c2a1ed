/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Cards of a guest that runs. What of them is the host's is changed by vm-plug; QEMU only learns whether the link is
 * up. */

#include "guest/guest.h"
#include "hotplug/change.h"

/* Gives the card old what the document says: another source, VLANs, limits, filter, link. */
/* A card whose change an earlier supervisor did not see the end of gets the place that the pending definition says, and
 * the live one, which is written, says the same; it is not as it was in live afterwards. */
int card_settle(Guest *g, const Definition *live, const Definition *pending, Error *e);

int card_update(Guest *g, Definition *live, xmlNode *old, const Change *c, bool force, Error *e);

/* Does to the host what the card with this alias is in next and is not in the live definition. *ret_device is the card
 * as it is now, the caller's; may be NULL. Waits. */
int card_apply(Guest *g, const Definition *next, const char *alias, xmlDocPtr *ret_device, Error *e);
