/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Calls and their answers, of the daemon itself and through a proxy. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <sys/wait.h>

#include "base/strings.h"
#include "test-fixture.h"

static const rpc_void nothing;
static rpc_void void_ret;

static void calls_are_answered(void **state) {
        remote_domain_lookup_by_name_args lookup = { .name = (char *) "guest" };
        remote_domain_lookup_by_name_ret lookup_ret;
        TestClient c;

        check_alive(*state);
        test_open(&c, ((Fixture *) *state)->path, "test:///system", 0);
        assert_int_equal(test_remote(&c, DOMAIN_LOOKUP_BY_NAME, &lookup, &lookup_ret), 42);
        assert_string_equal(*c.error.message, "Domain not found: no domain with matching name 'guest'");
        assert_int_equal(c.error.domain, 10);
        assert_int_equal(c.error.level, 2);
        assert_null(c.error.dom);
        test_close(&c);
}

static void wrong_calls_get_the_errors_clients_expect(void **state) {
        remote_connect_open_args foreign = { .name = (char *[]) { (char *) "xen:///system" } };
        remote_connect_list_all_interfaces_args list = { .need_results = 1 };
        remote_connect_list_all_interfaces_ret list_ret;
        remote_domain_get_state_args state_args = { .dom = TEST_GUEST };
        remote_domain_get_state_ret state_ret;
        Fixture *f = *state;
        TestClient c;

        test_connect(&c, f->path);
        assert_int_equal(test_remote(&c, DOMAIN_GET_STATE, &state_args, &state_ret), 1);
        assert_string_equal(*c.error.message, "internal error: connection not open");
        assert_int_equal(test_remote(&c, CONNECT_OPEN, &foreign, &void_ret), 5);
        assert_string_equal(*c.error.message, "no connection driver available for xen:///system");
        assert_int_equal(c.error.domain, 0);
        test_close(&c);

        test_open(&c, f->path, "test:///system", 0);
        assert_int_equal(test_call(&c, REMOTE_PROGRAM, 9999, &remote_codec_CONNECT_CLOSE, &nothing, &void_ret), 39);
        assert_string_equal(*c.error.message, "unknown procedure: 9999");
        assert_int_equal(c.error.domain, 7);
        /* An event cannot be called. */
        assert_int_equal(test_call(&c, REMOTE_PROGRAM, 107, &remote_codec_CONNECT_CLOSE, &nothing, &void_ret), 39);
        assert_int_equal(test_call(&c, 0x1234, 1, &remote_codec_CONNECT_CLOSE, &nothing, &void_ret), 39);
        assert_string_equal(*c.error.message, "Cannot find program 4660 version 1");
        assert_int_equal(test_remote(&c, CONNECT_LIST_ALL_INTERFACES, &list, &list_ret), 3);
        assert_string_equal(*c.error.message,
                            "this function is not supported by the connection driver: virConnectListAllInterfaces");
        assert_int_equal(c.error.domain, 26);
        assert_int_equal(test_remote(&c, CONNECT_OPEN, &(remote_connect_open_args) {}, &void_ret), 1);
        assert_string_equal(*c.error.message, "internal error: connection already open");
        /* Arguments that do not decode. */
        assert_int_equal(test_call(&c, REMOTE_PROGRAM, REMOTE_PROC_DOMAIN_CREATE, &remote_codec_CONNECT_CLOSE, &nothing,
                                   &void_ret), 39);
        test_close(&c);
        check_alive(f);
}

static void readonly_connections_cannot_write(void **state) {
        remote_domain_create_args args = { .dom = TEST_GUEST };
        remote_domain_get_state_args state_args = { .dom = TEST_GUEST };
        remote_domain_get_state_ret state_ret;
        Fixture *f = *state;
        TestClient c;

        for (int i = 0; i < 2; i++) {
                test_open(&c, i == 0 ? f->ro_path : f->path, "test:///system", i == 0 ? 0 : 1);
                assert_int_equal(test_remote(&c, DOMAIN_CREATE, &args, &void_ret), 29);
                assert_string_equal(*c.error.message, "operation forbidden: read only access prevents virDomainCreate");
                assert_int_equal(test_remote(&c, DOMAIN_GET_STATE, &state_args, &state_ret), 0);
                test_close(&c);
        }
}

