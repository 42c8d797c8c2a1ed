/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The host's side: a bridge with addresses, and what the kernel forwards. */

#include <fcntl.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/random.h>
#include <sys/socket.h>

#include "base/fs.h"
#include "base/log.h"
#include "network/shape.h"
#include "start.h"

#define BRIDGES_MAX 10000U
#define DNS_PORT 53

/* A file of the kernel's; what is written is one number. */
static int write_number(const char *path, const char *value) {
        _cleanup_close_ int fd = open(path, O_WRONLY | O_CLOEXEC);

        if (fd < 0)
                return -errno;
        return write_all(fd, value, strlen(value));
}

static int write_sysctl(NetworkStart *s, const char *family, const char *link, const char *key, const char *value) {
        _cleanup_free_ char *path = link ? text_format("/proc/sys/net/%s/conf/%s/%s", family, link, key) :
                                           text_format("/proc/sys/net/%s/%s", family, key);
        int r;

        if (!path)
                return -ENOMEM;
        r = write_number(path, value);
        /* a kernel without IPv6 has no such file, and nothing to forbid */
        if (r == -ENOENT && streq(family, "ipv6") && !network_has_ip(s->network, AF_INET6))
                return 0;
        return r < 0 ? error_set_errno(&s->error, r, ORIGIN_NETWORK, "cannot write '%s' to %s", value, path) : 0;
}

static int check_range(NetworkStart *s, const xmlNode *node) {
        char link[IF_NAMESIZE], text[IP_TEXT_MAX];
        NetworkIp ip;
        int r;

        r = network_ip_read(node, &ip, &s->error);
        if (r < 0)
                return r;
        r = route_overlap(s->links, &ip.address, ip.prefix, link);
        if (r < 0)
                return error_set_errno(&s->error, r, ORIGIN_NETWORK, "cannot read the host's routes");
        if (r > 0 && !(s->adopted && streq(link, s->bridge)))
                return error_set(&s->error, -EADDRINUSE, ERROR_INTERNAL, ORIGIN_NETWORK,
                                 "Network is already in use by interface %s (%s/%u overlaps with a route there)", link,
                                 ip_format(&ip.address, text), ip.prefix);
        return 0;
}

/* The first virbrN that nobody has; a definition that was written by hand may name none. */
static int choose_bridge(NetworkStart *s) {
        for (unsigned i = 0; i < BRIDGES_MAX; i++) {
                (void) snprintf(s->bridge, sizeof s->bridge, "virbr%u", i);
                if (if_nametoindex(s->bridge) == 0)
                        return 0;
        }
        return error_set(&s->error, -ENFILE, ERROR_INTERNAL, ORIGIN_NETWORK, "Bridge generation exceeded max id %u",
                         BRIDGES_MAX);
}

int host_check(NetworkStart *s) {
        const char *name = network_bridge(s->network);
        int r;

        if (!forward_mode_has_own_bridge(s->mode))
                return 0;
        if (!name) {
                r = choose_bridge(s);
                if (r < 0)
                        return r;
        } else if (strlen(name) >= sizeof s->bridge || strchr(name, '/'))
                return error_set(&s->error, -EINVAL, ERROR_XML_ERROR, ORIGIN_NETWORK, "'%s' is no name of a bridge",
                                 name);
        else
                (void) snprintf(s->bridge, sizeof s->bridge, "%s", name);

        if (if_nametoindex(s->bridge) > 0 && !s->adopted)
                return error_set(&s->error, -EEXIST, ERROR_INTERNAL, ORIGIN_NETWORK, "bridge name '%s' already in use.",
                                 s->bridge);
        XML_FOREACH(ip, s->network, "ip") {
                r = check_range(s, ip);
                if (r < 0)
                        return r;
        }
        return 0;
}

static int choose_mac(NetworkStart *s, uint8_t mac[6]) {
        const char *wanted = xml_get(s->network, "mac/@address");
        xmlNode *node;

        if (wanted && mac_parse(wanted, mac) >= 0)
                return 0;
        memcpy(mac, (const uint8_t[]) { 0x52, 0x54, 0x00 }, 3);
        if (getrandom(mac + 3, 3, 0) != 3)
                return -EIO;
        node = xml_ensure(s->network, "mac");
        return node ? xml_set_attrf(node, "address", "%02x:%02x:%02x:%02x:%02x:%02x", mac[0], mac[1], mac[2], mac[3],
                                    mac[4], mac[5])
                    : -ENOMEM;
}

/* The one that the bridge has, by which its end knows it. */
static int keep_mac(NetworkStart *s) {
        xmlNode *node = xml_ensure(s->network, "mac");
        LinkFacts facts;
        int r = link_read(s->links, s->bridge, &facts);

        if (r < 0)
                return error_set_errno(&s->error, r, ORIGIN_NETWORK, "cannot read %s", s->bridge);
        return node ? xml_set_attrf(node, "address", "%02x:%02x:%02x:%02x:%02x:%02x", facts.mac[0], facts.mac[1],
                                    facts.mac[2], facts.mac[3], facts.mac[4], facts.mac[5])
                    : -ENOMEM;
}

