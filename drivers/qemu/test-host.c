/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/strings.h"
#include "test-clock.h"
#include "test-host.h"

/* --- files --- */

char *test_path(TestHost *h, const char *path) {
        return test_daemon_path(&h->daemon, path);
}

void test_write(TestHost *h, const char *path, const char *text) {
        test_daemon_write(&h->daemon, path, text);
}

void test_remove(TestHost *h, const char *path) {
        test_daemon_remove(&h->daemon, path);
}

bool test_file_exists(TestHost *h, const char *path) {
        return test_daemon_has(&h->daemon, path);
}

/* --- the supervisor's side --- */

static int bus_of_host(void *userdata, sd_bus **ret, Error *e) {
        TestHost *h = userdata;

        *ret = h->client;
        return 0;
}

int test_call(TestHost *h, int32_t number, const void *args, void *ret) {
        return test_daemon_call(&h->daemon, REMOTE_PROGRAM, number, args, ret);
}

void test_pump(TestHost *h) {
        test_daemon_pump(&h->daemon);
}

/* In words. */
const char *test_events(TestHost *h) {
        static const char *const words[] = { "defined", "undefined", "started",     "suspended", "resumed",
                                             "stopped", "shutdown",  "pmsuspended", "crashed" };
        _cleanup_free_ char *numbers = strdup(test_daemon_events(&h->daemon));
        static char text[4096];
        size_t n = 0;

        text[0] = 0;
        for (char *rest = numbers, *one; (one = strsep(&rest, ";")) && *one;) {
                char name[256];
                unsigned event;
                int detail;

                assert_int_equal(sscanf(one, "%255s %u %i", name, &event, &detail), 3);
                n += (size_t) snprintf(text + n, sizeof(text) - n, "%s %s %i;", name, words[event], detail);
        }
        return text;
}

const char *test_jobs(TestHost *h) {
        static char text[4096];

        snprintf(text, sizeof(text), "%s", h->jobs.data ? h->jobs.data : "");
        strbuf_done(&h->jobs);
        h->jobs = (StrBuf) {};
        return text;
}

/* --- life --- */

void test_restart_driver(TestHost *h) {
        test_daemon_stop(&h->daemon);
        test_pump(h);
        test_daemon_start(&h->daemon);
}

QemuDriver *test_driver(TestHost *h) {
        return h->daemon.state;
}

int test_host_setup(void **state) {
        TestHost *h = calloc(1, sizeof(*h));

        assert_non_null(h);
        test_daemon_init(&h->daemon, &driver_qemu);
        h->loop = h->daemon.loop;
        test_connect_buses(h);
        h->next_id = 1;
        h->reloaded = true;
        assert_int_equal(systemd_new(h->loop, bus_of_host, h, &h->daemon.host.systemd), 0);
        test_daemon_start(&h->daemon);
        fake_plug_new(h);
        *state = h;
        return 0;
}

int test_host_teardown(void **state) {
        TestHost *h = *state;

        test_clock_skips(false);
        assert_int_equal(loop_stop_fibers(h->loop, 1000000), 0);
        assert_int_equal(h->daemon.held, 0);
        test_daemon_stop(&h->daemon);
        systemd_free(h->daemon.host.systemd);
        while (h->qemus)
                fake_qemu_free(h->qemus);
        fake_plug_free(h);
        strv_free(h->devices);
        sd_bus_close_unref(h->client);
        sd_bus_close_unref(h->server);
        strbuf_done(&h->jobs);
        test_daemon_done(&h->daemon);
        free(h);
        return 0;
}
