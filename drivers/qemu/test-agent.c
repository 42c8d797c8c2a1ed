/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Calls to the agent within a guest: one that answers, and several that lie. */

#include "test-guest-agent.h"
#include "test-steps.h"

#include "base/fs.h"
#include "plan/names.h"
#include "run/agent-reader.h"

static int get_time(TestHost *h, remote_domain_get_time_ret *ret) {
        remote_domain_get_time_args args = { .dom = dom_of("web", UUID) };

        *ret = (remote_domain_get_time_ret) {};
        return test_call(h, REMOTE_PROC_DOMAIN_GET_TIME, &args, ret);
}

/* Waits a second for the agent at most, as a client may want it. */
static void be_quick(TestHost *h) {
        remote_domain_agent_set_response_timeout_args args = { .dom = dom_of("web", UUID), .timeout = 1 };
        remote_domain_agent_set_response_timeout_ret ret = {};

        assert_int_equal(test_call(h, REMOTE_PROC_DOMAIN_AGENT_SET_RESPONSE_TIMEOUT, &args, &ret), 0);
}

#define LEFT "{\"return\": 17}\n\n{\"error\": {}}\nno json\n{\"half\": "

static void an_agent_is_asked(void **state) {
        TestHost *h = *state;
        remote_domain_get_time_ret time;
        FakeAgent a;

        agent_start(h, &a, true);
        a.before = LEFT;
        a.wrong_numbers = 3;
        a.answer = "{\"return\": 1700000000123456789}\n";
        assert_int_equal(get_time(h, &time), 0);
        assert_int_equal(time.seconds, 1700000000);
        assert_int_equal(time.nseconds, 123456789);
        assert_string_equal(a.asked, "{\"execute\":\"guest-get-time\"}");
        assert_int_equal(get_time(h, &time), 0);
        assert_int_equal(a.n_connections, 2);
        agent_stop(&a);
}

static void no_agent_is_said_at_once(void **state) {
        TestHost *h = *state;
        remote_domain_get_time_ret time;
        FakeAgent a;

        assert_int_equal(define(h, WEB), 0);
        assert_true(get_time(h, &time) < 0);
        assert_int_equal(h->daemon.error.code, 55);
        assert_int_equal(SIMPLE_CALL(h, DOMAIN_CREATE), 0);
        assert_true(get_time(h, &time) < 0);
        assert_int_equal(h->daemon.error.code, 74);
        assert_string_equal(h->daemon.error.message, "argument unsupported: QEMU guest agent is not configured");
        test_qemu_close(h, "web");
        test_unit_cleanup(h, "web", "shutdown");

        agent_start(h, &a, false);
        assert_true(get_time(h, &time) < 0);
        assert_int_equal(h->daemon.error.code, 86);
        assert_string_equal(h->daemon.error.message,
                            "Guest agent is not responding: QEMU guest agent is not connected");
        assert_int_equal(a.n_connections, 0);
        agent_stop(&a);
}

static void an_agent_that_comes_and_goes_is_seen(void **state) {
        TestHost *h = *state;
        remote_domain_get_time_ret time;
        _cleanup_free_ char *connected = NULL, *gone = NULL, *inactive = NULL;
        FakeAgent a;

        agent_start(h, &a, false);
        a.answer = "{\"return\": 1}\n";
        test_qemu_say(h, "web", "{'event':'VSERPORT_CHANGE','data':{'open':true,'id':'ua-agent'}}");
        assert_int_equal(get_time(h, &time), 0);
        connected = dumpxml(h, 0);
        assert_non_null(strstr(connected, "name='org.qemu.guest_agent.0' state='connected'"));
        inactive = dumpxml(h, DOMAIN_XML_INACTIVE);
        assert_null(strstr(inactive, "state="));
        test_qemu_say(h, "web", "{'event':'VSERPORT_CHANGE','data':{'open':false,'id':'ua-agent'}}");
        assert_true(get_time(h, &time) < 0);
        assert_int_equal(h->daemon.error.code, 86);
        gone = dumpxml(h, 0);
        assert_non_null(strstr(gone, "state='disconnected'"));
        agent_stop(&a);
}

