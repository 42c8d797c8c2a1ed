/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What the kernel counts of a guest: virsh perf and domstats, with a vm-events and a resctrl that are made up. */

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "base/fs.h"
#include "base/guest-events.h"
#include "test-steps.h"

#include "rpc/typed-params.h"

/* --- vm-events --- */

static char asked[1024];
static const char *answer;
static int listener = -1;
static sd_event_source *source;

static int on_connection(sd_event_source *s, int fd, uint32_t revents, void *userdata) {
        int connection = accept4(fd, NULL, NULL, SOCK_CLOEXEC);
        ssize_t n = recv(connection, asked, sizeof(asked) - 1, 0);

        assert_true(n > 0);
        asked[n] = 0;
        assert_true(send(connection, answer, strlen(answer), MSG_NOSIGNAL) > 0);
        close(connection);
        return 0;
}

static void listen_for_questions(TestHost *h) {
        _cleanup_free_ char *path = test_path(h, "run/" EVENTS_SOCKET), *folder = test_path(h, "run/events");
        struct sockaddr_un address = { .sun_family = AF_UNIX };

        (void) mkdir(folder, 0700);
        strcpy(address.sun_path, path);
        listener = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        assert_int_equal(bind(listener, (struct sockaddr *) &address, sizeof(address)), 0);
        assert_int_equal(listen(listener, 5), 0);
        assert_true(sd_event_add_io(loop_event(h->loop), &source, listener, EPOLLIN, on_connection, h) >= 0);
        asked[0] = 0;
        answer = "done=\n";
}

static void listen_no_more(void) {
        source = sd_event_source_disable_unref(source);
        close(listener);
}

/* --- calls --- */

static int set_events(TestHost *h, unsigned flags, const char *first, bool on, const char *second, bool second_on) {
        remote_typed_param p[] = {
                { (char *) first, { TYPED_PARAM_BOOLEAN, { .b = on } } },
                { (char *) second, { TYPED_PARAM_BOOLEAN, { .b = second_on } } },
        };
        remote_domain_set_perf_events_args args = { .dom = dom_of("web", UUID), .flags = flags };
        rpc_void none;

        args.params.params_val = p;
        args.params.params_len = second ? 2 : 1;
        return test_call(h, REMOTE_PROC_DOMAIN_SET_PERF_EVENTS, &args, &none);
}

static bool shows(TestHost *h, unsigned flags, const char *wanted) {
        _cleanup_free_ char *xml = dumpxml(h, flags);

        return strstr(xml, wanted);
}

/* "name=value;" each */
static const char *stats(TestHost *h, unsigned groups) {
        remote_connect_get_all_domain_stats_args args = { .stats = groups, .flags = 1U << 31 };
        remote_connect_get_all_domain_stats_ret ret = {};
        static char text[4096];
        size_t n = 0;

        text[0] = 0;
        assert_int_equal(test_call(h, REMOTE_PROC_CONNECT_GET_ALL_DOMAIN_STATS, &args, &ret), 0);
        assert_int_equal(ret.retStats.retStats_len, 1);
        for (unsigned i = 0; i < ret.retStats.retStats_val->params.params_len; i++) {
                const remote_typed_param *p = &ret.retStats.retStats_val->params.params_val[i];
                const remote_typed_param_value *v = &p->value;

                if (v->type == TYPED_PARAM_STRING)
                        n += (size_t) snprintf(text + n, sizeof(text) - n, "%s=%s;", p->field,
                                               v->remote_typed_param_value_u.s);
                else
                        n += (size_t) snprintf(text + n, sizeof(text) - n, "%s=%llu;", p->field,
                                               (unsigned long long) (v->type == TYPED_PARAM_UINT
                                                                             ? v->remote_typed_param_value_u.ui
                                                                             : v->remote_typed_param_value_u.ul));
        }
        rpc_free(remote_codec_CONNECT_GET_ALL_DOMAIN_STATS.ret, &ret);
        return text;
}

#define PERF 64U
#define MEMORY 256U
#define CPU_TOTAL 2U

