/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Links: bridges, their ports, macvtaps. */

#include <linux/if_bridge.h>
#include <linux/if_link.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "base/strings.h"
#include "netlink-private.h"

#define CENTISECONDS_PER_MS(ms) ((ms) / 10)

static Request link_request(int type, int flags, int index, bool change_up, bool up) {
        struct ifinfomsg header = {
                .ifi_family = AF_UNSPEC,
                .ifi_index = index,
                .ifi_flags = up ? IFF_UP : 0,
                .ifi_change = change_up ? IFF_UP : 0,
        };

        return request_new(type, flags | NLM_F_REQUEST | NLM_F_ACK, &header, sizeof header);
}

static bool filters_vlans(struct nlattr *data) {
        struct nlattr *attrs[IFLA_BR_MAX + 1];

        return nla_parse_nested(attrs, IFLA_BR_MAX, data, NULL) >= 0 && attrs[IFLA_BR_VLAN_FILTERING] &&
                nla_get_u8(attrs[IFLA_BR_VLAN_FILTERING]);
}

static int read_facts(const struct nlmsghdr *answer, void *userdata) {
        LinkFacts *facts = userdata;
        struct nlattr *attrs[IFLA_MAX + 1], *info[IFLA_INFO_MAX + 1] = {};
        const struct ifinfomsg *header = nlmsg_data((struct nlmsghdr *) answer);

        if (nlmsg_parse((struct nlmsghdr *) answer, sizeof *header, attrs, IFLA_MAX, NULL) < 0)
                return -EBADMSG;
        facts->index = header->ifi_index;
        facts->up = header->ifi_flags & IFF_UP;
        if (attrs[IFLA_MASTER])
                facts->master = (int) nla_get_u32(attrs[IFLA_MASTER]);
        if (attrs[IFLA_MTU])
                facts->mtu = nla_get_u32(attrs[IFLA_MTU]);
        if (attrs[IFLA_ADDRESS] && nla_len(attrs[IFLA_ADDRESS]) == sizeof facts->mac)
                memcpy(facts->mac, nla_data(attrs[IFLA_ADDRESS]), sizeof facts->mac);
        if (attrs[IFLA_LINKINFO] && nla_parse_nested(info, IFLA_INFO_MAX, attrs[IFLA_LINKINFO], NULL) >= 0 &&
            info[IFLA_INFO_KIND])
                (void) nla_strlcpy(facts->kind, info[IFLA_INFO_KIND], sizeof facts->kind);
        facts->vlan_filtering = streq(facts->kind, "bridge") && info[IFLA_INFO_DATA] &&
                filters_vlans(info[IFLA_INFO_DATA]);
        return 0;
}

int link_changes_open(void) {
        const struct sockaddr_nl address = { .nl_family = AF_NETLINK, .nl_groups = RTMGRP_LINK };
        _cleanup_close_ int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE);

        if (fd < 0 || bind(fd, (const struct sockaddr *) &address, sizeof address) < 0)
                return -errno;
        return TAKE_FD(fd);
}

int link_read(Netlink *n, const char *name, LinkFacts *ret) {
        LinkFacts facts = {};
        Request q;
        int r;

        if (!*name || strlen(name) >= IFNAMSIZ)
                return -EINVAL;
        q = link_request(RTM_GETLINK, 0, 0, false, false);
        request_put_text(&q, IFLA_IFNAME, name);
        r = request_read(n, &q, read_facts, &facts);
        if (r < 0)
                return r;
        *ret = facts;
        return 0;
}

