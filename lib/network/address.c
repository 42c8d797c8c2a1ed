/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Addresses and routes. */

#include <linux/if_addr.h>
#include <linux/rtnetlink.h>
#include <net/if.h>

#include "netlink-private.h"

static size_t ip_size(const IpAddress *a) {
        return ip_bits(a) / 8;
}

static int add(Netlink *n, const char *link, const IpAddress *address, const IpAddress *peer, unsigned prefix) {
        struct ifaddrmsg header = {
                .ifa_family = (uint8_t) address->family,
                .ifa_prefixlen = (uint8_t) prefix,
                .ifa_scope = RT_SCOPE_UNIVERSE,
        };
        IpAddress last = ip_last(address, prefix);
        int index = link_index(link), r;
        Request q;

        if (index < 0)
                return index;
        header.ifa_index = (uint32_t) index;
        q = request_new(RTM_NEWADDR, NLM_F_REQUEST | NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL, &header, sizeof header);
        request_put(&q, IFA_LOCAL, address->bytes, ip_size(address));
        request_put(&q, IFA_ADDRESS, (peer ?: address)->bytes, ip_size(address));
        if (address->family == AF_INET && prefix < 31 && !peer)
                request_put(&q, IFA_BROADCAST, last.bytes, ip_size(&last));
        /* A bridge has no carrier before its first guest, so the look for duplicates would not end, and dnsmasq could
         * not listen; the address is the network's own by definition. */
        if (address->family == AF_INET6)
                request_put_u32(&q, IFA_FLAGS, IFA_F_NODAD);
        r = request_send(n, &q);
        return r == -EEXIST ? 0 : r;
}

int address_add(Netlink *n, const char *link, const IpAddress *address, unsigned prefix) {
        return add(n, link, address, NULL, prefix);
}

int address_add_peer(Netlink *n, const char *link, const IpAddress *address, const IpAddress *peer, unsigned prefix) {
        return address->family == peer->family ? add(n, link, address, peer, prefix) : -EINVAL;
}

int route_add(Netlink *n, const char *link, const IpAddress *network, unsigned prefix, const IpAddress *gateway,
              unsigned metric) {
        struct rtmsg header = {
                .rtm_family = (uint8_t) network->family, .rtm_dst_len = (uint8_t) prefix, .rtm_table = RT_TABLE_MAIN,
                .rtm_protocol = RTPROT_STATIC, .rtm_scope = RT_SCOPE_UNIVERSE, .rtm_type = RTN_UNICAST,
        };
        IpAddress masked = ip_network(network, prefix);
        int index = link_index(link);
        Request q;

        if (index < 0)
                return index;
        q = request_new(RTM_NEWROUTE, NLM_F_REQUEST | NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL, &header, sizeof header);
        request_put(&q, RTA_DST, masked.bytes, ip_size(&masked));
        request_put(&q, RTA_GATEWAY, gateway->bytes, ip_size(gateway));
        request_put_u32(&q, RTA_OIF, (uint32_t) index);
        if (metric > 0)
                request_put_u32(&q, RTA_PRIORITY, metric);
        return request_send(n, &q);
}

typedef struct Overlap {
        const IpAddress *network;
        unsigned prefix;
        int link;
} Overlap;

static bool takes_from(const Overlap *o, const struct rtmsg *header, const IpAddress *to, bool has_gateway) {
        if (header->rtm_dst_len >= o->prefix)
                return ip_is_in(to, o->network, o->prefix);
        return !has_gateway && header->rtm_dst_len > 0 && ip_is_in(o->network, to, header->rtm_dst_len);
}

static int look_at_route(const struct nlmsghdr *answer, void *userdata) {
        const struct rtmsg *header = nlmsg_data((struct nlmsghdr *) answer);
        struct nlattr *attrs[RTA_MAX + 1];
        Overlap *o = userdata;
        IpAddress to = { .family = header->rtm_family };

        if (header->rtm_family != o->network->family || header->rtm_table != RT_TABLE_MAIN ||
            header->rtm_type != RTN_UNICAST ||
            nlmsg_parse((struct nlmsghdr *) answer, sizeof *header, attrs, RTA_MAX, NULL) < 0 || !attrs[RTA_OIF])
                return 0;
        if (attrs[RTA_DST] && (size_t) nla_len(attrs[RTA_DST]) == ip_size(&to))
                memcpy(to.bytes, nla_data(attrs[RTA_DST]), ip_size(&to));
        if (header->rtm_dst_len == 0 || !takes_from(o, header, &to, attrs[RTA_GATEWAY] != NULL))
                return 0;
        o->link = (int) nla_get_u32(attrs[RTA_OIF]);
        return 1;
}

int route_overlap(Netlink *n, const IpAddress *network, unsigned prefix, char ret_link[16]) {
        struct rtmsg header = { .rtm_family = (uint8_t) network->family };
        Overlap o = { .network = network, .prefix = prefix };
        Request q = request_new(RTM_GETROUTE, NLM_F_REQUEST | NLM_F_DUMP, &header, sizeof header);
        int r = request_read(n, &q, look_at_route, &o);

        if (r <= 0)
                return r;
        if (!if_indextoname((unsigned) o.link, ret_link))
                (void) snprintf(ret_link, IFNAMSIZ, "%i", o.link);
        return 1;
}
