/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Links, addresses and routes, by rtnetlink. One Netlink is one socket in one network namespace; all calls wait for the
 * kernel's answer, which it gives at once. Negative errno is the kernel's own: -EEXIST, -ENODEV, -EPERM, ... */

#include "base/ip.h"
#include "base/macros.h"

typedef struct Netlink Netlink;

int netlink_open(Netlink **ret);
/* The same by a socket that somebody else opened, maybe in another network namespace; a copy is used. */
int netlink_open_socket(int fd, Netlink **ret);
Netlink *netlink_close(Netlink *n);
DEFINE_CLEANUP(Netlink *, netlink_close);
#define _cleanup_netlink_ _cleanup_(netlink_closep)

/* --- links --- */

typedef struct LinkFacts {
        int index;
        int master;         /* index of the bridge that it is a port of, 0 for none */
        unsigned mtu;
        bool up;
        uint8_t mac[6];
        char kind[16];      /* "bridge", "veth", "tun", ...; "" for hardware */
        bool vlan_filtering; /* of a bridge: VLANs of its ports mean something */
} LinkFacts;

/* -ENODEV where there is none of that name, -EINVAL for what is no name of a link. */
int link_read(Netlink *n, const char *name, LinkFacts *ret);

/* A socket, without blocking, on which the kernel tells of links that come, go and change from now on (rtnetlink(7),
 * RTMGRP_LINK). Owned by the caller; negative errno. */
int link_changes_open(void);

typedef struct BridgeSettings {
        const char *name;
        uint8_t mac[6];
        unsigned mtu;               /* 0: the kernel's */
        bool stp;
        unsigned delay_ms;
        bool vlan_filtering;
} BridgeSettings;

/* Makes a bridge, down. -EEXIST where a link has the name, whatever it is. */
int bridge_create(Netlink *n, const BridgeSettings *s);

/* Removes a link. */
int link_delete(Netlink *n, const char *name);

int link_set_up(Netlink *n, const char *name, bool up);
int link_set_mtu(Netlink *n, const char *name, unsigned mtu);

/* What a link takes of what comes by: frames to this address; to all groups; to everybody. */
int link_set_receive(const char *name, const uint8_t mac[6], bool groups, bool all);

/* Makes name a port of bridge; bridge NULL: of none. */
int link_set_master(Netlink *n, const char *name, const char *bridge);

/* --- ports of bridges --- */

typedef struct BridgePortSettings {
        bool isolated;          /* reaches no other isolated port */
        bool without_learning;  /* no learning and no flooding of unknown addresses: the table is filled by fdb_add() */
} BridgePortSettings;

int bridge_port_set(Netlink *n, const char *port, const BridgePortSettings *s);

/* Puts a port into a VLAN of its bridge. native: frames without tag belong to it. */
int bridge_port_vlan_add(Netlink *n, const char *port, uint16_t vlan, bool native, bool tagged);
/* Takes it out again; what a new port is in is VLAN 1. */
int bridge_port_vlan_remove(Netlink *n, const char *port, uint16_t vlan);

/* The bridge sends frames for the MAC to this port. */
int fdb_add(Netlink *n, const char *port, const uint8_t mac[6]);

/* --- macvtap --- */

/* Makes a macvtap on top of the link lower. mode is libvirt's word: vepa, bridge, private, passthrough. name may end in
 * "%d". -EINVAL for another mode. */
int macvtap_create(Netlink *n, const char *name, const char *lower, const char *mode, const uint8_t mac[6]);

/* --- addresses and routes --- */

/* An address that is there already is no error. */
int address_add(Netlink *n, const char *link, const IpAddress *address, unsigned prefix);
/* One end of a way that has two: prefix is of the peer's network. As above. */
int address_add_peer(Netlink *n, const char *link, const IpAddress *address, const IpAddress *peer, unsigned prefix);

/* A route to network/prefix through gateway, by the link. metric 0 is the kernel's. */
int route_add(Netlink *n, const char *link, const IpAddress *network, unsigned prefix, const IpAddress *gateway,
              unsigned metric);

/* Is there a route that the network would take traffic from: one to a part of it or to all of it, or a directly
 * connected one that it is a part of? Fills the name of its link and returns 1; 0 where there is none. */
int route_overlap(Netlink *n, const IpAddress *network, unsigned prefix, char ret_link[16]);
