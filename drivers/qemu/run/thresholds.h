/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Marks that a client has set on images: QEMU tells once when one is written beyond its mark. */

#include "guest/guest.h"

/* The image has a mark; by_number: it was named by its number, "vda[3]", and its event names it so alone. A later
 * daemon does not know that, and sends both. -ENOMEM. */
int threshold_note(Guest *g, unsigned image, bool by_number);

/* QEMU's event. */
void threshold_exceeded(Guest *g, json_t *data);
