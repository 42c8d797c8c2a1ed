/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Which addresses the host's neighbours have: its ARP table, and that of IPv6 (rtnetlink(7), RTM_GETNEIGH). Without a
 * library: virtqemud would map one for a single question. */

#include <stdint.h>

/* Called for each neighbour whose hardware address is known. Negative errno ends the walk. */
typedef int (*NeighbourFunc)(const uint8_t mac[6], const char *address, void *userdata);

/* fd: a socket of rtnetlink in the network whose neighbours are meant, which nobody else waits for an answer on; 0: one
 * of this process's own. The kernel answers at once. Negative errno: the kernel's, the function's, or -EBADMSG. */
int neighbours_foreach(int fd, NeighbourFunc f, void *userdata);
