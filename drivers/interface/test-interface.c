/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Links in a network namespace of the test's own; skipped where none can be made, or ip(8) is missing. */

#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/strings.h"
#include "interface.h"
#include "test-daemon.h"

extern const Driver driver_interface;

/* addrgenmode: no address that the kernel makes up. What one end of a pair does to the other's state the kernel does
 * when it has time. */
static const char setup_links[] =
        "{ ip link add br0 address 52:54:00:00:00:01 type bridge forward_delay 1500 stp_state 1 &&"
        " ip link add p0 address 52:54:00:00:00:02 type veth peer name p1 address 52:54:00:00:00:02 &&"
        " for l in br0 p0 p1; do ip link set $l addrgenmode none; done &&"
        " ip link set p0 master br0 && ip link set p1 mtu 1400 && ip link set p0 mtu 1400 &&"
        " for l in lo br0 p0 p1; do ip link set $l up; done &&"
        " ip address add 192.0.2.5/24 dev p1 && ip address add 2001:db8::5/64 dev p1 nodad &&"
        " ip address add 192.0.2.6/24 dev p1 valid_lft 1000 preferred_lft 1000 &&"
        " ip route add default via 192.0.2.1 dev p1 metric 9 && ip route add default via 192.0.2.2 dev p1 metric 3 &&"
        " for i in $(seq 100); do [ \"$(ip -o link | grep -c 'state UP')\" = 2 ] && break; sleep 0.05; done; } "
        "2>/dev/null";

static int setup(void **state) {
        TestDaemon *d;

        if (unshare(CLONE_NEWNET) < 0 || system(setup_links) != 0)
                return 0;
        d = calloc(1, sizeof(*d));
        test_daemon_init(d, &driver_interface);
        test_daemon_start(d);
        *state = d;
        return 0;
}

static int teardown(void **state) {
        TestDaemon *d = *state;

        if (!d)
                return 0;
        test_daemon_stop(d);
        test_daemon_done(d);
        free(d);
        return 0;
}

#define NEEDS_LINKS(state)                                                                                   \
        ({                                                                                                   \
                if (!*(state))                                                                               \
                        skip();                                                                              \
                (TestDaemon *) *(state);                                                                     \
        })

static const struct {
        const char *name, *xml;
} documents[] = {
        { "br0",
          "<interface type='bridge' name='br0'>\n"
          "  <mtu size='1400'/>\n"
          "  <bridge stp='on' delay='15.00'>\n"
          "    <interface type='ethernet' name='p0'>\n"
          "      <link speed='10000' state='up'/>\n"
          "      <mac address='52:54:00:00:00:02'/>\n"
          "    </interface>\n"
          "  </bridge>\n"
          "</interface>\n" },
        { "p1",
          "<interface type='ethernet' name='p1'>\n"
          "  <mtu size='1400'/>\n"
          "  <link speed='10000' state='up'/>\n"
          "  <protocol family='ipv4'>\n"
          "    <dhcp/>\n"
          "    <ip address='192.0.2.5' prefix='24'/>\n"
          "    <ip address='192.0.2.6' prefix='24'/>\n"
          "    <route gateway='192.0.2.2'/>\n"
          "  </protocol>\n"
          "  <protocol family='ipv6'>\n"
          "    <ip address='2001:db8::5' prefix='64'/>\n"
          "  </protocol>\n"
          "  <mac address='52:54:00:00:00:02'/>\n"
          "</interface>\n" },
};

/* What makes it so again. */
static const char p1_definition[] = "<interface type='ethernet' name='p1'>"
                                    "<mtu size='1400'/>"
                                    "<link state='up'/>"
                                    "<protocol family='ipv4'><dhcp/><ip address='192.0.2.5' prefix='24'/>"
                                    "<route gateway='192.0.2.2'/></protocol>"
                                    "<protocol family='ipv6'><ip address='2001:db8::5' prefix='64'/></protocol>"
                                    "<mac address='52:54:00:00:00:02'/>"
                                    "</interface>";
static const char lease_definition[] = "<interface type='ethernet' name='p1'>"
                                       "<mtu size='1400'/>"
                                       "<link state='up'/>"
                                       "<protocol family='ipv4'><dhcp/></protocol>"
                                       "<protocol family='ipv6'/>"
                                       "<mac address='52:54:00:00:00:02'/>"
                                       "</interface>";

