/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The guest's addresses, learned by the rules themselves: a set of nftables that frames fill.
 *
 * any: the first address that the guest sends from, by IPv4 or ARP, or that a server of DHCP gives it; it stays. dhcp:
 * those that servers of DHCP give it, for as long as the lease is at most; what the guest gives back goes. A packet can
 * set no time from its own bytes, so the time is the least of a few that is not shorter than the lease. */

#include "rules.h"

/* Offsets in bits: BOOTP begins behind the 8 bytes of UDP, its options, with the magic number before them, at 236. */
#define BOOTP_OP "@th,64,8"
#define BOOTP_YOURS "@th,192,32"
#define BOOTP_YOURS_HALVES "@th,192,16 . @th,208,16" /* as filter_learned_place() has it */
#define BOOTP_MAC "@th,288,48"
#define BOOTP_MAGIC "@th,1952,32 0x63825363"
/* Where servers put it, the type of the message comes first (53), then server (54) and time (51). */
#define DHCP_TYPE "@th,1984,24"
#define DHCP_ACK DHCP_TYPE " 0x350105"
#define DHCP_RELEASE DHCP_TYPE " 0x350107"
#define DHCP_HAS_TIME "@ih,1992,16 0x3304"
#define DHCP_TIME "@ih,2008,32"

#define NO_ADDRESS "{ 0.0.0.0, 127.0.0.0/8, 224.0.0.0/3 }"
#define LEASES_MAX 16
#define SET "add set bridge " FILTER_TABLE " "
#define KEY "typeof " BOOTP_YOURS_HALVES

static const struct {
        unsigned seconds;
        const char *time;
} times[] = {
        { 600, "10m" }, { 3600, "1h" },  { 6 * 3600, "6h" },   { 12 * 3600, "12h" },
        { 86400, "1d" }, { 3 * 86400, "3d" }, { 7 * 86400, "7d" }, { 30 * 86400, "30d" },
};

/* Before all that filters say. */
static int add(Ruleset *s, const char *suffix, const char *format, ...) _printf_(3, 4);
static int add(Ruleset *s, const char *suffix, const char *format, ...) {
        char *text = TEXT_OF_ARGUMENTS(format);

        return chain_add(ruleset_chain(s, suffix), -FILTER_PRIORITY_MAX - 1, false, text);
}

static char *mac_as_number(const char *mac) {
        uint8_t b[6];

        if (mac_parse(mac, b) < 0)
                return NULL;
        return text_format("0x%02x%02x%02x%02x%02x%02x", b[0], b[1], b[2], b[3], b[4], b[5]);
}

/* " ip saddr { 10.0.0.1, 10.0.0.2 }" */
static int servers_match(Ruleset *s, char *const *servers, char **ret) {
        _cleanup_strbuf_ StrBuf b = {};
        IpAddress a;

        strbuf_add(&b, "");
        for (size_t i = 0; servers && servers[i]; i++) {
                if (ip_parse(servers[i], &a) < 0 || a.family != AF_INET)
                        return error_set(s->error, -EINVAL, ERROR_XML_ERROR, ORIGIN_NWFILTER,
                                         "DHCPSERVER has illegal value %s", servers[i]);
                strbuf_addf(&b, "%s%s", i ? ", " : " ip saddr { ", servers[i]);
        }
        if (b.len > 0)
                strbuf_add(&b, " }");
        *ret = strbuf_take(&b);
        return *ret ? 0 : -ENOMEM;
}

/* What an answer that gives the guest an address is like. */
static char *ack_match(const char *mac, const char *servers) {
        return text_format("ether type ip%s udp sport 67 udp dport 68 " BOOTP_OP " 2 " BOOTP_MAC " %s " BOOTP_MAGIC " "
                           DHCP_ACK " " BOOTP_YOURS " != 0", servers, mac);
}

static int learn_any(Ruleset *s, const char *ack) {
        int r;

        r = add(s, "out", "ether saddr %s ether type ip ip saddr != " NO_ADDRESS " add @%s { %s }", s->mac,
                s->addresses, filter_learned_place("ip saddr"));
        if (r >= 0)
                r = add(s, "out",
                        "ether saddr %s ether type arp arp operation { 1, 2 } arp saddr ether %s arp saddr ip != "
                        NO_ADDRESS " add @%s { %s }",
                        s->mac, s->mac, s->addresses, filter_learned_place("arp saddr ip"));
        return r < 0 ? r : add(s, "in", "%s add @%s { " BOOTP_YOURS_HALVES " }", ack, s->addresses);
}

static int learn_dhcp(Ruleset *s, const char *mac, const char *ack) {
        unsigned last = 0;
        int r;

        /* of what may leave at all; else the packet that gives it back would be the first that is stopped */
        r = add(s, "out-ip",
                "ether saddr %s ether type ip udp sport 68 udp dport 67 " BOOTP_OP " 1 " BOOTP_MAC " %s " BOOTP_MAGIC
                " " DHCP_RELEASE " delete @%s { %s }",
                s->mac, mac, s->addresses, filter_learned_place("ip saddr"));
        for (size_t i = 0; i < ELEMENTSOF(times) && r >= 0; i++) {
                r = add(s, "in",
                        "%s " DHCP_HAS_TIME " " DHCP_TIME " %u-%u update @%s { " BOOTP_YOURS_HALVES " timeout %s }",
                        ack, last, times[i].seconds, s->addresses, times[i].time);
                last = times[i].seconds + 1;
        }
        /* where the time is longer than all, or stands elsewhere: for good, unless one of the above came before */
        return r < 0 ? r : add(s, "in", "%s add @%s { " BOOTP_YOURS_HALVES " }", ack, s->addresses);
}

int ruleset_learn(Ruleset *s, bool dhcp, char *const *servers) {
        _cleanup_free_ char *mac = mac_as_number(s->mac), *from = NULL, *ack = NULL;
        int r;

        r = mac ? servers_match(s, servers, &from) : -ENOMEM;
        ack = r >= 0 ? ack_match(mac, from) : NULL;
        s->addresses = text_format("%s/learned-%s", s->port, dhcp ? "dhcp" : "any");
        if (!ack || !s->addresses)
                return r < 0 ? r : -ENOMEM;
        if (dhcp)
                strbuf_addf(&s->sets, SET "%s { " KEY "; size %d; flags dynamic,timeout; }\n", s->addresses,
                            LEASES_MAX);
        else
                strbuf_addf(&s->sets, SET "%s { " KEY "; size 1; flags dynamic; }\n", s->addresses);
        return dhcp ? learn_dhcp(s, mac, ack) : learn_any(s, ack);
}