static void slow_calls_do_not_hold_up_others(void **state) {
        remote_domain_suspend_args slow = { .dom = TEST_GUEST };
        remote_domain_get_state_args quick = { .dom = TEST_GUEST };
        Fixture *f = *state;
        uint32_t expected[] = { 3, 2 };
        TestClient c;
        TestPacket p;

        slow.dom.id = 200;
        test_open(&c, f->path, "test:///system", 0);
        test_send_call(&c, REMOTE_PROGRAM, REMOTE_PROC_DOMAIN_SUSPEND, remote_codec_DOMAIN_SUSPEND.args, &slow);
        test_send_call(&c, REMOTE_PROGRAM, REMOTE_PROC_DOMAIN_GET_STATE, remote_codec_DOMAIN_GET_STATE.args, &quick);
        for (size_t i = 0; i < ELEMENTSOF(expected); i++) {
                assert_true(test_receive(&c, &p));
                assert_int_equal(p.header.serial, expected[i]);
                buffer_done(&p.body);
        }
        test_close(&c);
}

static void pipelined_calls_wait_for_their_turn(void **state) {
        remote_domain_suspend_args slow = { .dom = TEST_GUEST };
        Fixture *f = *state;
        uint32_t seen = 0;
        TestClient c;
        TestPacket p;

        /* Twenty, of which five are in work at once; each is answered once. */
        slow.dom.id = 20;
        test_open(&c, f->path, "test:///system", 0);
        for (int i = 0; i < 20; i++)
                test_send_call(&c, REMOTE_PROGRAM, REMOTE_PROC_DOMAIN_SUSPEND, remote_codec_DOMAIN_SUSPEND.args, &slow);
        for (uint32_t i = 0; i < 20; i++) {
                assert_true(test_receive(&c, &p));
                assert_in_range(p.header.serial, 2, 21);
                assert_false(seen & 1U << p.header.serial);
                seen |= 1U << p.header.serial;
                assert_int_equal(p.header.status, PACKET_OK);
                buffer_done(&p.body);
        }
        test_close(&c);
}

static void calls_wait_for_the_opening(void **state) {
        char *uri = (char *) "test:///system";
        remote_connect_open_args open_args = { .name = &uri };
        remote_domain_get_state_args args = { .dom = TEST_GUEST };
        Fixture *f = *state;
        TestClient c;
        TestPacket p;

        test_connect(&c, f->path);
        test_send_call(&c, REMOTE_PROGRAM, REMOTE_PROC_AUTH_LIST, remote_codec_AUTH_LIST.args, &nothing);
        test_send_call(&c, REMOTE_PROGRAM, REMOTE_PROC_CONNECT_OPEN, remote_codec_CONNECT_OPEN.args, &open_args);
        test_send_call(&c, REMOTE_PROGRAM, REMOTE_PROC_DOMAIN_GET_STATE, remote_codec_DOMAIN_GET_STATE.args, &args);
        for (int i = 0; i < 3; i++) {
                assert_true(test_receive(&c, &p));
                assert_int_equal(p.header.status, PACKET_OK);
                buffer_done(&p.body);
        }
        test_close(&c);
}

static void closing_answers_first(void **state) {
        Fixture *f = *state;
        TestClient c;

        test_open(&c, f->path, "test:///system", 0);
        assert_int_equal(test_remote(&c, CONNECT_CLOSE, &nothing, &void_ret), 0);
        assert_true(test_is_closed(&c));
        test_close(&c);
}