static void a_restarted_daemon_knows(void **state) {
        TestHost *h = *state;
        remote_domain_get_time_ret time;
        FakeAgent a;

        agent_start(h, &a, true);
        be_quick(h);
        test_restart_driver(h);
        test_pump(h);
        assert_state(h, DOMAIN_RUNNING, RUNNING_BOOTED);
        a.silent = true;
        assert_int_equal(get_time(h, &time), -ETIMEDOUT);
        assert_string_equal(h->daemon.error.message,
                            "Guest agent is not responding: guest agent didn't respond to synchronization within '1' "
                            "seconds");
        agent_stop(&a);
}

/* What it says, or does not say, and the code of the error. */
static void lies_are_harmless(void **state) {
        static const struct {
                const char *answer;
                int code;
        } lies[] = {
                { NULL, 86 },
                { "{\"return\": \"no number\"}\n", 1 },
                { "{\"return\": -5}\n", 1 },
                { "{\"return\": 99999999999999999999999999}\n", 1 },
                { "{\"nothing\": 1}\n", 1 },
                { "[1, 2]\n", 1 },
                { "\"\n", 1 },
                { "{\"error\": {\"class\": \"GenericError\", \"desc\": \"it is late\"}}\n", 113 },
                { "{\"error\": 4}\n", 113 },
                { "{\"error\": {\"class\": 3, \"desc\": []}}\n", 113 },
        };
        TestHost *h = *state;
        remote_domain_get_time_ret time;
        FakeAgent a;

        agent_start(h, &a, true);
        be_quick(h);
        for (size_t i = 0; i < ELEMENTSOF(lies); i++) {
                a.answer = lies[i].answer;
                assert_true(get_time(h, &time) < 0);
                assert_int_equal(h->daemon.error.code, lies[i].code);
        }
        a.forgetful = true;
        assert_true(get_time(h, &time) < 0);
        assert_int_equal(h->daemon.error.code, 86);
        a.forgetful = false;
        a.answer = "{\"return\": 5000000000}\n";
        assert_int_equal(get_time(h, &time), 0);
        assert_int_equal(time.seconds, 5);
        agent_stop(&a);
}

static void what_is_deep_or_endless_is_not_read(void **state) {
        TestHost *h = *state;
        remote_domain_get_time_ret time;
        _cleanup_free_ char *deep = calloc(1, 200002);
        FakeAgent a;

        assert_non_null(deep);
        memset(deep, '[', 200000);
        deep[200000] = '\n';
        agent_start(h, &a, true);
        a.answer = deep;
        assert_true(get_time(h, &time) < 0);
        assert_int_equal(h->daemon.error.code, 1);
        a.endless = true;
        assert_true(get_time(h, &time) < 0);
        assert_int_equal(h->daemon.error.code, 86);
        agent_stop(&a);
}

static void a_guest_that_ends_ends_the_wait(void **state) {
        TestHost *h = *state;
        remote_domain_pm_suspend_for_duration_args args = { .dom = dom_of("web", UUID) };
        rpc_void ret;
        FakeAgent a;

        agent_start(h, &a, true);
        be_quick(h);
        /* nobody answers, nothing happens */
        assert_true(test_call(h, REMOTE_PROC_DOMAIN_PM_SUSPEND_FOR_DURATION, &args, &ret) < 0);
        assert_int_equal(h->daemon.error.code, 86);
        args.duration = 1;
        assert_true(test_call(h, REMOTE_PROC_DOMAIN_PM_SUSPEND_FOR_DURATION, &args, &ret) < 0);
        assert_int_equal(h->daemon.error.code, 74);
        agent_stop(&a);
}

/* --- information --- */

#define FILESYSTEMS                                                                                          \
        "{\"return\": [{\"name\": \"vda1\", \"mountpoint\": \"/\", \"type\": \"ext4\", \"disk\": [{\"bus\": 0, "     \
        "\"target\": 0, \"unit\": 0, \"pci-controller\": {\"domain\": 0, \"bus\": 0, \"slot\": 9, \"function\": 0}}, " \
        "{\"pci-controller\": 4}, 7]}, 3]}\n"

