/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Dumps of rtnetlink to lists. */

#include "network/inventory.h"

#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <stdlib.h>

#include "base/strings.h"
#include "netlink-private.h"

/* --- links --- */

typedef struct LinkList {
        HostLink *list;
        size_t n;
} LinkList;

static unsigned u8_or_0(struct nlattr *const *attrs, int which) {
        return attrs[which] ? nla_get_u8(attrs[which]) : 0;
}

static unsigned u32_or_0(struct nlattr *const *attrs, int which) {
        return attrs[which] ? nla_get_u32(attrs[which]) : 0;
}

static void read_bridge(HostLink *l, struct nlattr *data) {
        struct nlattr *attrs[IFLA_BR_MAX + 1];

        if (nla_parse_nested(attrs, IFLA_BR_MAX, data, NULL) < 0)
                return;
        l->bridge.stp = u32_or_0(attrs, IFLA_BR_STP_STATE) != 0;
        l->bridge.delay_cs = u32_or_0(attrs, IFLA_BR_FORWARD_DELAY);
}

static void read_bond(HostLink *l, struct nlattr *data) {
        struct nlattr *attrs[IFLA_BOND_MAX + 1], *target;
        IpAddress address = { .family = AF_INET };
        char text[IP_TEXT_MAX];

        if (nla_parse_nested(attrs, IFLA_BOND_MAX, data, NULL) < 0)
                return;
        l->bond = (HostBond) {
                .mode = u8_or_0(attrs, IFLA_BOND_MODE),
                .miimon = u32_or_0(attrs, IFLA_BOND_MIIMON),
                .up_delay = u32_or_0(attrs, IFLA_BOND_UPDELAY),
                .down_delay = u32_or_0(attrs, IFLA_BOND_DOWNDELAY),
                .carrier = u8_or_0(attrs, IFLA_BOND_USE_CARRIER) != 0,
                .arp_interval = u32_or_0(attrs, IFLA_BOND_ARP_INTERVAL),
                .arp_validate = u32_or_0(attrs, IFLA_BOND_ARP_VALIDATE),
        };
        target = attrs[IFLA_BOND_ARP_IP_TARGET] ? nla_data(attrs[IFLA_BOND_ARP_IP_TARGET]) : NULL;
        if (!target || !nla_ok(target, nla_len(attrs[IFLA_BOND_ARP_IP_TARGET])) || nla_len(target) < 4)
                return;
        memcpy(address.bytes, nla_data(target), 4);
        snprintf(l->bond.arp_target, sizeof l->bond.arp_target, "%s", ip_format(&address, text));
}

static void read_vlan(HostLink *l, struct nlattr *data) {
        struct nlattr *attrs[IFLA_VLAN_MAX + 1];

        if (nla_parse_nested(attrs, IFLA_VLAN_MAX, data, NULL) >= 0 && attrs[IFLA_VLAN_ID])
                l->vlan = nla_get_u16(attrs[IFLA_VLAN_ID]);
}

static void read_kind(HostLink *l, struct nlattr *nested) {
        static const struct {
                const char *kind;
                void (*read)(HostLink *l, struct nlattr *data);
        } kinds[] = { { "bridge", read_bridge }, { "bond", read_bond }, { "vlan", read_vlan } };
        struct nlattr *info[IFLA_INFO_MAX + 1];

        if (nla_parse_nested(info, IFLA_INFO_MAX, nested, NULL) < 0 || !info[IFLA_INFO_KIND])
                return;
        (void) nla_strlcpy(l->facts.kind, info[IFLA_INFO_KIND], sizeof l->facts.kind);
        for (size_t i = 0; i < ELEMENTSOF(kinds) && info[IFLA_INFO_DATA]; i++)
                if (streq(l->facts.kind, kinds[i].kind))
                        kinds[i].read(l, info[IFLA_INFO_DATA]);
}

static int read_link(const struct nlmsghdr *answer, void *userdata) {
        const struct ifinfomsg *header = nlmsg_data((struct nlmsghdr *) answer);
        struct nlattr *attrs[IFLA_MAX + 1];
        LinkList *links = userdata;
        HostLink l = {};
        void *list;

        if (nlmsg_parse((struct nlmsghdr *) answer, sizeof *header, attrs, IFLA_MAX, NULL) < 0 || !attrs[IFLA_IFNAME])
                return -EBADMSG;
        l.facts.index = header->ifi_index;
        l.facts.up = header->ifi_flags & IFF_UP;
        l.facts.mtu = u32_or_0(attrs, IFLA_MTU);
        l.facts.master = (int) u32_or_0(attrs, IFLA_MASTER);
        l.state = u8_or_0(attrs, IFLA_OPERSTATE);
        l.lower = attrs[IFLA_LINK_NETNSID] ? 0 : (int) u32_or_0(attrs, IFLA_LINK);
        (void) nla_strlcpy(l.name, attrs[IFLA_IFNAME], sizeof l.name);
        l.has_mac = attrs[IFLA_ADDRESS] && nla_len(attrs[IFLA_ADDRESS]) == sizeof l.facts.mac;
        if (l.has_mac)
                memcpy(l.facts.mac, nla_data(attrs[IFLA_ADDRESS]), sizeof l.facts.mac);
        if (attrs[IFLA_LINKINFO])
                read_kind(&l, attrs[IFLA_LINKINFO]);

        list = reallocarray(links->list, links->n + 1, sizeof l);
        if (!list)
                return -ENOMEM;
        links->list = list;
        links->list[links->n++] = l;
        return 0;
}

