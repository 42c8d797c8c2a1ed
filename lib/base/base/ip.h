/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Addresses of IPv4 and IPv6 in one type. */

#include <netinet/in.h>

#include "base/macros.h"

typedef struct IpAddress {
        int family;          /* AF_INET or AF_INET6 */
        uint8_t bytes[16];   /* network order; the first four for AF_INET, the rest zero */
} IpAddress;

/* Room for the text of one, with its NUL. */
#define IP_TEXT_MAX INET6_ADDRSTRLEN

/* "192.168.122.1" or "fd00::1" as inet_pton(3) reads them; -EINVAL for NULL and all else. */
int ip_parse(const char *text, IpAddress *ret);

/* The usual text, in the buffer, which is returned. */
const char *ip_format(const IpAddress *a, char buffer[IP_TEXT_MAX]);

/* Bits of an address: 32 or 128. */
static inline unsigned ip_bits(const IpAddress *a) {
        return a->family == AF_INET ? 32 : 128;
}

/* Less than, equal to or greater than zero; addresses of IPv4 come before those of IPv6. */
int ip_compare(const IpAddress *a, const IpAddress *b);

/* The address with all bits behind the prefix cleared, or, for the broadcast address, set. */
IpAddress ip_network(const IpAddress *a, unsigned prefix);
IpAddress ip_last(const IpAddress *a, unsigned prefix);

/* Is a one of network/prefix? */
bool ip_is_in(const IpAddress *a, const IpAddress *network, unsigned prefix);

/* How many addresses there are from first to last, UINT64_MAX for more than fit; 0 where last comes before first
 * or is of the other family. */
uint64_t ip_count(const IpAddress *first, const IpAddress *last);

/* "255.255.255.0" to 24; -EINVAL for what is no netmask. */
int ip_prefix_from_netmask(const IpAddress *netmask, unsigned *ret);

/* The netmask of a prefix of IPv4. */
IpAddress ip_netmask(unsigned prefix);

/* The prefix that the class of an address of IPv4 implies (8, 16 or 24; 4 for multicast as RFC 1112 has it), 64 for
 * IPv6: what holds where a definition names neither netmask nor prefix. */
unsigned ip_default_prefix(const IpAddress *a);