static void file_systems_are_on_disks(void **state) {
        TestHost *h = *state;
        remote_domain_get_fsinfo_args args = { .dom = dom_of("web", UUID) };
        remote_domain_get_fsinfo_ret ret = {};
        FakeAgent a;

        agent_start(h, &a, true);
        a.answer = FILESYSTEMS;
        assert_int_equal(test_call(h, REMOTE_PROC_DOMAIN_GET_FSINFO, &args, &ret), 0);
        assert_int_equal(ret.info.info_len, 2);
        assert_string_equal(ret.info.info_val[0].name, "vda1");
        assert_int_equal(ret.info.info_val[0].dev_aliases.dev_aliases_len, 1);
        assert_string_equal(ret.info.info_val[0].dev_aliases.dev_aliases_val[0], "vda");
        assert_string_equal(ret.info.info_val[1].mountpoint, "");
        xdr_free((xdrproc_t) (void (*)(void)) xdr_remote_domain_get_fsinfo_ret, (char *) &ret);
        agent_stop(&a);
}

static int guest_info(TestHost *h, uint32_t types, remote_domain_get_guest_info_ret *ret) {
        remote_domain_get_guest_info_args args = { .dom = dom_of("web", UUID), .types = types };

        *ret = (remote_domain_get_guest_info_ret) {};
        return test_call(h, REMOTE_PROC_DOMAIN_GET_GUEST_INFO, &args, ret);
}

static void what_the_agent_does_not_know_is_left_out(void **state) {
        TestHost *h = *state;
        remote_domain_get_guest_info_ret ret;
        FakeAgent a;

        agent_start(h, &a, true);
        a.answer = "{\"error\": {\"class\": \"CommandNotFound\", \"desc\": \"no\"}}\n";
        assert_int_equal(guest_info(h, 0, &ret), 0);
        assert_int_equal(ret.params.params_len, 0);
        free(ret.params.params_val);
        assert_true(guest_info(h, 1, &ret) < 0);
        assert_int_equal(h->daemon.error.code, 113);
        assert_true(guest_info(h, 1U << 20, &ret) < 0);
        assert_int_equal(h->daemon.error.code, 8);
        a.answer = "{\"return\": {\"host-name\": \"inside\"}}\n";
        assert_int_equal(guest_info(h, 8, &ret), 0);
        assert_int_equal(ret.params.params_len, 1);
        assert_string_equal(ret.params.params_val[0].field, "hostname");
        assert_string_equal(ret.params.params_val[0].value.remote_typed_param_value_u.s, "inside");
        xdr_free((xdrproc_t) (void (*)(void)) xdr_remote_domain_get_guest_info_ret, (char *) &ret);
        agent_stop(&a);
}

/* Every kind of answer to every kind of question. */
static void any_answer_to_any_question(void **state) {
        static const char *const answers[] = {
                FILESYSTEMS, "{\"return\": {}}\n", "{\"return\": [[], {}, 1, null]}\n", "{\"return\": null}\n",
                "{\"return\": [{\"ip-addresses\": [1, {\"ip-address\": \"x\"}], \"name\": 4, \"dependencies\": 3}]}\n",
                "{\"return\": [{\"name\": \"e\", \"login-time\": 1e300, \"address\": {\"pci-controller\": []}}]}\n",
        };
        TestHost *h = *state;
        FakeAgent a;

        agent_start(h, &a, true);
        for (size_t i = 0; i < ELEMENTSOF(answers); i++) {
                remote_domain_interface_addresses_args args = { .dom = dom_of("web", UUID), .source = 1 };
                remote_domain_interface_addresses_ret cards = {};
                remote_domain_get_guest_info_ret info;

                a.answer = answers[i];
                if (guest_info(h, 0, &info) >= 0)
                        xdr_free((xdrproc_t) (void (*)(void)) xdr_remote_domain_get_guest_info_ret, (char *) &info);
                (void) test_call(h, REMOTE_PROC_DOMAIN_INTERFACE_ADDRESSES, &args, &cards);
                xdr_free((xdrproc_t) (void (*)(void)) xdr_remote_domain_interface_addresses_ret, (char *) &cards);
        }
        agent_stop(&a);
}

