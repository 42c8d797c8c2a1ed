/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Reading a virtual network's definition: the tree of <network> is what is passed around, these say what it means.
 *
 * All of them are pure. They accept definitions in canonical form, and cope with others, so that the tree of a file
 * that was written by hand can be read before it was checked. */

#include "base/error.h"
#include "base/ip.h"
#include "model/xml.h"

/* forward/@mode, libvirt's words. */
typedef enum ForwardMode {
        FORWARD_NONE,          /* isolated */
        FORWARD_NAT,
        FORWARD_ROUTE,
        FORWARD_OPEN,
        FORWARD_BRIDGE,
        FORWARD_PRIVATE,
        FORWARD_VEPA,
        FORWARD_PASSTHROUGH,
        FORWARD_HOSTDEV,
        _FORWARD_MODE_MAX,
        _FORWARD_MODE_INVALID = -EINVAL,
} ForwardMode;

const char *forward_mode_to_string(ForwardMode mode);
ForwardMode forward_mode_from_string(const char *s);

/* How the network reaches the outside; a <forward> without mode is nat. */
ForwardMode network_forward_mode(const xmlNode *network);

/* Has it a bridge that is made at its start, or does it use what the host has? */
static inline bool forward_mode_has_own_bridge(ForwardMode mode) {
        return mode >= FORWARD_NONE && mode <= FORWARD_OPEN;
}

/* Does traffic pass between the network and others? */
static inline bool forward_mode_has_outside(ForwardMode mode) {
        return mode == FORWARD_NAT || mode == FORWARD_ROUTE || mode == FORWARD_OPEN;
}

const char *network_name(const xmlNode *network);

/* bridge/@name, NULL where there is none. */
const char *network_bridge(const xmlNode *network);

/* forward/@dev or the first forward/interface/@dev: the only link that forwarded traffic may use; NULL for any. */
const char *network_forward_device(const xmlNode *network);

/* One <ip> or <route>: address and prefix, which comes from @prefix, @netmask or the class of the address. */
typedef struct NetworkIp {
        IpAddress address;
        unsigned prefix;
        bool has_netmask;   /* it was said by @netmask or @prefix */
} NetworkIp;

/* -EBADMSG and e for an address, netmask or prefix that is none, or whose family is not @family's. */
int network_ip_read(const xmlNode *ip, NetworkIp *ret, Error *e);

/* Has the network an address of the family? AF_UNSPEC is any. */
bool network_has_ip(const xmlNode *network, int family);

/* The <ip> of the family that holds <dhcp>, NULL where none does. */
xmlNode *network_dhcp_ip(const xmlNode *network, int family);

/* Do guests ask this network for names (dns/@enable)? */
bool network_has_dns(const xmlNode *network);

/* Is there anything for dnsmasq to do? */
bool network_needs_dnsmasq(const xmlNode *network);

/* The <portgroup> called name, or the default one where name is NULL. NULL where there is none. */
xmlNode *network_portgroup(const xmlNode *network, const char *name);
