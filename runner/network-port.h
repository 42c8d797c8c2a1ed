/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The ports that a guest's cards are on their networks, files of their own (virsh net-port-list): what is plugged in
 * where, for clients, and which device of a network's pool is whose. They are on the guest's undo list. */

#include "prepare.h"

/* What the card is plugged into: a bridge, a link of the host (mode: libvirt's word), or a PCI device. */
typedef struct NetworkPort {
        const char *bridge;
        bool own_bridge;         /* the network's, not the host's */
        const char *link, *mode;
        const xmlNode *address;
        bool managed;
} NetworkPort;

/* Writes the port of a card; uuid is made up, and stands in its source/@portid afterwards. */
int network_port_write(Prepare *p, const xmlNode *network, xmlNode *interface, const NetworkPort *port);

/* Chooses a device of the network's pool, and writes the port for it: until that is removed it is this guest's. *ret is
 * part of the network. */
int network_port_take(Prepare *p, xmlNode *network, xmlNode *interface, xmlNode **ret);
