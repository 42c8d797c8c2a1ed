/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Disks as a guest's agent describes them: by where they are in the guest's hardware. */

#include <jansson.h>

#include "model/definition.h"

/* The disk of the definition at the place that the agent names (GuestDiskAddress of its protocol); NULL where there is
 * none. */
const xmlNode *guest_disk(const Definition *d, json_t *address);
