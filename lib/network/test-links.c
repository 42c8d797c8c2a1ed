/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Links in a network namespace of the test's own; skipped where none can be made. */

#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_bridge.h>
#include <linux/if_link.h>
#include <linux/if_tun.h>
#include <linux/rtnetlink.h>
#include <linux/virtio_net.h>
#include <poll.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "network/chains.h"
#include "network/link.h"
#include "network/shape.h"
#include "netlink-private.h"

static const uint8_t mac[6] = { 0x52, 0x54, 0, 1, 2, 3 };

static int in_a_namespace(void **state) {
        Netlink *n;

        if (unshare(CLONE_NEWNET) < 0)
                return 0;
        if (netlink_open(&n) < 0)
                return -1;
        *state = n;
        return 0;
}

static int out_of_it(void **state) {
        netlink_close(*state);
        return 0;
}

#define NEEDS_NAMESPACE(state)                                                                               \
        ({                                                                                                   \
                if (!*(state))                                                                               \
                        skip();                                                                              \
                (Netlink *) *(state);                                                                        \
        })

static void make_bridge(Netlink *n, const char *name) {
        BridgeSettings s = { .name = name, .mac = { 0x52, 0x54, 0, 1, 2, 3 }, .stp = true };

        assert_int_equal(bridge_create(n, &s), 0);
}

static void a_bridge_comes_and_goes(void **state) {
        Netlink *n = NEEDS_NAMESPACE(state);
        BridgeSettings s = { .name = "virbr0", .mac = { 0x52, 0x54, 0, 1, 2, 3 }, .stp = true, .mtu = 9000 };
        LinkFacts f;

        assert_int_equal(link_read(n, "virbr0", &f), -ENODEV);
        assert_int_equal(link_read(n, "a-name-of-16-byt", &f), -EINVAL);
        assert_int_equal(bridge_create(n, &s), 0);
        assert_int_equal(bridge_create(n, &s), -EEXIST);
        assert_int_equal(link_read(n, "virbr0", &f), 0);
        assert_string_equal(f.kind, "bridge");
        assert_int_equal(f.mtu, 9000);
        assert_memory_equal(f.mac, mac, 6);
        assert_false(f.up);
        assert_int_equal(link_set_up(n, "virbr0", true), 0);
        assert_int_equal(link_read(n, "virbr0", &f), 0);
        assert_true(f.up);
        assert_int_equal(link_delete(n, "virbr0"), 0);
        assert_int_equal(link_delete(n, "virbr0"), -ENODEV);
}

static int open_tap(const char *name) {
        struct ifreq ifr = { .ifr_flags = IFF_TAP | IFF_NO_PI };
        _cleanup_close_ int fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC);

        if (fd < 0)
                return -errno;
        (void) snprintf(ifr.ifr_name, sizeof ifr.ifr_name, "%s", name);
        return ioctl(fd, TUNSETIFF, &ifr) < 0 ? -errno : TAKE_FD(fd);
}

static void ports_are_isolated(void **state) {
        Netlink *n = NEEDS_NAMESPACE(state);
        _cleanup_close_ int fd = open_tap("tap0");
        LinkFacts bridge, port;

        if (fd < 0)
                skip();
        make_bridge(n, "br0");
        assert_int_equal(link_set_master(n, "tap0", "br0"), 0);
        assert_int_equal(link_read(n, "br0", &bridge), 0);
        assert_int_equal(link_read(n, "tap0", &port), 0);
        assert_string_equal(port.kind, "tun");
        assert_int_equal(port.master, bridge.index);
        assert_int_equal(
                bridge_port_set(n, "tap0", &(BridgePortSettings){ .isolated = true, .without_learning = true }), 0);
        assert_int_equal(fdb_add(n, "tap0", mac), 0);
        assert_int_equal(link_set_master(n, "tap0", NULL), 0);
        assert_true(bridge_port_set(n, "tap0", &(BridgePortSettings) {}) < 0);
}

static void macvtaps_have_modes(void **state) {
        Netlink *n = NEEDS_NAMESPACE(state);
        LinkFacts f;
        int r;

        make_bridge(n, "lower");
        assert_int_equal(macvtap_create(n, "macvtap0", "lower", "nonsense", mac), -EINVAL);
        assert_int_equal(macvtap_create(n, "macvtap0", "nothing", "bridge", mac), -ENODEV);
        r = macvtap_create(n, "macvtap%d", "lower", "vepa", (const uint8_t[]) { 0x52, 0x54, 0, 9, 9, 9 });
        if (r == -EOPNOTSUPP)
                skip();
        assert_int_equal(r, 0);
        assert_int_equal(link_read(n, "macvtap0", &f), 0);
        assert_string_equal(f.kind, "macvtap");
        assert_memory_equal(f.mac, ((const uint8_t[]) { 0x52, 0x54, 0, 9, 9, 9 }), 6);
}