static bool needs_vlans(const xmlNode *network) {
        if (xml_child(network, "vlan"))
                return true;
        XML_FOREACH(group, network, "portgroup")
                if (xml_child(group, "vlan"))
                        return true;
        return false;
}

/* Seconds with a fraction, as the attribute has it. */
static unsigned milliseconds(const char *text) {
        double d = text ? strtod(text, NULL) : 0;

        return d > 0 && d < 4000000 ? (unsigned) (d * 1000) : 0;
}

int host_make_bridge(NetworkStart *s) {
        const xmlNode *bridge = xml_child(s->network, "bridge");
        BridgeSettings settings = {
                .name = s->bridge,
                .stp = !xml_attr_is(bridge, "stp", "off"),
                .delay_ms = milliseconds(xml_attr(bridge, "delay")),
                .vlan_filtering = needs_vlans(s->network),
        };
        _cleanup_free_ char *words = NULL;
        xmlNode *node;
        int r;

        if (!*s->bridge)
                return 0;
        (void) xml_attr_uint(xml_child(s->network, "mtu"), "size", &settings.mtu);
        r = s->adopted ? keep_mac(s) : choose_mac(s, settings.mac);
        if (r < 0)
                return r;
        node = xml_ensure(s->network, "bridge");
        words = text_format("%s %s", s->bridge, xml_get(s->network, "mac/@address"));
        if (!words || !node || xml_set_attr(node, "name", s->bridge) < 0)
                return -ENOMEM;
        r = undo_add(&s->undo, UNDO_BRIDGE, words);
        if (r >= 0 && !s->adopted)
                r = bridge_create(s->links, &settings);
        if (r == -EOPNOTSUPP && settings.vlan_filtering)
                return error_set(&s->error, r, ERROR_CONFIG_UNSUPPORTED, ORIGIN_NETWORK,
                                 "the kernel has no VLAN filtering of bridges");
        return r < 0 ? error_set_errno(&s->error, r, ORIGIN_NETWORK, "Unable to create bridge %s", s->bridge) : 0;
}

/* Without an address of IPv6 the host shall not speak it on the bridge; and it never takes a guest for its router. */
static int set_ipv6(NetworkStart *s) {
        bool enabled = network_has_ip(s->network, AF_INET6);
        int r;

        if (!enabled && !xml_attr_is(s->network, "ipv6", "yes"))
                return write_sysctl(s, "ipv6", s->bridge, "disable_ipv6", "1");
        r = write_sysctl(s, "ipv6", s->bridge, "accept_ra", "0");
        return r < 0 ? r : write_sysctl(s, "ipv6", s->bridge, "autoconf", "0");
}

static int add_route(NetworkStart *s, const xmlNode *node) {
        IpAddress gateway;
        NetworkIp to;
        unsigned metric = 0;
        int r;

        r = network_ip_read(node, &to, &s->error);
        if (r < 0)
                return r;
        if (ip_parse(xml_attr(node, "gateway"), &gateway) < 0 || gateway.family != to.address.family)
                return error_set(&s->error, -EBADMSG, ERROR_XML_ERROR, ORIGIN_NETWORK, "bad gateway '%s' of a route",
                                 xml_attr(node, "gateway") ?: "");
        (void) xml_attr_uint(node, "metric", &metric);
        r = route_add(s->links, s->bridge, &to.address, to.prefix, &gateway, metric);
        if (r == -EEXIST && s->adopted)
                return 0;
        return r < 0 ? error_set_errno(&s->error, r, ORIGIN_NETWORK, "cannot add the route to %s/%u through %s",
                                       xml_attr(node, "address"), to.prefix, xml_attr(node, "gateway"))
                     : 0;
}

int host_add_addresses(NetworkStart *s) {
        int r;

        if (!*s->bridge)
                return 0;
        r = set_ipv6(s);
        XML_FOREACH(node, s->network, "ip") {
                NetworkIp ip;

                if (r >= 0)
                        r = network_ip_read(node, &ip, &s->error);
                if (r >= 0)
                        r = address_add(s->links, s->bridge, &ip.address, ip.prefix);
                if (r < 0)
                        return error_set_errno(&s->error, r, ORIGIN_NETWORK, "cannot give the address %s to %s",
                                               xml_attr(node, "address"), s->bridge);
        }
        return r;
}

/* dnsmasq, which takes addresses as they come, would say nothing where it cannot listen at one: so that is tried
 * before. */