/* sysfs is the host's where nobody mounted another one, and has no speed of these links. */
static void drop_speed(char *xml) {
        static const char speed[] = " speed='10000'";
        char *at;

        while ((at = strstr(xml, speed)))
                memmove(at, at + strlen(speed), strlen(at + strlen(speed)) + 1);
}

static void in_one_line(char *s) {
        char *to = s;

        for (char *p = s; *p; p++)
                if (*p == '\n')
                        p += strspn(p + 1, " ");
                else
                        *to++ = *p;
        *to = 0;
}

static void links_are_described(void **state) {
        TestDaemon *d = NEEDS_LINKS(state);

        for (size_t i = 0; i < ELEMENTSOF(documents); i++) {
                remote_interface_get_xml_desc_args args = { .iface = { (char *) documents[i].name, (char *) "" } };
                remote_interface_get_xml_desc_ret ret = {};
                _cleanup_free_ char *want = strdup(documents[i].xml);

                assert_int_equal(TEST_CALL(d, INTERFACE_GET_XML_DESC, &args, &ret), 0);
                drop_speed(ret.xml);
                drop_speed(want);
                assert_string_equal(ret.xml, want);
                free(ret.xml);
        }
}

static void assert_definition(TestDaemon *d, const char *name, const char *want) {
        remote_interface_get_xml_desc_args args = { .iface = { (char *) name, (char *) "" }, .flags = 1 };
        remote_interface_get_xml_desc_ret ret = {};

        assert_int_equal(TEST_CALL(d, INTERFACE_GET_XML_DESC, &args, &ret), 0);
        drop_speed(ret.xml);
        in_one_line(ret.xml);
        assert_string_equal(ret.xml, want);
        free(ret.xml);
}

static void what_others_gave_is_not_defined(void **state) {
        static const char take_away[] = "ip address flush dev p1 scope global &&"
                                        " ip address add fe80::5/64 dev p1 nodad &&"
                                        " ip address add 192.0.2.6/24 dev p1 valid_lft 1000 preferred_lft 1000";
        static const char give_back[] = "ip address flush dev p1 && ip address add 192.0.2.5/24 dev p1 &&"
                                        " ip address add 192.0.2.6/24 dev p1 valid_lft 1000 preferred_lft 1000 &&"
                                        " ip address add 2001:db8::5/64 dev p1 nodad";
        TestDaemon *d = NEEDS_LINKS(state);

        assert_definition(d, "p1", p1_definition);
        assert_int_equal(system(take_away), 0);
        assert_definition(d, "p1", lease_definition);
        assert_int_equal(system(give_back), 0);
}

/* Kinds that not every kernel has, from made-up links. */
static const HostLink made_up[] = {
        { .facts = { .index = 1001, .mtu = 1500, .master = 1003, .mac = { 2, 0, 0, 0, 0, 1 } },
          .name = "e1",
          .has_mac = true,
          .state = 6 },
        { .facts = { .index = 1002, .mtu = 1500, .master = 1003, .mac = { 2, 0, 0, 0, 0, 2 } },
          .name = "e2",
          .has_mac = true,
          .state = 2 },
        { .facts = { .index = 1003, .mtu = 1500, .master = 1006, .kind = "bond" },
          .name = "bond0",
          .state = 6,
          .bond = { .mode = 1, .miimon = 100, .up_delay = 5, .carrier = true } },
        { .facts = { .index = 1004, .mtu = 1500, .master = 1006, .kind = "vlan" },
          .name = "bond0.7",
          .state = 6,
          .lower = 1003,
          .vlan = 7 },
        { .facts = { .index = 1005, .mtu = 1500, .kind = "vlan" }, .name = "far", .lower = 9 },
        { .facts = { .index = 1006, .mtu = 9000, .kind = "bridge" },
          .name = "br1",
          .state = 6,
          .bridge = { .delay_cs = 205 } },
        { .facts = { .index = 1007, .mtu = 1500, .kind = "bond" }, .name = "empty", .bond = { .mode = 4 } },
};

#define MEMBERS                                                                                              \
        "<bond mode='active-backup'><miimon freq='100' downdelay='0' updelay='5' carrier='netif'/>"          \
        "<interface type='ethernet' name='e1'><link state='up'/><mac address='02:00:00:00:00:01'/></interface>" \
        "<interface type='ethernet' name='e2'><link state='down'/><mac address='02:00:00:00:00:02'/></interface></bond>"
#define VLAN "<vlan tag='7'><interface name='bond0'/></vlan>"

