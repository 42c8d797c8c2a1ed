/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The host's end of a channel that QEMU listens for. */

#include "guest/guest.h"

/* Connects to the socket of a live definition; the descriptor does not block. A socket in the guest's own folder is the
 * guest's user's to replace, and has to be QEMU's; one that the definition names is root's. Negative errno. */
int guest_connect_channel(const Guest *g, const char *path);
