/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The devices of a network that has no bridge: links of the host for macvtaps (<interface>), or PCI devices (<address>,
 * forward mode hostdev), of which each guest's card gets one. Which are in use is known by the network's ports alone,
 * files that go with their guests. */

#include "base/error.h"
#include "model/xml.h"

/* Has the network such a pool? */
bool network_has_pool(const xmlNode *network);

/* In pool-fill.c, of the library that knows links.
 * Writes into the definition of a network that starts which devices a <pf> stands for: the functions that its card has
 * now. Code 1 where there is no such card, or it has none. */
int network_pool_fill(xmlNode *network, Error *e);

/* Writes into each device how many cards have it (@connections), by the ports that are there. -ENOMEM. */
int network_pool_count(xmlNode *network);

/* The device for one more card, by those numbers: one that nobody has where it can be but one's, else the one with
 * the fewest. Code 1 where there is none. *ret is part of the network. */
int network_pool_choose(const xmlNode *network, xmlNode **ret, Error *e);

/* "0000:01:10.1": of an <address> of PCI; the caller's, NULL without memory or for one that is none. */
char *network_pool_address(const xmlNode *address);