static void events_come_and_go(void **state) {
        TestHost *h = *state;

        start_web(h);
        listen_for_questions(h);
        assert_string_equal(stats(h, PERF), "");
        assert_string_equal(asked, "");         /* nobody is asked where nothing is counted */
        assert_int_equal(set_events(h, LIVE, "page_faults", true, "cpu_cycles", true), 0);
        assert_non_null(strstr(asked, "verb=enable\nguest=web\nprocess="));
        assert_non_null(strstr(asked, "\nevent=cpu_cycles\nevent=page_faults\n"));
        assert_true(test_file_exists(h, "run/qemu/web.undo"));
        assert_true(shows(h, 0, "<event name='cpu_cycles' enabled='yes'/>\n    <event name='page_faults'"));
        assert_false(shows(h, DOMAIN_XML_INACTIVE, "<perf>"));
        answer = "done=read\ncpu_cycles=5\npage_faults=18446744073709551615\n";
        assert_string_equal(stats(h, PERF), "perf.cpu_cycles=5;perf.page_faults=18446744073709551615;");
        assert_string_equal(asked, "verb=read\nguest=web\n");
        assert_int_equal(set_events(h, LIVE | CONFIG, "page_faults", false, NULL, false), 0);
        assert_string_equal(asked, "verb=disable\nguest=web\nevent=page_faults\n");
        assert_true(shows(h, 0, "<event name='page_faults' enabled='no'/>"));
        assert_true(shows(h, DOMAIN_XML_INACTIVE, "<event name='page_faults' enabled='no'/>"));
        listen_no_more();
}

/* Neither of the guest nor of its definition. */
static void what_is_refused_changes_nothing(void **state) {
        TestHost *h = *state;

        start_web(h);
        listen_for_questions(h);
        answer = "error=[38] unable to open host cpu perf event for cpu_cycles: No such file or directory\n";
        assert_true(set_events(h, LIVE | CONFIG, "task_clock", true, "cpu_cycles", true) < 0);
        assert_int_equal(h->daemon.error.code, ERROR_SYSTEM_ERROR);
        assert_string_equal(h->daemon.error.detail,
                            "unable to open host cpu perf event for cpu_cycles: No such file or directory");
        assert_false(shows(h, 0, "<perf>"));
        assert_false(shows(h, DOMAIN_XML_INACTIVE, "<perf>"));
        assert_true(set_events(h, CONFIG, "bogus", true, NULL, false) < 0);
        assert_int_equal(h->daemon.error.code, ERROR_ARGUMENT_UNSUPPORTED);
        assert_true(set_events(h, CONFIG, "task_clock", true, "task_clock", false) < 0);
        assert_int_equal(h->daemon.error.code, ERROR_INVALID_ARG);
        listen_no_more();
        assert_true(set_events(h, LIVE, "task_clock", true, NULL, false) < 0);
        assert_non_null(strstr(h->daemon.error.detail, "is vm-events.socket active?"));
}

/* --- resctrl --- */

static void put(TestHost *h, const char *file, const char *text) {
        _cleanup_free_ char *path = text_format("sys/fs/resctrl/%s", file), *folder = test_path(h, path);

        *strrchr(folder, '/') = 0;
        assert_int_equal(mkdir_p(folder, 0755), 0);
        test_write(h, path, text);
}

#define TUNED                                                                                                \
        "<domain type='kvm' id='7'><name>web</name><uuid>" UUID "</uuid><memory>65536</memory>"              \
        "<vcpu>4</vcpu><cputune><cachetune vcpus='0-1' id='vcpus_0-1'>"                                      \
        "<cache id='0' level='3' type='both' size='3' unit='MiB'/><monitor level='3' vcpus='0-1'/></cachetune>" \
        "<memorytune vcpus='0-1' id='vcpus_0-1'><monitor vcpus='1'/></memorytune>"                           \
        "<memorytune vcpus='2-3' id='vcpus_2-3'><monitor vcpus='2-3'/></memorytune></cputune>"               \
        "<os><type arch='x86_64' machine='pc'>hvm</type></os></domain>"

