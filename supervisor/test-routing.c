/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Who answers what, by what was opened. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/strings.h"
#include "test-fixture.h"

static const rpc_void nothing;
static rpc_void void_ret;

#define NO_SUPPORT 3 /* code of "this function is not supported by the connection driver" */
#define NOT_OPEN 1

static void uri_and_type_are(TestClient *c, const char *uri, const char *type) {
        remote_connect_get_type_ret type_ret = {};
        remote_connect_get_uri_ret uri_ret = {};

        assert_int_equal(test_remote(c, CONNECT_GET_URI, &nothing, &uri_ret), 0);
        assert_string_equal(uri_ret.uri, uri);
        free(uri_ret.uri);
        assert_int_equal(test_remote(c, CONNECT_GET_TYPE, &nothing, &type_ret), 0);
        assert_string_equal(type_ret.type, type);
        free(type_ret.type);
}

static void each_scheme_has_its_hypervisor(void **state) {
        static const struct {
                const char *uri;
                const char *opened;
                const char *type;
                int state;
        } rows[] = {
                { "test:///system", "test:///system", "TEST", 1 },
                { "other:///system", "other:///system", "other", 5 },
                { "other:///session?x=y", "other:///session?x=y", "other", 5 },
                { "", "test:///system", "TEST", 1 },
        };
        remote_domain_get_state_args args = { .dom = TEST_GUEST };
        Fixture *f = *state;

        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                remote_connect_num_of_secrets_ret count;
                remote_domain_get_state_ret ret;
                remote_node_get_info_ret info;
                TestClient c;

                test_open(&c, f->path, rows[i].uri, 0);
                uri_and_type_are(&c, rows[i].opened, rows[i].type);
                assert_int_equal(test_remote(&c, DOMAIN_GET_STATE, &args, &ret), 0);
                assert_int_equal(ret.state, rows[i].state);
                assert_int_equal(test_remote(&c, CONNECT_NUM_OF_SECRETS, &nothing, &count), 0);
                assert_int_equal(count.num, 7);
                assert_int_equal(test_remote(&c, NODE_GET_INFO, &nothing, &info), 0);
                assert_true(info.cpus > 0 && info.memory > 0);
                test_close(&c);
        }
}

/* As libvirt's connections to one driver: what they are, and the version of the library, but nothing of a hypervisor.
 */
static void other_drivers_answer_for_themselves_alone(void **state) {
        remote_domain_get_state_args args = { .dom = TEST_GUEST };
        remote_connect_get_lib_version_ret version;
        remote_connect_num_of_networks_ret networks;
        remote_connect_num_of_secrets_ret count;
        remote_connect_is_secure_ret secure;
        remote_connect_get_hostname_ret name;
        remote_connect_get_version_ret hv;
        remote_domain_get_state_ret ret;
        remote_node_get_info_ret info;
        Fixture *f = *state;
        TestClient c;

        test_open(&c, f->path, "secret:///system", 0);
        uri_and_type_are(&c, "secret:///system", "secret");
        assert_int_equal(test_remote(&c, CONNECT_GET_LIB_VERSION, &nothing, &version), 0);
        assert_int_equal(version.lib_ver, LIB_VERSION);
        assert_int_equal(test_remote(&c, CONNECT_IS_SECURE, &nothing, &secure), 0);
        assert_int_equal(secure.secure, 1);
        assert_int_equal(test_remote(&c, CONNECT_NUM_OF_SECRETS, &nothing, &count), 0);
        assert_int_equal(count.num, 7);
        assert_int_equal(test_remote(&c, CONNECT_GET_HOSTNAME, &nothing, &name), NO_SUPPORT);
        assert_int_equal(test_remote(&c, CONNECT_GET_VERSION, &nothing, &hv), NO_SUPPORT);
        assert_int_equal(test_remote(&c, NODE_GET_INFO, &nothing, &info), NO_SUPPORT);
        assert_int_equal(test_remote(&c, DOMAIN_GET_STATE, &args, &ret), NO_SUPPORT);
        assert_int_equal(test_remote(&c, CONNECT_NUM_OF_NETWORKS, &nothing, &networks), NO_SUPPORT);
        test_close(&c);
}

static void nothing_is_answered_before_the_opening(void **state) {
        qemu_connect_domain_monitor_event_deregister_args monitor = {};
        remote_connect_open_args path = { .name = (char *[]){ (char *) "other:///elsewhere" } };
        remote_connect_get_uri_ret uri;
        Fixture *f = *state;
        TestClient c;

        test_connect(&c, f->path);
        assert_int_equal(test_remote(&c, CONNECT_GET_URI, &nothing, &uri), NOT_OPEN);
        assert_int_equal(test_call(&c, QEMU_PROGRAM, QEMU_PROC_CONNECT_DOMAIN_MONITOR_EVENT_DEREGISTER,
                                   &qemu_codec_CONNECT_DOMAIN_MONITOR_EVENT_DEREGISTER, &monitor, &void_ret),
                         NOT_OPEN);
        assert_int_equal(test_remote(&c, CONNECT_OPEN, &path, &void_ret), 1);
        assert_string_equal(c.error.message ? *c.error.message : "",
                            "internal error: unexpected other URI path '/elsewhere', try other:///system");
        assert_int_equal(test_remote(&c, CONNECT_GET_URI, &nothing, &uri), NOT_OPEN);
        path.name = (char *[]){ (char *) "secret:///session" };
        assert_int_equal(test_remote(&c, CONNECT_OPEN, &path, &void_ret), 1);
        assert_string_equal(c.error.message ? *c.error.message : "",
                            "internal error: unexpected secret URI path '/session', try secret:///system");
        test_close(&c);
}

int main(int argc, char **argv) {
        static const struct CMUnitTest tests[] = {
                several_test(each_scheme_has_its_hypervisor),
                several_test(other_drivers_answer_for_themselves_alone),
                several_test(nothing_is_answered_before_the_opening),
        };

        if (is_test_daemon(argv))
                return run_test_daemon(argc, argv);
        return cmocka_run_group_tests(tests, NULL, NULL);
}