static void pings_are_answered(void **state) {
        PacketHeader ping = { .program = KEEPALIVE_PROGRAM, .version = 1, .procedure = 1, .type = PACKET_MESSAGE };
        _cleanup_buffer_ Buffer b = {};
        TestPacket p;
        TestClient c;

        test_connect(&c, ((Fixture *) *state)->path);
        assert_int_equal(packet_add(&b, &ping, NULL, 0), 0);
        test_send(&c, b.data, b.len);
        assert_true(test_receive(&c, &p));
        assert_int_equal(p.header.program, KEEPALIVE_PROGRAM);
        assert_int_equal(p.header.procedure, 2);
        assert_int_equal(p.header.type, PACKET_MESSAGE);
        buffer_done(&p.body);
        test_close(&c);
}

/* More calls than are taken at once, and behind them the question whether we live: answered first. */
static void pings_do_not_wait_behind_calls(void **state) {
        PacketHeader ping = { .program = KEEPALIVE_PROGRAM, .version = 1, .procedure = 1, .type = PACKET_MESSAGE };
        remote_domain_suspend_args slow = { .dom = TEST_GUEST };
        _cleanup_buffer_ Buffer b = {};
        uint32_t seen = 0;
        TestPacket p;
        TestClient c;

        slow.dom.id = 300;
        test_open(&c, ((Fixture *) *state)->path, "test:///system", 0);
        assert_int_equal(packet_add(&b, &ping, NULL, 0), 0);
        for (int i = 0; i < 8; i++) {
                test_send_call(&c, REMOTE_PROGRAM, REMOTE_PROC_DOMAIN_SUSPEND, remote_codec_DOMAIN_SUSPEND.args, &slow);
                if (i >= 6)
                        test_send(&c, b.data, b.len);
        }
        usleep(50000);
        test_send(&c, b.data, b.len);
        for (int i = 0; i < 3; i++) {
                assert_true(test_receive(&c, &p));
                assert_int_equal(p.header.program, KEEPALIVE_PROGRAM);
                assert_int_equal(p.header.procedure, 2);
                buffer_done(&p.body);
        }
        /* and nothing that waited was lost */
        for (int i = 0; i < 8; i++) {
                assert_true(test_receive(&c, &p));
                assert_int_equal(p.header.program, REMOTE_PROGRAM);
                assert_false(seen & 1U << p.header.serial);
                seen |= 1U << p.header.serial;
                buffer_done(&p.body);
        }
        test_close(&c);
}

static void other_programs_are_for_other_sockets(void **state) {
        Fixture *f = *state;
        TestClient c;

        test_connect(&c, f->admin_path);
        assert_int_equal(test_remote(&c, CONNECT_OPEN, &(remote_connect_open_args) {}, &void_ret), 39);
        test_close(&c);
}

static void idle_daemons_end_and_busy_ones_do_not(void **state) {
        Fixture *f = *state;
        TestClient c;
        int status;

        test_open(&c, f->path, "test:///system", 0);
        sleep(2);
        assert_int_equal(waitpid(f->pid, &status, WNOHANG), 0);
        test_close(&c);
        assert_int_equal(waitpid(f->pid, &status, 0), f->pid);
        assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
        f->pid = start_daemon(f, "0");
        check_alive(f);
}

int main(int argc, char **argv) {
        static const struct CMUnitTest tests[] = {
                daemon_test(calls_are_answered),
                daemon_test(wrong_calls_get_the_errors_clients_expect),
                daemon_test(readonly_connections_cannot_write),
                daemon_test(slow_calls_do_not_hold_up_others),
                daemon_test(pipelined_calls_wait_for_their_turn),
                daemon_test(calls_wait_for_the_opening),
                daemon_test(closing_answers_first),
                daemon_test(pings_are_answered),
                daemon_test(pings_do_not_wait_behind_calls),
                daemon_test(other_programs_are_for_other_sockets),
                proxy_test(calls_are_answered),
                proxy_test(readonly_connections_cannot_write),
                proxy_test(slow_calls_do_not_hold_up_others),
                proxy_test(pipelined_calls_wait_for_their_turn),
                cmocka_unit_test_setup_teardown(idle_daemons_end_and_busy_ones_do_not, set_up_idle, tear_down),
        };

        if (is_test_daemon(argv))
                return run_test_daemon(argc, argv);
        return cmocka_run_group_tests(tests, NULL, NULL);
}
