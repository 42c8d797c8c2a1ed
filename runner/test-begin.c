/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The start as QEMU sees it: the test is at the other end of vm-run's monitor. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include <cmocka.h>

#include "base/strings.h"
#include "run.h"

/* --- what begin.c and monitor.c need of the rest of vm-run --- */

static char failure[256];

uint64_t now_usec(void) {
        return 1;
}

void run_show_status(Run *run, const char *more) {
}

void run_destroy(Run *run, const char *status) {
}

void registration_end(Run *run) {
}

void run_monitor_closed(Run *run) {
        fail();
}

void run_event(Run *run, const char *name, const json_t *data) {
        run_begin_event(run, name, data);
}

void run_fail_start(Run *run, const char *format, ...) {
        _cleanup_free_ char *text = TEXT_OF_ARGUMENTS(format);

        snprintf(failure, sizeof failure, "%s", text);
        run->state = RUN_ENDING;
}

/* --- the other end --- */

static int qemu;

static void begin(Run *run, const char *const *steps) {
        int pair[2];

        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair), 0);
        *run = (Run) { .monitor.fd = pair[0], .dump.fd = -EBADF };
        qemu = pair[1];
        *failure = 0;
        for (; *steps; steps++)
                assert_int_equal(strv_addf(&run->launch.commands,
                                           startswith(*steps, "event ") ? "%s" : "{\"execute\":\"%s\"}\n", *steps),
                                 0);
}

static void end(Run *run) {
        close(qemu);
        monitor_done(&run->monitor);
        launch_done(&run->launch);
}

static void say(Run *run, const char *line) {
        assert_int_equal(send(qemu, line, strlen(line), 0), strlen(line));
        assert_int_equal(send(qemu, "\n", 1, 0), 1);
        monitor_read(run);
}

/* The command that came, "" where none did. */
static void hears(const char *wanted) {
        char text[256] = "";
        ssize_t n = recv(qemu, text, sizeof text - 1, 0);
        char *name = n > 0 ? strstr(text, "\"execute\":\"") : NULL, *quote;

        if (name) {
                name += strlen("\"execute\":\"");
                quote = strchr(name, '"');
                *quote = 0;
        }
        assert_string_equal(name ?: "", wanted);
}

static void greet(Run *run) {
        say(run, "{\"QMP\":{}}");
        hears("qmp_capabilities");
        say(run, "{\"return\":{}}");
}

static void commands_follow_each_other(void **state) {
        Run run;

        begin(&run, (const char *const[]) { "one", "two", NULL });
        greet(&run);
        hears("one");
        say(&run, "{\"event\":\"MIGRATION\",\"data\":{\"status\":\"completed\"}}");
        hears("");
        say(&run, "{\"return\":{}}");
        hears("two");
        say(&run, "{\"return\":{}}");
        hears("cont");
        say(&run, "{\"return\":{}}");
        assert_int_equal(run.state, RUN_RUNNING);
        end(&run);
}

static void an_event_is_waited_for(void **state) {
        Run run;

        begin(&run, (const char *const[]){ "migrate-incoming", "event MIGRATION status=completed", "event RESUME",
                                           "two", NULL });
        greet(&run);
        hears("migrate-incoming");
        say(&run, "{\"return\":{}}");
        hears("");
        say(&run, "{\"event\":\"MIGRATION\",\"data\":{\"status\":\"active\"}}");
        say(&run, "{\"event\":\"MIGRATIO\",\"data\":{\"status\":\"completed\"}}");
        say(&run, "{\"event\":\"RESUME\"}");
        hears("");
        say(&run, "{\"event\":\"MIGRATION\",\"data\":{\"status\":\"completed\"}}");
        hears("");
        say(&run, "{\"event\":\"RESUME\"}");
        hears("two");
        end(&run);
}

static void an_event_may_come_before_the_answer(void **state) {
        Run run;

        begin(&run, (const char *const[]) { "migrate-incoming", "event MIGRATION status=completed", NULL });
        greet(&run);
        hears("migrate-incoming");
        say(&run, "{\"event\":\"MIGRATION\",\"data\":{\"status\":\"completed\"}}");
        hears("");
        say(&run, "{\"return\":{}}");
        hears("cont");
        end(&run);
}

static void a_refused_command_ends_the_start(void **state) {
        Run run;

        begin(&run, (const char *const[]) { "one", "two", NULL });
        greet(&run);
        hears("one");
        say(&run, "{\"error\":{\"desc\":\"no\"}}");
        hears("");
        assert_string_equal(failure, "QEMU refused a setting of the guest: no");
        end(&run);
}

int main(void) {
        const struct CMUnitTest all[] = {
                cmocka_unit_test(commands_follow_each_other),
                cmocka_unit_test(an_event_is_waited_for),
                cmocka_unit_test(an_event_may_come_before_the_answer),
                cmocka_unit_test(a_refused_command_ends_the_start),
        };

        return cmocka_run_group_tests(all, NULL, NULL);
}
