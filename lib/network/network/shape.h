/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Limits of a link's traffic, by the kernel's traffic control. <bandwidth> looks from the guest: inbound is what the
 * host's end of a tap, or a bridge, sends (egress); outbound is what it gets (ingress). */

#include "network/link.h"

/* <inbound> and <outbound>: rates in KiB a second, burst in KiB. 0 is not said. */
typedef struct Rate {
        unsigned average;
        unsigned peak;
        unsigned burst;
} Rate;

/* Limits what the link sends (htb). NULL takes the limit away. A limit that is there is replaced. */
int shape_egress(Netlink *n, const char *link, const Rate *rate);

/* The same for the bridge of a network, which may guarantee a part of it to single cards. */
int shape_network(Netlink *n, const char *bridge, const Rate *rate);

/* Guarantees KiB a second of what the network's bridge sends to the card with this MAC, in place of what was guaranteed
 * to it before. -ENXIO where the bridge has no limit to take it from, -ENOSPC where too much of that is promised
 * already, -EOPNOTSUPP where the kernel cannot tell cards apart. */
int shape_floor_add(Netlink *n, const char *bridge, const uint8_t mac[6], unsigned floor);

/* Takes it back; 0 as well where there is none. */
int shape_floor_remove(Netlink *n, const char *bridge, const uint8_t mac[6]);

/* "BRIDGE MAC", the value of UNDO_FLOOR. */
int shape_floor_undo(const char *value);

/* Has the kernel complete the checksums of DHCP answers that leave by the network's bridge, which it otherwise leaves
 * to a card: with vhost they reach the guest as they are, and its client may take them for broken. After
 * shape_ingress(), which begins anew. -EOPNOTSUPP where the kernel cannot (act_csum). */
int shape_checksums(Netlink *n, const char *bridge);

/* Limits what the link gets (a policer at its ingress); what is above is dropped. NULL takes the limit away.
 * -EOPNOTSUPP where the kernel has no policers. */
int shape_ingress(Netlink *n, const char *link, const Rate *rate);
