/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <systemd/sd-bus.h>

#include <cmocka.h>

#include "base/strings.h"
#include "plan-internal.h"

static const char guest[] =
        "<domain type='kvm'><name>web</name><resource><partition>/machine/web</partition></resource>"
        "<vcpu cpuset='0,9'>2</vcpu><memtune><hard_limit unit='MiB'>1</hard_limit></memtune>"
        "<blkiotune><device><path>/dev/x</path><weight>321</weight><read_bytes_sec>4321</read_bytes_sec><read_iops_sec>1</read_iops_sec>"
        "<write_bytes_sec>2</write_bytes_sec><write_iops_sec>3</write_iops_sec></device></blkiotune><cputune><shares>7</shares><global_quota>150000</global_quota></cputune><on_crash>restart</on_crash>"
        "<os><kernel>/k</kernel></os><devices><graphics type='vnc'/></devices></domain>";

/* What the peer would read, as text. */
static char *dump(Plan *p) {
        sd_bus_message *m = NULL;
        char *text = NULL;
        sd_bus *bus = NULL;
        size_t size;
        int s[2];
        FILE *f;

        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, s), 0);
        assert_int_equal(sd_bus_new(&bus), 0);
        assert_int_equal(sd_bus_set_fd(bus, s[0], s[0]), 0);
        assert_true(sd_bus_start(bus) >= 0);
        assert_true(sd_bus_message_new_method_call(bus, &m, "a.b", "/", "a.b", "SetUnitProperties") >= 0);
        assert_true(sd_bus_message_open_container(m, 'a', "(sv)") >= 0);
        assert_int_equal(plan_append_properties(p, m), 0);
        assert_true(sd_bus_message_close_container(m) >= 0);
        assert_true(sd_bus_message_seal(m, 1, 0) >= 0);
        f = open_memstream(&text, &size);
        assert_non_null(f);
        assert_true(sd_bus_message_dump(m, f, 0) >= 0);
        fclose(f);
        sd_bus_message_unref(m);
        sd_bus_unref(bus);
        close(s[1]);
        return text;
}

static void each_setting_is_a_property(void **state) {
        static const char *const expected[] = {
                "\"User\"", "\"vm-web\"", "\"machine-web.slice\"", "\"CPUWeight\"", "UINT64 7;", "UINT64 1048576;",
                "\"CPUQuotaPerSecUSec\"", "UINT64 1500000;", "\"AllowedCPUs\"", "\"BindReadOnlyPaths\"", "STRING \"/k\"",
                "\"PrivateNetwork\"", "BOOLEAN false;", "\"AF_INET6\"", "\"RestartForceExitStatus\"", "INT32 86;",
                "\"DeviceAllow\"", "\"/dev/kvm\"", "\"SupplementaryGroups\"", "\"LogExtraFields\"",
                "\"IODeviceWeight\"", "STRING \"/dev/x\"", "UINT64 321;", "\"IOReadBandwidthMax\"", "UINT64 4321;",
        };
        _cleanup_definition_ Definition *d = NULL;
        _cleanup_error_ Error e = ERROR_INIT;
        _cleanup_free_ char *text = NULL;
        _cleanup_plan_ Plan *p = NULL;

        assert_int_equal(definition_parse(guest, strlen(guest), NULL, DEFINITION_UNCHECKED, &d, &e), 0);
        assert_int_equal(plan_build(d, &p, &e), 0);
        text = dump(p);
        for (size_t i = 0; i < ELEMENTSOF(expected); i++)
                if (!strstr(text, expected[i]))
                        fail_msg("no %s in:\n%s", expected[i], text);
}

/* A key that one writer knows and the other does not would make two different guests of one definition. */
static void every_key_of_a_guest_is_known(void **state) {
        _cleanup_definition_ Definition *d = NULL;
        _cleanup_error_ Error e = ERROR_INIT;
        _cleanup_free_ char *text = NULL;
        _cleanup_plan_ Plan *p = NULL;
        const PlanSetting *settings;
        size_t n;

        assert_int_equal(definition_parse(guest, strlen(guest), NULL, DEFINITION_UNCHECKED, &d, &e), 0);
        assert_int_equal(plan_build(d, &p, &e), 0);
        text = dump(p);
        settings = plan_settings(p, &n);
        for (size_t i = 0; i < n; i++) {
                _cleanup_free_ char *quoted = NULL;

                if (streq(settings[i].key, "CPUQuota"))
                        continue;
                assert_true(asprintf(&quoted, "\"%s\"", settings[i].key) > 0);
                if (!strstr(text, quoted))
                        fail_msg("%s is no property", settings[i].key);
        }
}

int main(void) {
        const struct CMUnitTest all[] = {
                cmocka_unit_test(each_setting_is_a_property),
                cmocka_unit_test(every_key_of_a_guest_is_known),
        };

        return cmocka_run_group_tests(all, NULL, NULL);
}
