/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Log filters and outputs. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/fs.h"
#include "base/log-route.h"
#include "base/log.h"

static void words_are_read_and_written(void **state) {
        static const char *const filters[] = { "1:qemu 3:remote", "4:a", "" };
        static const char *const outputs[] = { "1:stderr", "3:journald 2:syslog:virtqemud",
                                               "1:file:/var/log/libvirt/a:b.log" };
        const char *why = NULL;

        for (size_t i = 0; i < ELEMENTSOF(filters); i++) {
                _cleanup_(log_rules_done) LogRules r = {};
                _cleanup_free_ char *text = NULL;

                assert_int_equal(log_filters_parse(filters[i], &r, &why), 0);
                text = log_filters_format(&r);
                assert_string_equal(text, filters[i]);
        }
        for (size_t i = 0; i < ELEMENTSOF(outputs); i++) {
                _cleanup_(log_rules_done) LogRules r = {};
                _cleanup_free_ char *text = NULL;

                assert_int_equal(log_outputs_parse(outputs[i], &r, &why), 0);
                text = log_outputs_format(&r);
                assert_string_equal(text, outputs[i]);
        }
}

static void wrong_words_say_why(void **state) {
        static const char *const filters[] = { "qemu",  "0:qemu",     "5:qemu", "1",   "1:",
                                               "1qemu", "1:qemu 7:b", "-1:q",   "11:q" };
        static const char *const outputs[] = { "1:journal",       "1:file",   "1:file:",
                                               "1:file:relative", "1:syslog", "2:stderr:x",
                                               "3:journald:x",    "stderr",   "1:stderr,2:journald" };
        LogRules r;

        for (size_t i = 0; i < ELEMENTSOF(filters); i++) {
                const char *why = NULL;

                assert_int_equal(log_filters_parse(filters[i], &r, &why), -EINVAL);
                assert_non_null(why);
        }
        for (size_t i = 0; i < ELEMENTSOF(outputs); i++) {
                const char *why = NULL;

                assert_int_equal(log_outputs_parse(outputs[i], &r, &why), -EINVAL);
                assert_non_null(why);
        }
}

static void sources_have_the_names_that_filters_know(void **state) {
        char buf[128];

        assert_string_equal(log_source_name("../drivers/qemu/live.c", buf, sizeof(buf)), "qemu.live");
        assert_string_equal(log_source_name("../../supervisor/client.c", buf, sizeof(buf)), "remote.client");
        assert_string_equal(log_source_name("lib/rpc/tls.c", buf, sizeof(buf)), "rpc.tls");
        assert_string_equal(log_source_name("elsewhere", buf, sizeof(buf)), "elsewhere");
}

static void sources_have_names_wherever_they_are_built(void **state) {
        char buf[128];

        assert_string_equal(log_source_path("../../src/lib/base/log-route.c", "../../src/lib/rpc/tls.c"),
                            "lib/rpc/tls.c");
        assert_string_equal(log_source_path("/lib/base/dbus/lib/base/log-route.c", "/lib/base/dbus/dbus/x.c"),
                            "dbus/x.c");
        assert_string_equal(log_source_path("lib/base/log-route.c", "dbus/x.c"), "dbus/x.c");
        assert_string_equal(log_source_path("../lib/base/log-route.c", "elsewhere"), "elsewhere");
        assert_string_equal(log_source_name(__FILE__, buf, sizeof(buf)), "util.test-log");
}

static char *content(const char *path) {
        char *text = NULL;
        size_t len;

        assert_int_equal(file_read(path, 4096, &text, &len), 0);
        return text;
}

static void messages_go_where_they_should(void **state) {
        char folder[] = "/tmp/unitvirt-log-XXXXXX", path[64], text[128];
        _cleanup_free_ char *seen = NULL;
        _cleanup_error_ Error e = ERROR_INIT;

        assert_non_null(mkdtemp(folder));
        snprintf(path, sizeof(path), "%s/log", folder);
        snprintf(text, sizeof(text), "2:file:%s", path);
        assert_int_equal(log_route("test", 4, "1:other 2:util", text, &e), 0);
        (void) log_line("../lib/base/x.c", LOG_INFO, 0, "one\nline");
        (void) log_line("../lib/base/x.c", LOG_DEBUG, 0, "two");
        (void) log_line("../drivers/other/x.c", LOG_DEBUG, 0, "three");
        (void) log_line("../drivers/other/x.c", LOG_INFO, 0, "four");
        (void) log_line("../drivers/qemu/x.c", LOG_NOTICE, 0, "five");
        (void) log_line("../drivers/qemu/x.c", LOG_ERR, 0, "six");
        /* What cannot be opened changes nothing. */
        assert_int_equal(log_route_outputs("1:file:/nowhere/at/all", &e), -ENOENT);
        assert_non_null(strstr(e.message, "/nowhere/at/all"));
        log_error("seven");
        assert_int_equal(log_route_outputs(NULL, NULL), 0);
        log_set_sink(NULL);
        seen = content(path);
        assert_non_null(strstr(seen, ": info : util.x : one line\n"));
        assert_non_null(strstr(seen, ": info : other.x : four\n"));
        assert_non_null(strstr(seen, ": error : qemu.x : six\n"));
        assert_non_null(strstr(seen, ": seven\n"));
        assert_null(strstr(seen, "two"));
        assert_null(strstr(seen, "three"));
        assert_null(strstr(seen, "five"));
        assert_int_equal(unlink(path), 0);
        assert_int_equal(rmdir(folder), 0);
}

int main(void) {
        const struct CMUnitTest all[] = {
                cmocka_unit_test(words_are_read_and_written),
                cmocka_unit_test(wrong_words_say_why),
                cmocka_unit_test(sources_have_the_names_that_filters_know),
                cmocka_unit_test(sources_have_names_wherever_they_are_built),
                cmocka_unit_test(messages_go_where_they_should),
        };

        return cmocka_run_group_tests(all, NULL, NULL);
}
