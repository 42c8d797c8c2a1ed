/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* A guest's tap on a running network, or on a bridge of the host: what vm-prepare does at the guest's start, hotplug
 * while it runs, and vm-network when a network that guests were on comes back. */

#include "base/error.h"
#include "model/xml.h"
#include "network/link.h"

typedef struct NetworkPlug {
        const xmlNode *network;     /* the live definition; NULL: a bridge of the host's */
        const xmlNode *interface;   /* complete (network/port.h) */
        const char *bridge;
        const char *tap;
        const char *guest;          /* uuid as text, for Open vSwitch; may be NULL */
} NetworkPlug;

/* Makes the tap a port of the bridge, Linux's own or Open vSwitch's, and gives it what the definitions say: isolation,
 * VLANs, limits, and macTableManager. The tap is left down.
 * Errors name the link; -EOPNOTSUPP (code 67) where the kernel lacks something, or the bridge takes no VLANs. */
int network_plug(Netlink *n, const NetworkPlug *p, Error *e);

/* Only the limits, after they have changed. */
int network_plug_limits(Netlink *n, const NetworkPlug *p, Error *e);

/* The limits of a link that is no port of a bridge. is_guests_end: what the link sends is what the guest sends, as that
 * of a macvtap. */
int network_limit(Netlink *n, const xmlNode *interface, const char *link, bool is_guests_end, Error *e);
