/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "guest/guest.h"

/* Translates an event of QEMU's to clients' events, and to changes of the guest's state. */
void guest_on_qmp_event(Guest *g, const char *name, json_t *data, uint64_t usec);
