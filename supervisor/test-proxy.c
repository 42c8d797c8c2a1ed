/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What a daemon without drivers does itself. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <signal.h>
#include <sys/wait.h>

#include "base/strings.h"
#include "test-fixture.h"

static const rpc_void nothing;
static rpc_void void_ret;

/* The daemon behind dies: the calls that wait for it are answered, and the connection ends; a new one works again. */
static void a_daemon_that_dies_is_told_of(void **state) {
        remote_domain_suspend_args slow = { .dom = TEST_GUEST };
        Fixture *f = *state;
        char path[96];
        TestPacket p;
        TestClient c;

        slow.dom.id = 20000;
        test_open(&c, f->path, "test:///system", 0);
        assert_int_equal(test_remote(&c, CONNECT_REGISTER_CLOSE_CALLBACK, &nothing, &void_ret), 0);
        test_send_call(&c, REMOTE_PROGRAM, REMOTE_PROC_DOMAIN_SUSPEND, remote_codec_DOMAIN_SUSPEND.args, &slow);
        usleep(50000);
        kill(f->pid, SIGKILL);
        waitpid(f->pid, NULL, 0);
        assert_true(test_receive(&c, &p));
        assert_int_equal(p.header.type, PACKET_REPLY);
        assert_int_equal(p.header.status, PACKET_ERROR);
        buffer_done(&p.body);
        assert_true(test_receive(&c, &p));
        assert_int_equal(p.header.type, PACKET_MESSAGE);
        assert_int_equal(p.header.procedure, REMOTE_PROC_CONNECT_EVENT_CONNECTION_CLOSED);
        buffer_done(&p.body);
        assert_true(test_is_closed(&c));
        test_close(&c);

        f->pid = start_daemon(f, "0");
        snprintf(path, sizeof(path), "%s/virttestd-sock", f->folder);
        test_connect(&c, path);
        test_close(&c);
        check_alive(f);
}

static void proxies_refuse_what_nobody_holds(void **state) {
        remote_connect_open_args foreign = { .name = (char *[]) { (char *) "lxc:///" } };
        remote_connect_open_args absent = { .name = (char *[]) { (char *) "network:///system" } };
        remote_connect_num_of_networks_ret ret;
        Fixture *f = *state;
        TestClient c;

        test_connect(&c, f->path);
        assert_int_equal(test_remote(&c, CONNECT_OPEN, &foreign, &void_ret), 5);
        assert_int_equal(test_remote(&c, CONNECT_OPEN, &absent, &void_ret), 38);
        test_close(&c);
        test_open(&c, f->path, "test:///system", 0);
        assert_int_equal(test_remote(&c, CONNECT_NUM_OF_NETWORKS, &nothing, &ret), 3);
        assert_int_equal(c.error.domain, 19);
        test_close(&c);
}

/* What the driver answers is asked of it where it is; what the protocol can do is answered at once. */
static void features_are_the_drivers_or_the_protocols(void **state) {
        static const struct {
                int feature;
                int supported;
        } rows[] = { { 8, 1 }, { 9, 1 }, { 14, 1 }, { 16, 1 }, { 12, 1 }, { 3, 0 }, { 1000, 0 }, { -1, 0 } };
        remote_connect_supports_feature_ret ret;
        Fixture *f = *state;
        TestClient c;

        test_open(&c, f->path, "test:///system", 0);
        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                remote_connect_supports_feature_args args = { .feature = rows[i].feature };

                assert_int_equal(test_remote(&c, CONNECT_SUPPORTS_FEATURE, &args, &ret), 0);
                assert_int_equal(ret.supported, rows[i].supported);
        }
        test_close(&c);
}

int main(int argc, char **argv) {
        static const struct CMUnitTest tests[] = {
                proxy_test(a_daemon_that_dies_is_told_of),
                proxy_test(proxies_refuse_what_nobody_holds),
                proxy_test(features_are_the_drivers_or_the_protocols),
        };

        if (is_test_daemon(argv))
                return run_test_daemon(argc, argv);
        return cmocka_run_group_tests(tests, NULL, NULL);
}