static IpAddress ip(const char *s) {
        IpAddress a;

        assert_int_equal(ip_parse(s, &a), 0);
        return a;
}

static void routes_overlap(void **state) {
        static const struct { const char *network; unsigned prefix; int r;
        } rows[] = {
                { "192.168.122.0", 24, 1 }, { "192.168.122.128", 25, 1 }, { "192.168.0.0", 16, 1 },
                { "192.168.123.0", 24, 0 }, { "10.7.0.0", 16, 1 },        { "10.7.1.0", 24, 0 },
                { "10.0.0.0", 8, 1 },       { "fd00:7::", 64, 1 },        { "fd00:8::", 64, 0 },
        };
        Netlink *n = NEEDS_NAMESPACE(state);
        IpAddress a = ip("192.168.122.1"), b = ip("10.7.0.0"), gateway = ip("192.168.122.9"), c = ip("fd00:7::1");
        char name[16];

        make_bridge(n, "host0");
        assert_int_equal(link_set_up(n, "host0", true), 0);
        assert_int_equal(address_add(n, "host0", &a, 24), 0);
        assert_int_equal(address_add(n, "host0", &a, 24), 0);
        assert_int_equal(address_add(n, "host0", &c, 64), 0);
        assert_int_equal(route_add(n, "host0", &b, 16, &gateway, 0), 0);
        assert_int_equal(route_add(n, "host0", &b, 16, &gateway, 0), -EEXIST);
        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                IpAddress net = ip(rows[i].network);

                assert_int_equal(route_overlap(n, &net, rows[i].prefix, name), rows[i].r);
                if (rows[i].r > 0)
                        assert_string_equal(name, "host0");
        }
}

static void rates_are_limited(void **state) {
        Netlink *n = NEEDS_NAMESPACE(state);
        Rate rate = { .average = 1000, .peak = 2000, .burst = 512 };
        int r;

        make_bridge(n, "shaped");
        assert_int_equal(shape_egress(n, "shaped", &rate), 0);
        rate.average = 500;
        assert_int_equal(shape_egress(n, "shaped", &rate), 0);
        assert_int_equal(shape_egress(n, "shaped", NULL), 0);
        assert_int_equal(shape_egress(n, "shaped", NULL), 0);
        r = shape_ingress(n, "shaped", &rate);
        if (r != -EOPNOTSUPP)
                assert_int_equal(r, 0);
        assert_int_equal(shape_ingress(n, "shaped", NULL), 0);
        r = shape_checksums(n, "shaped");
        if (r != -EOPNOTSUPP)
                assert_int_equal(r, 0);
        assert_int_equal(shape_checksums(n, "nobody"), -ENODEV);
}

/* A guest's end that leaves checksums to its card, as one with vhost. */
static int open_guests_end(const char *name) {
        struct ifreq ifr = { .ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR };
        _cleanup_close_ int fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC);

        (void) snprintf(ifr.ifr_name, sizeof ifr.ifr_name, "%s", name);
        if (fd < 0 || ioctl(fd, TUNSETIFF, &ifr) < 0 || ioctl(fd, TUNSETOFFLOAD, TUN_F_CSUM) < 0)
                return -errno;
        return TAKE_FD(fd);
}

/* Sends one datagram from port 67 to this port of everybody, and says whether it came with its checksum. */
static bool is_complete(int guest, int sock, uint16_t port) {
        const struct sockaddr_in to = {
                .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_BROADCAST)
        };
        struct {
                struct virtio_net_hdr header;
                uint8_t ethernet[14], ip[20], udp[8], rest[1500];
        } __attribute__((packed)) p;
        struct pollfd pfd = { .fd = guest, .events = POLLIN };

        assert_int_equal(sendto(sock, "hello", 5, 0, (const struct sockaddr *) &to, sizeof to), 5);
        while (poll(&pfd, 1, 5000) == 1) {
                ssize_t n = read(guest, &p, sizeof p);

                if (n > 52 && p.ethernet[12] == 0x08 && p.ethernet[13] == 0 && p.ip[9] == IPPROTO_UDP &&
                    (p.udp[2] << 8 | p.udp[3]) == port)
                        return !(p.header.flags & VIRTIO_NET_HDR_F_NEEDS_CSUM);
        }
        fail_msg("no datagram to port %u", port);
        return false;
}