int links_list(Netlink *n, HostLink **ret, size_t *ret_n) {
        const struct ifinfomsg header = { .ifi_family = AF_UNSPEC };
        Request q = request_new(RTM_GETLINK, NLM_F_REQUEST | NLM_F_DUMP, &header, sizeof header);
        LinkList links = {};
        int r;

        r = request_read(n, &q, read_link, &links);
        if (r < 0) {
                free(links.list);
                return r;
        }
        *ret = links.list;
        *ret_n = links.n;
        return 0;
}

/* --- addresses --- */

typedef struct AddressList {
        int index;
        HostAddress *list;
        size_t n;
} AddressList;

static int read_address(const struct nlmsghdr *answer, void *userdata) {
        const struct ifaddrmsg *header = nlmsg_data((struct nlmsghdr *) answer);
        struct nlattr *attrs[IFA_MAX + 1], *own;
        AddressList *addresses = userdata;
        HostAddress a = { .address = { .family = header->ifa_family } };
        unsigned flags;
        void *list;

        if ((int) header->ifa_index != addresses->index ||
            (a.address.family != AF_INET && a.address.family != AF_INET6))
                return 0;
        if (nlmsg_parse((struct nlmsghdr *) answer, sizeof *header, attrs, IFA_MAX, NULL) < 0)
                return -EBADMSG;
        /* of a point-to-point link IFA_ADDRESS is the other end's */
        own = attrs[IFA_LOCAL] ?: attrs[IFA_ADDRESS];
        if (!own || nla_len(own) != (int) ip_bits(&a.address) / 8)
                return 0;
        memcpy(a.address.bytes, nla_data(own), (size_t) nla_len(own));
        flags = attrs[IFA_FLAGS] ? nla_get_u32(attrs[IFA_FLAGS]) : header->ifa_flags;
        a.prefix = header->ifa_prefixlen;
        a.permanent = flags & IFA_F_PERMANENT;
        a.local = header->ifa_scope == RT_SCOPE_LINK;

        list = reallocarray(addresses->list, addresses->n + 1, sizeof a);
        if (!list)
                return -ENOMEM;
        addresses->list = list;
        addresses->list[addresses->n++] = a;
        return 0;
}

int addresses_list(Netlink *n, int index, HostAddress **ret, size_t *ret_n) {
        const struct ifaddrmsg header = { .ifa_family = AF_UNSPEC };
        Request q = request_new(RTM_GETADDR, NLM_F_REQUEST | NLM_F_DUMP, &header, sizeof header);
        AddressList addresses = { .index = index };
        int r;

        r = request_read(n, &q, read_address, &addresses);
        if (r < 0) {
                free(addresses.list);
                return r;
        }
        *ret = addresses.list;
        *ret_n = addresses.n;
        return 0;
}

/* --- routes --- */

typedef struct Gateway {
        int index, family;
        bool found;
        unsigned metric;
        IpAddress address;
} Gateway;

static int read_gateway(const struct nlmsghdr *answer, void *userdata) {
        const struct rtmsg *header = nlmsg_data((struct nlmsghdr *) answer);
        struct nlattr *attrs[RTA_MAX + 1];
        Gateway *g = userdata;
        unsigned metric;

        if (header->rtm_family != g->family || header->rtm_dst_len != 0 || header->rtm_table != RT_TABLE_MAIN ||
            header->rtm_type != RTN_UNICAST)
                return 0;
        if (nlmsg_parse((struct nlmsghdr *) answer, sizeof *header, attrs, RTA_MAX, NULL) < 0)
                return -EBADMSG;
        g->address.family = g->family;
        if ((int) u32_or_0(attrs, RTA_OIF) != g->index || !attrs[RTA_GATEWAY] ||
            nla_len(attrs[RTA_GATEWAY]) != (int) ip_bits(&g->address) / 8)
                return 0;
        metric = u32_or_0(attrs, RTA_PRIORITY);
        if (g->found && metric >= g->metric)
                return 0;
        g->found = true;
        g->metric = metric;
        memcpy(g->address.bytes, nla_data(attrs[RTA_GATEWAY]), (size_t) nla_len(attrs[RTA_GATEWAY]));
        return 0;
}

int gateway_read(Netlink *n, int index, int family, IpAddress *ret) {
        const struct rtmsg header = { .rtm_family = (unsigned char) family };
        Request q = request_new(RTM_GETROUTE, NLM_F_REQUEST | NLM_F_DUMP, &header, sizeof header);
        Gateway g = { .index = index, .family = family };
        int r;

        r = request_read(n, &q, read_gateway, &g);
        if (r < 0)
                return r;
        if (g.found)
                *ret = g.address;
        return g.found;
}
