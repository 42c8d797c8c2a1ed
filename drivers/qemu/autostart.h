/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Whether a guest starts with the host: the link that "systemctl enable" makes, or the one that libvirt makes. */

#include "guest.h"

bool autostart_is_on(const Guest *g);

/* Removes all links of both kinds, without a word about those that are not there. Waits. */
int autostart_remove(Guest *g, Error *e);

/* Enables the guest's unit. Waits. */
int autostart_add(Guest *g, Error *e);
