/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Links in a network namespace of the test's own; skipped where none can be made. */

#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "network/chains.h"
#include "network/link.h"
#include "network/shape.h"

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
                cmocka_unit_test_setup_teardown(a_bridge_comes_and_goes, in_a_namespace, out_of_it),
                cmocka_unit_test_setup_teardown(ports_are_isolated, in_a_namespace, out_of_it),
                cmocka_unit_test_setup_teardown(macvtaps_have_modes, in_a_namespace, out_of_it),
                cmocka_unit_test_setup_teardown(routes_overlap, in_a_namespace, out_of_it),
                cmocka_unit_test_setup_teardown(rates_are_limited, in_a_namespace, out_of_it),
                cmocka_unit_test_setup_teardown(a_namespace_without_rules, in_a_namespace, out_of_it),
                cmocka_unit_test_setup_teardown(floors_are_promised_once, in_a_namespace, out_of_it),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