static const struct {
        const char *name, *xml;   /* without line feeds and indentation */
} descriptions[] = {
        { "bond0", "<interface type='bond' name='bond0'><mtu size='1500'/><link state='up'/>" MEMBERS "</interface>" },
        { "bond0.7", "<interface type='vlan' name='bond0.7'><mtu size='1500'/><link state='up'/>" VLAN "</interface>" },
        { "br1", "<interface type='bridge' name='br1'><mtu size='9000'/><bridge stp='off' delay='2.05'>"
                 "<interface type='bond' name='bond0'><link state='up'/>" MEMBERS "</interface>"
                 "<interface type='vlan' name='bond0.7'><link state='up'/>" VLAN "</interface></bridge></interface>" },
        /* what the schema has no words for */
        { "far", "<interface type='ethernet' name='far'><mtu size='1500'/><link state='unknown'/></interface>" },
        { "empty", "<interface type='ethernet' name='empty'><mtu size='1500'/><link state='unknown'/></interface>" },
};

static void every_kind_is_described(void **state) {
        TestDaemon *d = NEEDS_LINKS(state);
        InterfaceDriver *driver = d->state;

        for (size_t i = 0; i < ELEMENTSOF(descriptions); i++) {
                _cleanup_free_ char *xml = NULL;
                size_t k = 0;

                while (!streq(made_up[k].name, descriptions[i].name))
                        k++;
                assert_int_equal(interface_describe(driver->netlink, made_up, ELEMENTSOF(made_up), &made_up[k], false,
                                                    &xml), 0);
                in_one_line(xml);
                assert_string_equal(xml, descriptions[i].xml);
        }
}

static void assert_listed(TestDaemon *d, uint32_t flags, const char *expected) {
        remote_connect_list_all_interfaces_args args = { .need_results = 1, .flags = flags };
        remote_connect_list_all_interfaces_ret ret = {};
        _cleanup_strbuf_ StrBuf b = {};

        assert_int_equal(TEST_CALL(d, CONNECT_LIST_ALL_INTERFACES, &args, &ret), 0);
        for (size_t i = 0; i < ret.ifaces.ifaces_len; i++) {
                strbuf_addf(&b, "%s %s;", ret.ifaces.ifaces_val[i].name, ret.ifaces.ifaces_val[i].mac);
                free(ret.ifaces.ifaces_val[i].name);
                free(ret.ifaces.ifaces_val[i].mac);
        }
        free(ret.ifaces.ifaces_val);
        assert_string_equal(b.data ?: "", expected);
}

#define BR0 "br0 52:54:00:00:00:01;"
#define LO "lo 00:00:00:00:00:00;"

static void lists_follow_the_kernel(void **state) {
        TestDaemon *d = NEEDS_LINKS(state);

        /* no port forwards yet: with the spanning tree protocol that takes half a minute */
        assert_listed(d, 1, BR0);
        assert_listed(d, 2, LO "p0 52:54:00:00:00:02;p1 52:54:00:00:00:02;");
        assert_int_equal(system("ip link set p1 down && ip link set p1 name other"), 0);
        assert_listed(d, 1, BR0 "other 52:54:00:00:00:02;p0 52:54:00:00:00:02;");
        assert_int_equal(system("ip link delete other"), 0);
        assert_listed(d, 3, BR0 LO);
}

static void macs_are_looked_up(void **state) {
        TestDaemon *d = NEEDS_LINKS(state);
        remote_interface_lookup_by_mac_string_args args = { (char *) "52:54:00:00:00:01" };
        remote_interface_lookup_by_mac_string_ret ret = {};

        assert_int_equal(TEST_CALL(d, INTERFACE_LOOKUP_BY_MAC_STRING, &args, &ret), 0);
        assert_string_equal(ret.iface.name, "br0");
        free(ret.iface.name);
        free(ret.iface.mac);
        args.mac = (char *) "52:54:00:00:00:02";
        assert_int_equal(TEST_CALL(d, INTERFACE_LOOKUP_BY_MAC_STRING, &args, &ret), -ENOTUNIQ);
        assert_int_equal(d->error.code, ERROR_MULTIPLE_INTERFACES);
        args.mac = (char *) "52:54:00:00:00:09";
        assert_int_equal(TEST_CALL(d, INTERFACE_LOOKUP_BY_MAC_STRING, &args, &ret), -ENOENT);
        assert_int_equal(d->error.code, ERROR_NO_INTERFACE);
}

