/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The driver without systemd: definitions, lists, leases, ports, and a network that vm-network would have started. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/strings.h"
#include "network.h"
#include "test-daemon.h"

extern const Driver driver_network;

#define UUID "81ff0d90-c91e-6742-64da-4a736edb9a9b"
#define NETWORK                                                                                                        \
        "<network>\n  <name>lab</name>\n  <uuid>" UUID "</uuid>\n  <forward mode='nat'/>\n  <bridge name='virbr7'/>\n" \
        "  <ip address='10.0.0.1' prefix='24'>\n    <dhcp>\n      <range start='10.0.0.10' end='10.0.0.20'/>\n    "    \
        "</dhcp>\n  </ip>\n</network>\n"

static const remote_nonnull_network *lab(void) {
        static remote_nonnull_network n = { .name = (char *) "lab" };

        assert_int_equal(uuid_parse(UUID, (uint8_t *) n.uuid), 0);
        return &n;
}

static int begin(void **state) {
        static TestDaemon d;

        test_daemon_init(&d, &driver_network);
        test_daemon_set_folder(&d, "UNITVIRT_ETC", "etc");
        test_daemon_set_folder(&d, "UNITVIRT_RUN", "run");
        test_daemon_set_folder(&d, "UNITVIRT_LIB", "lib");
        test_daemon_write(&d, "etc/qemu/networks/lab.xml", NETWORK);
        test_daemon_start(&d);
        *state = &d;
        return 0;
}

static int end(void **state) {
        test_daemon_stop(*state);
        test_daemon_done(*state);
        return 0;
}

static void a_running_network_is_seen(void **state) {
        remote_network_is_active_args args = { .net = *lab() };
        remote_network_is_active_ret ret = {};
        TestDaemon *d = *state;

        assert_int_equal(TEST_CALL(d, NETWORK_IS_ACTIVE, &args, &ret), 0);
        assert_int_equal(ret.active, 0);
        test_daemon_write(d, "run/network/lab.xml", NETWORK);
        test_daemon_pump(d);
        assert_int_equal(TEST_CALL(d, NETWORK_IS_ACTIVE, &args, &ret), 0);
        assert_int_equal(ret.active, 1);
        test_daemon_remove(d, "run/network/lab.xml");
        test_daemon_pump(d);
        assert_int_equal(TEST_CALL(d, NETWORK_IS_ACTIVE, &args, &ret), 0);
        assert_int_equal(ret.active, 0);
}

static void bridges_have_names(void **state) {
        remote_network_get_bridge_name_args args = { .net = *lab() };
        remote_network_get_bridge_name_ret ret = {};

        assert_int_equal(TEST_CALL((TestDaemon *) *state, NETWORK_GET_BRIDGE_NAME, &args, &ret), 0);
        assert_string_equal(ret.name, "virbr7");
        free(ret.name);
}

static void leases_are_listed(void **state) {
        remote_network_get_dhcp_leases_args args = { .net = *lab(), .need_results = 1 };
        remote_network_get_dhcp_leases_ret ret = {};
        TestDaemon *d = *state;

        test_daemon_write(
                d, "lib/dnsmasq/virbr7.status",
                "[{\"ip-address\": \"10.0.0.11\", \"mac-address\": \"52:54:00:00:00:01\", \"hostname\": \"web\", "
                "\"expiry-time\": 9999999999},"
                " {\"ip-address\": \"10.0.0.12\", \"mac-address\": \"52:54:00:00:00:02\", \"expiry-time\": 1}]");
        assert_int_equal(TEST_CALL(d, NETWORK_GET_DHCP_LEASES, &args, &ret), 0);
        assert_int_equal(ret.ret, 1);
        assert_int_equal(ret.leases.leases_len, 1);
        assert_string_equal(ret.leases.leases_val[0].ipaddr, "10.0.0.11");
        assert_string_equal(ret.leases.leases_val[0].iface, "virbr7");
        assert_int_equal(ret.leases.leases_val[0].prefix, 24);
        xdr_free((xdrproc_t) xdr_remote_network_get_dhcp_leases_ret, (char *) &ret);
        args.mac = (char *[]) { (char *) "52:54:00:00:00:0x" };
        assert_int_equal(TEST_CALL(d, NETWORK_GET_DHCP_LEASES, &args, &ret), -EINVAL);
}

static void ports_are_files(void **state) {
        remote_network_port_create_xml_args create = {
                .network = *lab(),
                .xml = (char *) "<networkport><owner><name>web</name><uuid>" UUID
                                "</uuid></owner><mac address='52:54:00:00:00:01'/>"
                                "<plug type='network' bridge='virbr7'/></networkport>",
        };
        remote_network_list_all_ports_args list = { .network = *lab(), .need_results = 1 };
        remote_network_port_create_xml_ret created = {};
        remote_network_list_all_ports_ret ports = {};
        TestDaemon *d = *state;

        assert_true(TEST_CALL(d, NETWORK_PORT_CREATE_XML, &create, &created) < 0);
        assert_int_equal(d->error.code, ERROR_OPERATION_INVALID);
        test_daemon_write(d, "run/network/lab.xml", NETWORK);
        test_daemon_pump(d);
        assert_int_equal(TEST_CALL(d, NETWORK_PORT_CREATE_XML, &create, &created), 0);
        assert_int_equal(TEST_CALL(d, NETWORK_LIST_ALL_PORTS, &list, &ports), 0);
        assert_int_equal(ports.ret, 1);
        assert_memory_equal(ports.ports.ports_val[0].uuid, created.port.uuid, 16);
        assert_int_equal(
                TEST_CALL(d, NETWORK_PORT_DELETE, &((remote_network_port_delete_args){ .port = created.port }), NULL),
                0);
        xdr_free((xdrproc_t) xdr_remote_network_list_all_ports_ret, (char *) &ports);
        assert_int_equal(TEST_CALL(d, NETWORK_LIST_ALL_PORTS, &list, &ports), 0);
        assert_int_equal(ports.ret, 0);
        xdr_free((xdrproc_t) xdr_remote_network_list_all_ports_ret, (char *) &ports);
        xdr_free((xdrproc_t) xdr_remote_network_port_create_xml_ret, (char *) &created);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(a_running_network_is_seen, begin, end),
                cmocka_unit_test_setup_teardown(bridges_have_names, begin, end),
                cmocka_unit_test_setup_teardown(leases_are_listed, begin, end),
                cmocka_unit_test_setup_teardown(ports_are_files, begin, end),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