static int try_to_listen(NetworkStart *s, const IpAddress *a, int type) {
        _cleanup_close_ int fd = socket(a->family, type | SOCK_CLOEXEC, 0);
        struct sockaddr_in6 six = { .sin6_family = AF_INET6, .sin6_port = htons(DNS_PORT) };
        struct sockaddr_in four = { .sin_family = AF_INET, .sin_port = htons(DNS_PORT) };
        char text[IP_TEXT_MAX];
        int r;

        if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &(int) { 1 }, sizeof(int)) < 0)
                return -errno;
        memcpy(&six.sin6_addr, a->bytes, sizeof six.sin6_addr);
        memcpy(&four.sin_addr, a->bytes, sizeof four.sin_addr);
        r = a->family == AF_INET ? bind(fd, (struct sockaddr *) &four, sizeof four)
                                 : bind(fd, (struct sockaddr *) &six, sizeof six);
        if (r >= 0 && type == SOCK_STREAM)
                r = listen(fd, 1);
        if (r < 0 && errno == EADDRINUSE)
                return error_set(
                        &s->error, -EADDRINUSE, ERROR_INTERNAL, ORIGIN_NETWORK,
                        "dnsmasq: failed to create listening socket for %s: Address already in use (port 53, %s)",
                        ip_format(a, text), type == SOCK_STREAM ? "TCP" : "UDP");
        return 0;   /* whatever else it is, dnsmasq will say it */
}

int host_check_ports(NetworkStart *s) {
        if (!*s->bridge || !network_has_dns(s->network))
                return 0;
        XML_FOREACH(node, s->network, "ip") {
                NetworkIp ip;
                int r = network_ip_read(node, &ip, &s->error);

                if (r >= 0)
                        r = try_to_listen(s, &ip.address, SOCK_STREAM);
                if (r >= 0)
                        r = try_to_listen(s, &ip.address, SOCK_DGRAM);
                if (r < 0)
                        return r;
        }
        return 0;
}

int host_bring_up(NetworkStart *s) {
        int r;

        if (!*s->bridge)
                return 0;
        r = link_set_up(s->links, s->bridge, true);
        if (r < 0)
                return error_set_errno(&s->error, r, ORIGIN_NETWORK, "cannot bring up %s", s->bridge);
        XML_FOREACH(node, s->network, "route") {
                r = add_route(s, node);
                if (r < 0)
                        return r;
        }
        return 0;
}

static bool read_rate(const xmlNode *node, Rate *ret) {
        *ret = (Rate) {};
        if (!node)
                return false;
        (void) xml_attr_uint(node, "average", &ret->average);
        (void) xml_attr_uint(node, "peak", &ret->peak);
        (void) xml_attr_uint(node, "burst", &ret->burst);
        return ret->average > 0;
}

/* Where the kernel cannot, guests without vhost get their addresses all the same. */
static int complete_checksums(NetworkStart *s) {
        int r = network_dhcp_ip(s->network, AF_INET) ? shape_checksums(s->links, s->bridge) : 0;

        if (r == -EOPNOTSUPP || (r == -EEXIST && s->adopted)) {
                log_debug("no checksums are completed on %s: %s", s->bridge, strerror(-r));
                return 0;
        }
        return r;
}

/* A bridge of the host's stays when the network ends: so the limits do not go by themselves. */
static int note_limit(NetworkStart *s, const char *bridge, const char *direction) {
        _cleanup_free_ char *what = text_format("%s %s", direction, bridge);

        return *s->bridge ? 0 : what ? undo_add(&s->undo, UNDO_LIMIT, what) : -ENOMEM;
}

static int limit(NetworkStart *s, const char *bridge) {
        Rate rate;
        int r = 0;

        if (read_rate(xml_find(s->network, "bandwidth/inbound"), &rate)) {
                r = note_limit(s, bridge, "inbound");
                if (r >= 0)
                        r = *s->bridge ? shape_network(s->links, bridge, &rate)
                                       : shape_egress(s->links, bridge, &rate);
        }
        if (r >= 0 && read_rate(xml_find(s->network, "bandwidth/outbound"), &rate)) {
                r = note_limit(s, bridge, "outbound");
                if (r >= 0)
                        r = shape_ingress(s->links, bridge, &rate);
        }
        return r;
}

int host_limit(NetworkStart *s) {
        const char *bridge = *s->bridge ? s->bridge : s->mode == FORWARD_BRIDGE ? network_bridge(s->network) : NULL;
        int r;

        if (!bridge)
                return 0;
        r = limit(s, bridge);
        if (r == -EOPNOTSUPP)
                return error_set(&s->error, r, ERROR_CONFIG_UNSUPPORTED, ORIGIN_NETWORK,
                                 "the kernel has no policers, which the outbound bandwidth of a network needs");
        if (r >= 0 && *s->bridge)
                r = complete_checksums(s);
        return r < 0 ? error_set_errno(&s->error, r, ORIGIN_NETWORK, "cannot set bandwidth limits on %s", bridge) : 0;
}

/* Stays on at the end, since others may have come to count on it. */
int host_forward(NetworkStart *s) {
        int r = 0;

        if (!forward_mode_has_outside(s->mode) || s->mode == FORWARD_OPEN)
                return 0;
        if (network_has_ip(s->network, AF_INET))
                r = write_sysctl(s, "ipv4", NULL, "ip_forward", "1");
        if (r >= 0 && network_has_ip(s->network, AF_INET6))
                r = write_sysctl(s, "ipv6", "all", "forwarding", "1");
        return r;
}