static void vcpus_are_switched(void **state) {
        TestHost *h = *state;
        remote_domain_set_guest_vcpus_args args = { .dom = dom_of("web", UUID), .cpumap = (char *) "1", .state = 0 };
        remote_domain_get_guest_vcpus_args get = { .dom = dom_of("web", UUID) };
        remote_domain_get_guest_vcpus_ret ret = {};
        rpc_void none;
        FakeAgent a;

        agent_start(h, &a, true);
        a.answer = "{\"return\": [{\"logical-id\": 0, \"online\": true, \"can-offline\": false}, "
                   "{\"logical-id\": 1, \"online\": true, \"can-offline\": true}]}\n";
        assert_int_equal(test_call(h, REMOTE_PROC_DOMAIN_GET_GUEST_VCPUS, &get, &ret), 0);
        assert_int_equal(ret.params.params_len, 3);
        assert_string_equal(ret.params.params_val[0].value.remote_typed_param_value_u.s, "0-1");
        assert_string_equal(ret.params.params_val[2].value.remote_typed_param_value_u.s, "1");
        xdr_free((xdrproc_t) (void (*)(void)) xdr_remote_domain_get_guest_vcpus_ret, (char *) &ret);
        /* the same answer to the request itself: no number */
        assert_true(test_call(h, REMOTE_PROC_DOMAIN_SET_GUEST_VCPUS, &args, &none) < 0);
        assert_non_null(strstr(a.asked, "{\"execute\":\"guest-set-vcpus\",\"arguments\":{\"vcpus\":[{\"logical-id\":1,"
                                        "\"online\":false}]}}"));
        args.cpumap = (char *) "0";
        assert_true(test_call(h, REMOTE_PROC_DOMAIN_SET_GUEST_VCPUS, &args, &none) < 0);
        assert_int_equal(h->daemon.error.code, 8);
        args.cpumap = (char *) "7";
        assert_true(test_call(h, REMOTE_PROC_DOMAIN_SET_GUEST_VCPUS, &args, &none) < 0);
        assert_int_equal(h->daemon.error.code, 8);
        agent_stop(&a);
}

static void a_password_is_sent_as_base64(void **state) {
        TestHost *h = *state;
        char *user = (char *) "root", *password = (char *) "geheim";
        remote_domain_set_user_password_args args = { .dom = dom_of("web", UUID), .user = &user,
                                                      .password = &password };
        rpc_void none;
        FakeAgent a;

        agent_start(h, &a, true);
        a.answer = "{\"return\": {}}\n";
        assert_int_equal(test_call(h, REMOTE_PROC_DOMAIN_SET_USER_PASSWORD, &args, &none), 0);
        assert_non_null(strstr(a.asked, "\"password\":\"Z2VoZWlt\""));
        password = (char *) "ab";
        assert_int_equal(test_call(h, REMOTE_PROC_DOMAIN_SET_USER_PASSWORD, &args, &none), 0);
        assert_non_null(strstr(a.asked, "\"password\":\"YWI=\""));
        agent_stop(&a);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                TEST(an_agent_is_asked),
                TEST(no_agent_is_said_at_once),
                TEST(an_agent_that_comes_and_goes_is_seen),
                TEST(a_restarted_daemon_knows),
                TEST(lies_are_harmless),
                TEST(what_is_deep_or_endless_is_not_read),
                TEST(a_guest_that_ends_ends_the_wait),
                TEST(file_systems_are_on_disks),
                TEST(what_the_agent_does_not_know_is_left_out),
                TEST(any_answer_to_any_question),
                TEST(vcpus_are_switched),
                TEST(a_password_is_sent_as_base64),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