Request bridge_create_request(const BridgeSettings *s) {
        Request q = link_request(RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, 0, false, false);
        struct nlattr *info, *data;

        request_put_text(&q, IFLA_IFNAME, s->name);
        request_put(&q, IFLA_ADDRESS, s->mac, sizeof s->mac);
        if (s->mtu > 0)
                request_put_u32(&q, IFLA_MTU, s->mtu);
        info = request_open(&q, IFLA_LINKINFO);
        request_put_text(&q, IFLA_INFO_KIND, "bridge");
        data = request_open(&q, IFLA_INFO_DATA);
        /* The delay comes first: with the protocol switched on, the kernel takes none below two seconds. */
        request_put_u32(&q, IFLA_BR_FORWARD_DELAY, CENTISECONDS_PER_MS(s->delay_ms));
        request_put_u32(&q, IFLA_BR_STP_STATE, s->stp);
        if (s->vlan_filtering)
                request_put_u8(&q, IFLA_BR_VLAN_FILTERING, 1);
        request_close(&q, data);
        request_close(&q, info);
        return q;
}

int bridge_create(Netlink *n, const BridgeSettings *s) {
        Request q = bridge_create_request(s);

        return request_send(n, &q);
}

static int change(Netlink *n, const char *name, int type, bool set_up, bool up) {
        int index = link_index(name);
        Request q;

        if (index < 0)
                return index;
        q = link_request(type, 0, index, set_up, up);
        return request_send(n, &q);
}

int link_delete(Netlink *n, const char *name) {
        return change(n, name, RTM_DELLINK, false, false);
}

int link_set_up(Netlink *n, const char *name, bool up) {
        return change(n, name, RTM_NEWLINK, true, up);
}

static int set_number(Netlink *n, const char *name, int attribute, uint32_t value) {
        int index = link_index(name);
        Request q;

        if (index < 0)
                return index;
        q = link_request(RTM_NEWLINK, 0, index, false, false);
        request_put_u32(&q, attribute, value);
        return request_send(n, &q);
}

int link_set_mtu(Netlink *n, const char *name, unsigned mtu) {
        return set_number(n, name, IFLA_MTU, mtu);
}

int link_set_receive(const char *name, const uint8_t mac[6], bool groups, bool all) {
        _cleanup_close_ int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        int wanted = (groups ? IFF_ALLMULTI : 0) | (all ? IFF_PROMISC : 0);
        struct ifreq q = {};

        if (fd < 0 || strlen(name) >= IFNAMSIZ)
                return fd < 0 ? -errno : -EINVAL;
        strcpy(q.ifr_name, name);
        if (ioctl(fd, SIOCGIFHWADDR, &q) < 0)
                return -errno;
        if (memcmp(q.ifr_hwaddr.sa_data, mac, 6) != 0) {
                memcpy(q.ifr_hwaddr.sa_data, mac, 6);
                if (ioctl(fd, SIOCSIFHWADDR, &q) < 0)
                        return -errno;
        }
        if (ioctl(fd, SIOCGIFFLAGS, &q) < 0)
                return -errno;
        q.ifr_flags = (short) ((q.ifr_flags & ~(IFF_ALLMULTI | IFF_PROMISC)) | wanted);
        return ioctl(fd, SIOCSIFFLAGS, &q) < 0 ? -errno : 0;
}

int link_set_master(Netlink *n, const char *name, const char *bridge) {
        int master = bridge ? link_index(bridge) : 0;

        return master < 0 ? master : set_number(n, name, IFLA_MASTER, (uint32_t) master);
}

int bridge_port_set(Netlink *n, const char *port, const BridgePortSettings *s) {
        struct ifinfomsg header = { .ifi_family = AF_BRIDGE, .ifi_index = link_index(port) };
        struct nlattr *nest;
        Request q;

        if (header.ifi_index < 0)
                return header.ifi_index;
        q = request_new(RTM_SETLINK, NLM_F_REQUEST | NLM_F_ACK, &header, sizeof header);
        nest = request_open(&q, IFLA_PROTINFO | NLA_F_NESTED);
        request_put_u8(&q, IFLA_BRPORT_ISOLATED, s->isolated);
        request_put_u8(&q, IFLA_BRPORT_LEARNING, !s->without_learning);
        request_put_u8(&q, IFLA_BRPORT_UNICAST_FLOOD, !s->without_learning);
        request_close(&q, nest);
        return request_send(n, &q);
}

