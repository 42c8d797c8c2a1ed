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

#define PORT(uuid, rest)                                                                                     \
        "<networkport><uuid>11111111-1111-4111-8111-1111111111" uuid "</uuid><owner><name>web</name><uuid>" UUID \
        "</uuid></owner><mac address='52:54:00:00:00:" uuid "'/>" rest "</networkport>"

static int create_port(TestDaemon *d, const char *xml, uint32_t flags, char **ret_document) {
        remote_network_port_create_xml_args args = { .network = *lab(), .xml = (char *) xml, .flags = flags };
        remote_network_port_get_xml_desc_ret document = {};
        remote_network_port_create_xml_ret ret = {};
        int r = TEST_CALL(d, NETWORK_PORT_CREATE_XML, &args, &ret);

        if (r < 0)
                return r;
        assert_int_equal(TEST_CALL(d, NETWORK_PORT_GET_XML_DESC,
                                   &((remote_network_port_get_xml_desc_args){ .port = ret.port }), &document), 0);
        *ret_document = document.xml;
        xdr_free((xdrproc_t) xdr_remote_network_port_create_xml_ret, (char *) &ret);
        return 0;
}

/* Networks, ports, and what is in the latter afterwards: NULL, they are refused. */
static const struct {
        const char *network, *port, *words[3];
} allocations[] = {
        { "<network><name>lab</name><uuid>" UUID "</uuid><bridge name='virbr7' macTableManager='libvirt'/>"
          "<vlan><tag id='7'/></vlan><portgroup name='slow'><bandwidth><inbound average='10'/></bandwidth></portgroup>"
          "<portgroup name='plain' default='yes'/></network>",
          PORT("01", "<group>slow</group>"),
          { "<inbound average='10'/>", "<plug type='network' bridge='virbr7' macTableManager='libvirt'/>",
            "<tag id='7'/>" } },
        { "<network><name>lab</name><uuid>" UUID "</uuid><forward mode='bridge'/><bridge name='br0'/></network>",
          PORT("02", ""), { "<plug type='bridge' bridge='br0'/>" } },
        { "<network><name>lab</name><uuid>" UUID "</uuid><forward mode='passthrough'><interface dev='eth0'/>"
          "<interface dev='eth1'/></forward></network>",
          PORT("03", ""), { "<plug type='direct' dev='eth0' mode='passthrough'/>" } },
        /* the next one gets the other, and the third none */
        { NULL, PORT("04", ""), { "<plug type='direct' dev='eth1' mode='passthrough'/>" } },
        { NULL, PORT("05", ""), { NULL } },
        { "<network><name>lab</name><uuid>" UUID "</uuid><forward mode='hostdev' managed='yes'>"
          "<address type='pci' domain='0x0000' bus='0x01' slot='0x10' function='0x1'/></forward></network>",
          PORT("06", ""), { "<plug type='hostdev-pci' managed='yes'>", "<driver name='vfio'/>",
                            "<address domain='0x0000' bus='0x01' slot='0x10' function='0x1'/>" } },
};

static void ports_are_plugged_in(void **state) {
        TestDaemon *d = *state;

        for (size_t i = 0; i < ELEMENTSOF(allocations); i++) {
                _cleanup_free_ char *document = NULL;
                int r;

                if (allocations[i].network) {
                        test_daemon_write(d, "run/network/lab.xml", allocations[i].network);
                        test_daemon_pump(d);
                }
                r = create_port(d, allocations[i].port, 0, &document);
                assert_int_equal(r < 0, !allocations[i].words[0]);
                for (size_t k = 0; k < ELEMENTSOF(allocations[i].words) && allocations[i].words[k]; k++)
                        if (!strstr(document, allocations[i].words[k]))
                                fail_msg("no %s in %s", allocations[i].words[k], document);
        }
}

static int set_parameter(TestDaemon *d, const char *uuid, const char *field, unsigned value) {
        remote_network_port_set_parameters_args args = { .port = { .net = *lab() } };
        remote_typed_param p = { .field = (char *) field,
                                 .value = { .type = 2, .remote_typed_param_value_u.ui = value } };

        assert_int_equal(uuid_parse(uuid, (uint8_t *) args.port.uuid), 0);
        args.params.params_val = &p;
        args.params.params_len = 1;
        return TEST_CALL(d, NETWORK_PORT_SET_PARAMETERS, &args, NULL);
}

static void limits_of_ports_are_set(void **state) {
        static const char uuid[] = "11111111-1111-4111-8111-111111111109";
        _cleanup_free_ char *document = NULL;
        TestDaemon *d = *state;

        test_daemon_write(d, "run/network/lab.xml", NETWORK);
        test_daemon_pump(d);
        assert_int_equal(create_port(d, PORT("09", ""), 0, &document), 0);
        assert_int_equal(set_parameter(d, uuid, "inbound.average", 100), 0);
        assert_int_equal(set_parameter(d, uuid, "inbound.floor", 0), 0);
        assert_int_equal(set_parameter(d, uuid, "inbound.floor", 50), -EOPNOTSUPP);
        assert_int_equal(set_parameter(d, uuid, "inbound.nothing", 50), -EOPNOTSUPP);
}

static void ports_that_are_there_are_reclaimed(void **state) {
        static const char plugged[] = PORT("07", "<plug type='network' bridge='virbr7'/>");
        _cleanup_free_ char *document = NULL;
        TestDaemon *d = *state;

        test_daemon_write(d, "run/network/lab.xml", NETWORK);
        test_daemon_pump(d);
        assert_true(create_port(d, plugged, 0, &document) < 0);
        assert_int_equal(d->error.code, ERROR_INVALID_ARG);
        assert_true(create_port(d, PORT("07", ""), 1, &document) < 0);
        assert_int_equal(d->error.code, ERROR_INVALID_ARG);
        assert_int_equal(create_port(d, plugged, 1, &document), 0);
        assert_non_null(strstr(document, "bridge='virbr7'"));
        assert_true(create_port(d, plugged, 1, &document) < 0);
        assert_int_equal(d->error.code, ERROR_NETWORK_PORT_EXIST);
        assert_true(create_port(d, PORT("08", "<what/>"), 2, &document) < 0);
}

static void ports_are_files(void **state) {
        remote_network_port_create_xml_args create = {
                .network = *lab(),
                .xml = (char *) "<networkport><owner><name>web</name><uuid>" UUID
                                "</uuid></owner><mac address='52:54:00:00:00:01'/></networkport>",
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
                cmocka_unit_test_setup_teardown(ports_are_plugged_in, begin, end),
                cmocka_unit_test_setup_teardown(limits_of_ports_are_set, begin, end),
                cmocka_unit_test_setup_teardown(ports_that_are_there_are_reclaimed, begin, end),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
