/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The network driver: networks as objects (lib/object), each the unit vm-network@NAME.service, which does all the work.
 *
 *   driver.c     the kind, its files and its unit, lists and other calls that all objects have
 *   define.c     definitions: define, undefine, create, names of bridges
 *   run.c        start and stop
 *   update.c     net-update, metadata
 *   sections.c   what net-update changes in a tree
 *   leases.c     leases
 *   ports.c      ports
 *   allocate.c   what a client's port is plugged into
 */

#include "network/network.h"
#include "object/call.h"
#include "object/event.h"
#include "object/unit.h"

typedef struct Network {
        Object object;
        bool active;
        char *bridge;           /* of its definitions, as last read; NULL none */
        FileStamp bridge_stamp; /* of the persistent definition at that time */
} Network;

typedef struct NetworkDriver {
        ObjectIndex networks;
} NetworkDriver;

extern const ObjectKind kind_network;

#define CALL(NAME, f, ...) OBJECT_CALL(remote, REMOTE, &kind_network, Network, NAME, f, __VA_ARGS__)
#define ACTION(NAME, f, ...) OBJECT_ACTION(remote, REMOTE, &kind_network, Network, NAME, f, __VA_ARGS__)
#define PLAIN(NAME, f, ...) PLAIN_CALL(remote, REMOTE, &kind_network, NAME, f, __VA_ARGS__)

extern const RpcTable network_table_driver, network_table_define, network_table_run, network_table_update,
        network_table_leases, network_table_ports;

/* virNetworkEventLifecycleType beside OBJECT_DEFINED and OBJECT_UNDEFINED */
enum { NETWORK_STARTED = 2, NETWORK_STOPPED = 3 };

/* define.c: the bridge's name in the network's definitions, read when it has changed; NULL where there is none. */
const char *network_bridge_name(Network *n);

/* run.c: starts the unit. Waits. */
int network_start(Network *n, Error *e);

/* sections.c: carries out one net-update on a definition, which is checked again as a whole by the caller. command and
 * section: virNetworkUpdateCommand, virNetworkUpdateSection. A device that has @connections is not taken away. */
int network_update_section(Definition *d, unsigned command, unsigned section, int parent, const char *xml, Error *e);

/* ports.c: how many ports guests have. */
unsigned network_n_ports(const Network *n);

/* allocate.c: writes into a <networkport> without <plug> what it is plugged into, and what its portgroup and the
 * network say of it. The network is active, and its folder of ports locked until the port is there. */
int network_port_allocate(const Network *n, xmlNode *port, Error *e);