static Request vlan_request(int type, int port, uint16_t vlan, int flags) {
        const struct ifinfomsg header = { .ifi_family = AF_BRIDGE, .ifi_index = port };
        const struct bridge_vlan_info info = { .vid = vlan, .flags = (uint16_t) flags };
        Request q = request_new(type, NLM_F_REQUEST | NLM_F_ACK, &header, sizeof header);
        struct nlattr *nest;

        nest = request_open(&q, IFLA_AF_SPEC);
        request_put(&q, IFLA_BRIDGE_VLAN_INFO, &info, sizeof info);
        request_close(&q, nest);
        return q;
}

Request vlan_add_request(int port, uint16_t vlan, bool native, bool tagged) {
        return vlan_request(RTM_SETLINK, port, vlan,
                            (native ? BRIDGE_VLAN_INFO_PVID : 0) | (tagged ? 0 : BRIDGE_VLAN_INFO_UNTAGGED));
}

Request vlan_remove_request(int port, uint16_t vlan) {
        return vlan_request(RTM_DELLINK, port, vlan, 0);
}

int bridge_port_vlan_add(Netlink *n, const char *port, uint16_t vlan, bool native, bool tagged) {
        int index = link_index(port);
        Request q;

        if (index < 0)
                return index;
        q = vlan_add_request(index, vlan, native, tagged);
        return request_send(n, &q);
}

int bridge_port_vlan_remove(Netlink *n, const char *port, uint16_t vlan) {
        int index = link_index(port);
        Request q;

        if (index < 0)
                return index;
        q = vlan_remove_request(index, vlan);
        return request_send(n, &q);
}

int fdb_add(Netlink *n, const char *port, const uint8_t mac[6]) {
        struct ndmsg header = {
                .ndm_family = AF_BRIDGE,
                .ndm_ifindex = link_index(port),
                .ndm_state = NUD_NOARP,
                .ndm_flags = NTF_MASTER,
        };
        Request q;

        if (header.ndm_ifindex < 0)
                return header.ndm_ifindex;
        q = request_new(RTM_NEWNEIGH, NLM_F_REQUEST | NLM_F_ACK | NLM_F_CREATE, &header, sizeof header);
        request_put(&q, NDA_LLADDR, mac, 6);
        return request_send(n, &q);
}

int macvtap_create(Netlink *n, const char *name, const char *lower, const char *mode, const uint8_t mac[6]) {
        static const struct { const char *word; uint32_t mode; } modes[] = {
                { "vepa", MACVLAN_MODE_VEPA },       { "bridge", MACVLAN_MODE_BRIDGE },
                { "private", MACVLAN_MODE_PRIVATE }, { "passthrough", MACVLAN_MODE_PASSTHRU },
        };
        int index = link_index(lower);
        struct nlattr *info, *data;
        size_t i = 0;
        Request q;

        while (i < ELEMENTSOF(modes) && !streq(modes[i].word, mode))
                i++;
        if (i == ELEMENTSOF(modes))
                return -EINVAL;
        if (index < 0)
                return index;
        q = link_request(RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, 0, true, true);
        request_put_u32(&q, IFLA_LINK, (uint32_t) index);
        request_put_text(&q, IFLA_IFNAME, name);
        request_put(&q, IFLA_ADDRESS, mac, 6);
        info = request_open(&q, IFLA_LINKINFO);
        request_put_text(&q, IFLA_INFO_KIND, "macvtap");
        data = request_open(&q, IFLA_INFO_DATA);
        request_put_u32(&q, IFLA_MACVLAN_MODE, modes[i].mode);
        request_close(&q, data);
        request_close(&q, info);
        return request_send(n, &q);
}