static void answers_of_dhcp_have_checksums(void **state) {
        Netlink *n = NEEDS_NAMESPACE(state);
        const BridgeSettings s = { .name = "served", .mac = { 0x52, 0x54, 0, 1, 2, 3 } };
        const struct sockaddr_in from = { .sin_family = AF_INET, .sin_port = htons(67) };
        _cleanup_close_ int guest = -EBADF, sock = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        IpAddress address;
        int r;

        assert_int_equal(bridge_create(n, &s), 0);
        r = shape_checksums(n, "served");
        guest = open_guests_end("guest0");
        if (r == -EOPNOTSUPP || guest < 0)
                skip();
        assert_int_equal(r, 0);
        assert_int_equal(ip_parse("10.9.0.1", &address), 0);
        assert_int_equal(address_add(n, "served", &address, 24), 0);
        assert_int_equal(link_set_master(n, "guest0", "served"), 0);
        assert_int_equal(link_set_up(n, "guest0", true), 0);
        assert_int_equal(link_set_up(n, "served", true), 0);
        assert_int_equal(setsockopt(sock, SOL_SOCKET, SO_BROADCAST, &(int){ 1 }, sizeof(int)), 0);
        assert_int_equal(setsockopt(sock, SOL_SOCKET, SO_BINDTODEVICE, "served", 7), 0);
        assert_int_equal(bind(sock, (const struct sockaddr *) &from, sizeof from), 0);
        assert_false(is_complete(guest, sock, 69));
        assert_true(is_complete(guest, sock, 68));
}

/* The part about VLANs of a message about a port, as the kernel reads it. */
static struct bridge_vlan_info vlan_of(Request q, int type) {
        struct nlattr *attrs[IFLA_MAX + 1], *parts[IFLA_BRIDGE_MAX + 1];
        const struct ifinfomsg *header = nlmsg_data(nlmsg_hdr(q.msg));
        struct bridge_vlan_info info;

        assert_false(q.failed);
        assert_int_equal(nlmsg_hdr(q.msg)->nlmsg_type, type);
        assert_int_equal(header->ifi_family, AF_BRIDGE);
        assert_int_equal(header->ifi_index, 7);
        assert_int_equal(nlmsg_parse(nlmsg_hdr(q.msg), sizeof *header, attrs, IFLA_MAX, NULL), 0);
        assert_int_equal(nla_parse_nested(parts, IFLA_BRIDGE_MAX, attrs[IFLA_AF_SPEC], NULL), 0);
        assert_int_equal(nla_len(parts[IFLA_BRIDGE_VLAN_INFO]), sizeof info);
        memcpy(&info, nla_data(parts[IFLA_BRIDGE_VLAN_INFO]), sizeof info);
        nlmsg_free(q.msg);
        return info;
}

static void messages_about_vlans(void **state) {
        static const struct { bool native, tagged; uint16_t flags; } cases[] = {
                { true, false, BRIDGE_VLAN_INFO_PVID | BRIDGE_VLAN_INFO_UNTAGGED },
                { true, true, BRIDGE_VLAN_INFO_PVID },
                { false, true, 0 },
                { false, false, BRIDGE_VLAN_INFO_UNTAGGED },
        };
        BridgeSettings s = { .name = "filters", .vlan_filtering = true };
        struct nlattr *attrs[IFLA_MAX + 1], *info[IFLA_INFO_MAX + 1], *data[IFLA_BR_MAX + 1];
        struct bridge_vlan_info v;
        Request q;

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                v = vlan_of(vlan_add_request(7, 42, cases[i].native, cases[i].tagged), RTM_SETLINK);
                assert_int_equal(v.vid, 42);
                assert_int_equal(v.flags, cases[i].flags);
        }
        v = vlan_of(vlan_remove_request(7, 1), RTM_DELLINK);
        assert_int_equal(v.vid, 1);
        assert_int_equal(v.flags, 0);
        for (unsigned filters = 0; filters < 2; filters++) {
                s.vlan_filtering = filters;
                q = bridge_create_request(&s);
                assert_int_equal(nlmsg_parse(nlmsg_hdr(q.msg), sizeof(struct ifinfomsg), attrs, IFLA_MAX, NULL), 0);
                assert_int_equal(nla_parse_nested(info, IFLA_INFO_MAX, attrs[IFLA_LINKINFO], NULL), 0);
                assert_int_equal(nla_parse_nested(data, IFLA_BR_MAX, info[IFLA_INFO_DATA], NULL), 0);
                assert_int_equal(data[IFLA_BR_VLAN_FILTERING] && nla_get_u8(data[IFLA_BR_VLAN_FILTERING]), filters);
                nlmsg_free(q.msg);
        }
}

