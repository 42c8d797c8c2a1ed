/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/ip.h"

#include <arpa/inet.h>

int ip_parse(const char *text, IpAddress *ret) {
        IpAddress a = {};

        if (!text)
                return -EINVAL;
        a.family = strchr(text, ':') ? AF_INET6 : AF_INET;
        if (inet_pton(a.family, text, a.bytes) != 1)
                return -EINVAL;
        *ret = a;
        return 0;
}

const char *ip_format(const IpAddress *a, char buffer[IP_TEXT_MAX]) {
        return inet_ntop(a->family, a->bytes, buffer, IP_TEXT_MAX) ?: "";
}

int ip_compare(const IpAddress *a, const IpAddress *b) {
        if (a->family != b->family)
                return a->family == AF_INET ? -1 : 1;
        return memcmp(a->bytes, b->bytes, sizeof a->bytes);
}

/* The bits of byte i that belong to the network. */
static uint8_t mask_of_byte(unsigned prefix, unsigned i) {
        unsigned before = i * 8;

        if (prefix >= before + 8)
                return 0xff;
        return prefix <= before ? 0 : (uint8_t) (0xff << (before + 8 - prefix));
}

IpAddress ip_network(const IpAddress *a, unsigned prefix) {
        IpAddress n = *a;

        for (unsigned i = 0; i < ip_bits(a) / 8; i++)
                n.bytes[i] &= mask_of_byte(prefix, i);
        return n;
}

IpAddress ip_last(const IpAddress *a, unsigned prefix) {
        IpAddress n = *a;

        for (unsigned i = 0; i < ip_bits(a) / 8; i++)
                n.bytes[i] = (uint8_t) (n.bytes[i] | (uint8_t) ~mask_of_byte(prefix, i));
        return n;
}

bool ip_is_in(const IpAddress *a, const IpAddress *network, unsigned prefix) {
        IpAddress one = ip_network(a, prefix), other = ip_network(network, prefix);

        return ip_compare(&one, &other) == 0;
}

uint64_t ip_count(const IpAddress *first, const IpAddress *last) {
        uint64_t n = 0;

        if (first->family != last->family || ip_compare(first, last) > 0)
                return 0;
        /* last - first, byte by byte from the left; a difference that does not fit shows as an overflow */
        for (unsigned i = 0; i < ip_bits(first) / 8; i++) {
                int64_t digit = (int64_t) last->bytes[i] - (int64_t) first->bytes[i];

                if (n > (INT64_MAX >> 8) - 1)
                        return UINT64_MAX;
                n = (uint64_t) ((int64_t) (n << 8) + digit);
        }
        return n + 1;
}

int ip_prefix_from_netmask(const IpAddress *netmask, unsigned *ret) {
        unsigned n = 0;
        IpAddress expected;

        if (netmask->family != AF_INET)
                return -EINVAL;
        while (n < 32 && netmask->bytes[n / 8] & (0x80 >> n % 8))
                n++;
        expected = ip_netmask(n);
        if (ip_compare(&expected, netmask) != 0)
                return -EINVAL;
        *ret = n;
        return 0;
}

IpAddress ip_netmask(unsigned prefix) {
        IpAddress m = { .family = AF_INET };

        for (unsigned i = 0; i < 4; i++)
                m.bytes[i] = mask_of_byte(prefix, i);
        return m;
}

unsigned ip_default_prefix(const IpAddress *a) {
        if (a->family == AF_INET6)
                return 64;
        if (a->bytes[0] < 128)
                return 8;
        if (a->bytes[0] < 192)
                return 16;
        return a->bytes[0] < 224 ? 24 : 4;
}
