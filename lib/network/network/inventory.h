/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What links, addresses and default routes there are: the live state of the host, read in one go. */

#include "network/link.h"

typedef struct HostBridge {
        bool stp;
        unsigned delay_cs;      /* 1/100 s */
} HostBridge;

typedef struct HostBond {
        unsigned mode;          /* 0 (balance-rr) to 6 (balance-alb): linux/if_bonding.h */
        unsigned miimon, up_delay, down_delay; /* ms; 0: not watched */
        bool carrier;           /* by the driver's word rather than by asking the hardware */
        unsigned arp_interval;  /* ms */
        char arp_target[16];    /* the first one of IPv4; "" */
        unsigned arp_validate;  /* none, active, backup, all */
} HostBond;

typedef struct HostLink {
        LinkFacts facts;
        char name[16];
        bool has_mac;           /* a hardware address of 6 bytes: not every link has one */
        unsigned state;         /* IF_OPER_x of linux/if.h, RFC 2863 */
        int lower;              /* index of the link below a vlan; 0: none, or in another namespace */
        unsigned vlan;
        HostBridge bridge;
        HostBond bond;
} HostLink;

/* All links, by index. *ret is the caller's. */
int links_list(Netlink *n, HostLink **ret, size_t *ret_n);

typedef struct HostAddress {
        IpAddress address;
        unsigned prefix;
        bool permanent;         /* nobody said that it ends: it came from no DHCP or router */
        bool local;             /* of the link only (fe80::) */
} HostAddress;

/* The addresses of a link, in the kernel's order. *ret is the caller's. */
int addresses_list(Netlink *n, int index, HostAddress **ret, size_t *ret_n);

/* The gateway of the family's default route by this link; of several the one that counts. 1, 0 where there is none. */
int gateway_read(Netlink *n, int index, int family, IpAddress *ret);