/* Where the kernel's bridges filter VLANs, what was said is there; where not, it says so. */
static void ports_are_in_vlans(void **state) {
        Netlink *n = NEEDS_NAMESPACE(state);
        BridgeSettings s = { .name = "filters", .mac = { 0x52, 0x54, 0, 1, 2, 3 }, .vlan_filtering = true };
        int r = bridge_create(n, &s);
        _cleanup_close_ int fd = -EBADF;
        LinkFacts f;

        if (r == -EOPNOTSUPP)
                return;
        assert_int_equal(r, 0);
        assert_int_equal(link_read(n, "filters", &f), 0);
        assert_true(f.vlan_filtering);
        fd = open_tap("vlan0");
        if (fd < 0)
                return;
        assert_int_equal(link_set_master(n, "vlan0", "filters"), 0);
        assert_int_equal(bridge_port_vlan_remove(n, "vlan0", 1), 0);
        assert_int_equal(bridge_port_vlan_add(n, "vlan0", 42, true, false), 0);
        assert_int_equal(bridge_port_vlan_add(n, "vlan0", 43, false, true), 0);
        assert_int_equal(bridge_port_vlan_remove(n, "vlan0", 43), 0);
        assert_int_equal(bridge_port_vlan_add(n, "vlan0", 4095, false, true), -EINVAL);
        assert_int_equal(bridge_port_vlan_add(n, "nobody", 42, true, false), -ENODEV);
}

static void fail_for(const char *family, const char *table, const char *chain, void *userdata) {
        fail_msg("there is a chain %s %s %s", family, table, chain);
}

static void a_namespace_without_rules(void **state) {
        Netlink *links = NEEDS_NAMESPACE(state);
        _cleanup_netlink_ Netlink *n = NULL;

        assert_non_null(links);
        assert_int_equal(netlink_open_netfilter(&n), 0);
        assert_int_equal(chain_exists(n, "filter", "DOCKER-USER"), 0);
        assert_int_equal(chains_dropping_input(n, fail_for, NULL), 0);
}

/* A card's floor is taken from what the network's bridge has, and given back. */
static void floors_are_promised_once(void **state) {
        Netlink *n = NEEDS_NAMESPACE(state);
        Rate rate = { .average = 1000, .peak = 1500 };
        const uint8_t a[6] = { 0x52, 0x54, 0, 0, 0, 1 }, b[6] = { 0x52, 0x54, 0, 0, 0, 2 };
        char folder[] = "/tmp/test-links.XXXXXX", path[64];

        assert_non_null(mkdtemp(folder));
        (void) snprintf(path, sizeof path, "%s/network", folder);
        assert_int_equal(mkdir(path, 0700), 0);
        assert_int_equal(setenv("UNITVIRT_RUN", folder, 1), 0);
        make_bridge(n, "shaped");
        assert_int_equal(shape_floor_add(n, "shaped", a, 100), -ENXIO);
        assert_int_equal(shape_floor_remove(n, "shaped", a), 0);
        assert_int_equal(shape_network(n, "shaped", &rate), 0);
        if (shape_floor_add(n, "shaped", a, 900) == -EOPNOTSUPP)
                skip();
        assert_int_equal(shape_floor_add(n, "shaped", b, 601), -ENOSPC);
        assert_int_equal(shape_floor_add(n, "shaped", b, 600), 0);
        /* another one for the same card takes the place of the first */
        assert_int_equal(shape_floor_add(n, "shaped", a, 901), -ENOSPC);
        assert_int_equal(shape_floor_add(n, "shaped", a, 800), 0);
        assert_int_equal(shape_floor_undo("shaped 52:54:00:00:00:02"), 0);
        assert_int_equal(shape_floor_remove(n, "shaped", b), 0);
        assert_int_equal(shape_floor_add(n, "shaped", b, 701), -ENOSPC);
        assert_int_equal(shape_floor_add(n, "shaped", b, 700), 0);
        assert_int_equal(shape_floor_undo("gone 52:54:00:00:00:02"), 0);
        (void) snprintf(path, sizeof path, "%s/network/floors.lock", folder);
        assert_int_equal(unlink(path), 0);
        (void) snprintf(path, sizeof path, "%s/network", folder);
        assert_int_equal(rmdir(path), 0);
        assert_int_equal(rmdir(folder), 0);
        (void) unsetenv("UNITVIRT_RUN");
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(messages_about_vlans),
                cmocka_unit_test_setup_teardown(ports_are_in_vlans, in_a_namespace, out_of_it),
                cmocka_unit_test_setup_teardown(a_bridge_comes_and_goes, in_a_namespace, out_of_it),
                cmocka_unit_test_setup_teardown(ports_are_isolated, in_a_namespace, out_of_it),
                cmocka_unit_test_setup_teardown(macvtaps_have_modes, in_a_namespace, out_of_it),
                cmocka_unit_test_setup_teardown(routes_overlap, in_a_namespace, out_of_it),
                cmocka_unit_test_setup_teardown(rates_are_limited, in_a_namespace, out_of_it),
                cmocka_unit_test_setup_teardown(answers_of_dhcp_have_checksums, in_a_namespace, out_of_it),
                cmocka_unit_test_setup_teardown(a_namespace_without_rules, in_a_namespace, out_of_it),
                cmocka_unit_test_setup_teardown(floors_are_promised_once, in_a_namespace, out_of_it),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
