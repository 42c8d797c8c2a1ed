/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Which chains of nftables there are, asked of the kernel itself: libnftables reads all tables with all that is in them
 * before it lists one, which with a hundred networks is most of a start's work. */

#include "network/link.h"

/* A socket for these. */
int netlink_open_netfilter(Netlink **ret);

/* Is there a chain of this name in a table of the family ip? 1, 0, negative errno. */
int chain_exists(Netlink *n, const char *table, const char *chain);

/* Calls f for each chain whose hook is input and whose policy is drop, but for those about IPv6 alone. family is nft's
 * word. */
typedef void (*ChainFunc)(const char *family, const char *table, const char *chain, void *userdata);
int chains_dropping_input(Netlink *n, ChainFunc f, void *userdata);
