/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What the log tells of qemu.conf, when the driver starts and when it is told to read the file again. */

#include "base/log.h"
#include "test-steps.h"

static StrBuf logged;

/* As far as daemons show it without a setting. */
static void collect(int level, const char *file, const char *text) {
        if (level <= LOG_NOTICE)
                strbuf_addf(&logged, "%s\n", text);
}

static bool is_logged(const char *text) {
        return logged.data && strstr(logged.data, text);
}

static void start_again(TestHost *h) {
        strbuf_done(&logged);
        test_restart_driver(h);
}

static void read_again(TestHost *h) {
        strbuf_done(&logged);
        assert_int_equal(driver_qemu.reload(h->daemon.state, &h->daemon.error), 0);
}

#define USER_TOLD "/etc/qemu.conf:1: user: has no effect"
#define MAC_TOLD "/etc/qemu.conf:2: mac_filter: MAC addresses on bridges are not filtered yet"

static void qemu_conf_is_told_once(void **state) {
        TestHost *h = *state;

        log_set_sink(collect);
        start_again(h);
        assert_null(logged.data);

        test_write(h, "etc/qemu.conf", "user = 'root'\nmac_filter = 1\n");
        start_again(h);
        assert_true(is_logged(USER_TOLD) && is_logged(MAC_TOLD) &&
                    is_logged("; guests that it is about are not started\n"));
        start_again(h);
        assert_null(logged.data);

        test_write(h, "etc/qemu.conf", "vnc_listen = 0.0.0.0\n");
        start_again(h);
        assert_true(is_logged("/etc/qemu.conf:1: expected a number") &&
                    is_logged("; no guest is started until that is right\n"));
        start_again(h);
        assert_null(logged.data);

        test_remove(h, "etc/qemu.conf");
        start_again(h);
        assert_null(logged.data);
        test_write(h, "etc/qemu.conf", "user = 'root'\nmac_filter = 1\n");
        start_again(h);
        assert_true(is_logged(USER_TOLD));

        /* where it is not known what was said */
        test_remove(h, "run/qemu/conf-said");
        start_again(h);
        assert_true(is_logged(USER_TOLD) && is_logged(MAC_TOLD));
        log_set_sink(NULL);
        strbuf_done(&logged);
}

static void a_reload_tells_what_has_changed(void **state) {
        TestHost *h = *state;

        test_write(h, "etc/qemu.conf", "user = 'root'\nmac_filter = 1\n");
        log_set_sink(collect);
        start_again(h);
        read_again(h);
        assert_true(is_logged(USER_TOLD) && is_logged(MAC_TOLD));
        assert_true(is_logged("/etc/qemu.conf was read again; it is as it was, problems: 2\n"));
        assert_false(is_logged("no longer so"));

        test_write(h, "etc/qemu.conf", "# moved\nvnc_listen = '::'\nuser = 'root'\n");
        read_again(h);
        assert_true(is_logged("/etc/qemu.conf:3: user: has no effect"));
        assert_true(is_logged("no longer so: ") && is_logged(MAC_TOLD));
        assert_false(is_logged(USER_TOLD));
        assert_true(is_logged("/etc/qemu.conf was read again; it has changed, problems: 1\n"));
        start_again(h);
        assert_null(logged.data);
        log_set_sink(NULL);
        strbuf_done(&logged);
}

int main(void) {
        const struct CMUnitTest list[] = {
                TEST(qemu_conf_is_told_once),
                TEST(a_reload_tells_what_has_changed),
        };

        return cmocka_run_group_tests(list, NULL, NULL);
}
