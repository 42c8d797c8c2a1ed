/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* A guest's card on a virtual network: what it is to be, by its own words, its portgroup's and the network's. Pure. */

#include "base/error.h"
#include "model/xml.h"

/* Writes into the card what its portgroup and the network say of it and it does not say itself: bandwidth (of the
 * portgroup alone: a network's limits are its bridge's), VLANs, isolation, MTU. <virtualport> is put together of all
 * three, attribute by attribute. Code 67 where two of them contradict each other, where the card's way to the network
 * takes no virtualport of that type, and for a type that is not supported; -ENOMEM. */
int network_port_complete(const xmlNode *network, xmlNode *interface, Error *e);

/* The same of a card on a bridge of the host, where nobody else has a say: only the type is looked at. */
int network_port_check(const xmlNode *interface, Error *e);

/* Is the card's port one of Open vSwitch? */
bool network_port_is_ovs(const xmlNode *interface);