static void monitors_are_read(void **state) {
        TestHost *h = *state;
        _cleanup_free_ char *sys = test_path(h, "sys");

        assert_int_equal(setenv("UNITVIRT_SYS", sys, 1), 0);
        start_web(h);
        assert_string_equal(stats(h, MEMORY), "");
        test_write(h, "run/qemu/web.xml", TUNED);
        test_pump(h);
        put(h, "qemu-7-web-vcpus_0-1/mon_data/mon_L3_01/llc_occupancy", "11\n");
        put(h, "qemu-7-web-vcpus_0-1/mon_data/mon_L3_00/llc_occupancy", "10\n");
        put(h, "qemu-7-web-vcpus_0-1/mon_groups/qemu-7-web-vcpus_1/mon_data/mon_L3_00/mbm_local_bytes", "12\n");
        put(h, "qemu-7-web-vcpus_0-1/mon_groups/qemu-7-web-vcpus_1/mon_data/mon_L3_00/mbm_total_bytes", "13\n");
        put(h, "mon_groups/qemu-7-web-vcpus_2-3/mon_data/mon_L3_00/mbm_local_bytes", "Unavailable\n");
        assert_non_null(strstr(stats(h, CPU_TOTAL),
                               "cpu.cache.monitor.count=1;cpu.cache.monitor.0.name=vcpus_0-1;"
                               "cpu.cache.monitor.0.vcpus=0-1;cpu.cache.monitor.0.bank.count=2;"
                               "cpu.cache.monitor.0.bank.0.id=0;cpu.cache.monitor.0.bank.0.bytes=10;"
                               "cpu.cache.monitor.0.bank.1.id=1;cpu.cache.monitor.0.bank.1.bytes=11;"));
        assert_string_equal(stats(h, MEMORY),
                            "memory.bandwidth.monitor.count=2;memory.bandwidth.monitor.0.name=vcpus_1;"
                            "memory.bandwidth.monitor.0.vcpus=1;memory.bandwidth.monitor.0.node.count=1;"
                            "memory.bandwidth.monitor.0.node.0.id=0;"
                            "memory.bandwidth.monitor.0.node.0.bytes.local=12;"
                            "memory.bandwidth.monitor.0.node.0.bytes.total=13;"
                            "memory.bandwidth.monitor.1.name=vcpus_2-3;memory.bandwidth.monitor.1.vcpus=2-3;"
                            "memory.bandwidth.monitor.1.node.count=1;memory.bandwidth.monitor.1.node.0.id=0;");
        (void) unsetenv("UNITVIRT_SYS");
}

/* QEMU's figures of all vCPUs; of a guest without KVM there are none, and QEMU is not asked. */
static char *polling(const char *command, void *userdata) {
        if (!streq(command, "query-stats"))
                return NULL;
        return strdup("\"return\": [{\"provider\": \"kvm\", \"stats\": "
                      "[{\"name\": \"halt_poll_fail_ns\", \"value\": 3},"
                      "{\"name\": \"halt_poll_success_ns\", \"value\": 5}]}, {\"provider\": \"kvm\", \"stats\": "
                      "[{\"name\": \"halt_poll_fail_ns\", \"value\": 4}]}]");
}

static void polling_is_summed(void **state) {
        TestHost *h = *state;

        start_web(h);
        h->lie = polling;
        assert_non_null(strstr(stats(h, CPU_TOTAL), "cpu.haltpoll.success.time=0;cpu.haltpoll.fail.time=0;"));
        test_write(h, "run/qemu/web.xml", TUNED);
        test_pump(h);
        assert_non_null(strstr(stats(h, CPU_TOTAL),
                               "cpu.haltpoll.success.time=5;cpu.haltpoll.fail.time=7;"));
}

int main(void) {
        const struct CMUnitTest tests[] = {
                TEST(events_come_and_go), TEST(what_is_refused_changes_nothing), TEST(monitors_are_read),
                TEST(polling_is_summed),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