static void what_is_only_defined_is_there(void **state) {
        TestDaemon *d = NEEDS_LINKS(state);
        remote_interface_is_active_args active = { .iface = { (char *) "br9", (char *) "" } };
        remote_interface_is_active_ret is = {};
        remote_interface_get_xml_desc_args args = { .iface = { (char *) "br9", (char *) "" } };
        remote_interface_get_xml_desc_ret ret = {};

        test_daemon_write(d, "etc/interface/br9.xml",
                          "<interface type='bridge' name='br9'><bridge stp='on'/></interface>");
        assert_int_equal(TEST_CALL(d, INTERFACE_IS_ACTIVE, &active, &is), 0);
        assert_int_equal(is.active, 0);
        assert_int_equal(TEST_CALL(d, INTERFACE_GET_XML_DESC, &args, &ret), 0);
        assert_string_equal(ret.xml, "<interface type='bridge' name='br9'>\n"
                                     "  <start mode='onboot'/>\n"
                                     "  <bridge stp='on'/>\n"
                                     "</interface>\n");
        free(ret.xml);
        test_daemon_remove(d, "etc/interface/br9.xml");
        assert_int_equal(TEST_CALL(d, INTERFACE_IS_ACTIVE, &active, &is), -ENOENT);
}

/* A link that runs has its definition too; without one it is described as it is. */
static void the_definition_is_told_apart(void **state) {
        TestDaemon *d = NEEDS_LINKS(state);
        remote_interface_get_xml_desc_args args = { .iface = { (char *) "br0", (char *) "" }, .flags = 1 };
        remote_interface_get_xml_desc_ret ret = {}, live = {};

        test_daemon_write(d, "etc/interface/br0.xml", "<interface type='bridge' name='br0'><bridge/></interface>");
        assert_int_equal(TEST_CALL(d, INTERFACE_GET_XML_DESC, &args, &ret), 0);
        assert_null(strstr(ret.xml, "p0"));
        free(ret.xml);
        test_daemon_remove(d, "etc/interface/br0.xml");
        assert_int_equal(TEST_CALL(d, INTERFACE_GET_XML_DESC, &args, &live), 0);
        assert_non_null(strstr(live.xml, "p0"));
        free(live.xml);
}

static void what_cannot_be_is_refused(void **state) {
        static const char *const documents_refused[] = {
                "<interface type='bridge' name='br 0'><bridge/></interface>",
                "<interface type='bridge' name='br0'/>",
                "<interface type='ethernet' name='a23456789012345678'/>",
                "<interface type='vlan' name='x'><vlan tag='4095'><interface name='y'/></vlan></interface>",
                "<interface type='bond' name='b'><bond/></interface>",
                "<interface type='ethernet' name='e'><protocol family='ipv4'><ip address='::1'/></protocol>"
                "</interface>",
                "<interface type='ethernet' name='e'><protocol family='ipv4'/><protocol family='ipv4'/>"
                "</interface>",
        };
        TestDaemon *d = NEEDS_LINKS(state);
        remote_interface_create_args create = { .iface = { (char *) "p1", (char *) "" } };

        for (size_t i = 0; i < ELEMENTSOF(documents_refused); i++) {
                remote_interface_define_xml_args args = { .xml = (char *) documents_refused[i] };
                remote_interface_define_xml_ret ret = {};

                assert_int_equal(TEST_CALL(d, INTERFACE_DEFINE_XML, &args, &ret), -EBADMSG);
                assert_int_equal(d->error.code, ERROR_XML_ERROR);
        }
        assert_true(TEST_CALL(d, INTERFACE_CREATE, &create, NULL) < 0);
        assert_int_equal(d->error.code, ERROR_OPERATION_INVALID);
        create.iface.name = (char *) "nothing";
        assert_int_equal(TEST_CALL(d, INTERFACE_CREATE, &create, NULL), -ENOENT);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(links_are_described),
                cmocka_unit_test(what_others_gave_is_not_defined),
                cmocka_unit_test(every_kind_is_described),
                cmocka_unit_test(macs_are_looked_up),
                cmocka_unit_test(what_is_only_defined_is_there),
                cmocka_unit_test(the_definition_is_told_apart),
                cmocka_unit_test(what_cannot_be_is_refused),
                cmocka_unit_test(lists_follow_the_kernel),
        };

        return cmocka_run_group_tests(tests, setup, teardown);
}
