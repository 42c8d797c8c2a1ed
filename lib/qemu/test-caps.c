/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/strings.h"
#include "qemu/caps.h"
#include "qemu/sev.h"

static void test_versions(void **state) {
        assert_null(qemu_caps_for("7.1", "x86_64"));
        assert_null(qemu_caps_for("", "x86_64"));
        assert_null(qemu_caps_for("ten", "x86_64"));
        assert_null(qemu_caps_for("10.0", "aarch64"));
        assert_int_equal(qemu_caps_version(qemu_caps_for("7.2.22", "x86_64")), 702);
        assert_int_equal(qemu_caps_version(qemu_caps_for("10.0", "x86_64")), 1000);
        assert_int_equal(qemu_caps_version(qemu_caps_for("99.0", NULL)), 1101);
        for (const char *const *v = qemu_caps_versions(); *v; v++) {
                const QemuCaps *c = qemu_caps_for(*v, "x86_64");
                _cleanup_free_ char *pc = NULL;

                assert_non_null(c);
                assert_true(asprintf(&pc, "pc-i440fx-%s", *v) > 0);
                assert_string_equal(qemu_caps_machine(c, "pc"), pc);
        }
}

static void test_machines(void **state) {
        const QemuCaps *c = qemu_caps_for("7.2", "x86_64");

        assert_string_equal(qemu_caps_machine(c, "q35"), "pc-q35-7.2");
        assert_string_equal(qemu_caps_machine(c, "pc-q35-4.0.1"), "pc-q35-4.0.1");
        assert_string_equal(qemu_caps_machine(c, "pc-q35-rhel9.4.0"), "pc-q35-rhel9.4.0");
        assert_null(qemu_caps_machine(c, "pc-q35-8.0"));
        /* no release was called so */
        assert_null(qemu_caps_machine(c, "pc-q35-5.3"));
        assert_null(qemu_caps_machine(c, "pc-i440fx-4.0.1"));
        assert_null(qemu_caps_machine(c, "pc-q35-7.2.5"));
        assert_null(qemu_caps_machine(c, "pc-q35-2.3"));
        assert_null(qemu_caps_machine(qemu_caps_for("11.1", "x86_64"), "pc-q35-9.3"));
        assert_string_equal(qemu_caps_machine(c, "pc-i440fx-2.12"), "pc-i440fx-2.12");
        assert_null(qemu_caps_machine(c, "virt"));
        assert_null(qemu_caps_machine(qemu_caps_for("10.1", "x86_64"), "pc-i440fx-2.12"));
}

static void test_caps(void **state) {
        assert_false(qemu_caps_has(qemu_caps_for("7.2", "x86_64"), QEMU_CAP_RECONNECT_MS));
        assert_true(qemu_caps_has(qemu_caps_for("10.0", "x86_64"), QEMU_CAP_RECONNECT_MS));
}

/* Bit 47, five bits of addresses less, 509 keys of which four are for guests whose registers are encrypted too. */
static void test_sev(void **state) {
        static const char given[] = "<launchSecurity type='sev'><cbitpos>51</cbitpos></launchSecurity>";
        static const char none[] = "<launchSecurity type='sev'/>";
        _cleanup_xml_ xmlDocPtr first = NULL, second = NULL;
        _cleanup_error_ Error e = {};
        SevFacts facts;

        sev_facts_from_cpuid(0x16f, 0x1fd, 0x5, &facts);
        assert_int_equal(facts.cbitpos, 47);
        assert_int_equal(facts.reduced_phys_bits, 5);
        assert_int_equal(facts.guests, 505);
        assert_int_equal(facts.es_guests, 4);
        assert_int_equal(xml_parse(none, strlen(none), NULL, "launchSecurity", &first, &e), 0);
        assert_int_equal(sev_complete(xml_root(first), &facts), 0);
        assert_string_equal(xml_get(xml_root(first), "cbitpos"), "47");
        assert_string_equal(xml_get(xml_root(first), "reducedPhysBits"), "5");
        /* what is said stays */
        assert_int_equal(xml_parse(given, strlen(given), NULL, "launchSecurity", &second, &e), 0);
        assert_int_equal(sev_complete(xml_root(second), &facts), 0);
        assert_string_equal(xml_get(xml_root(second), "cbitpos"), "51");
}

int main(void) {
        const struct CMUnitTest list[] = {
                cmocka_unit_test(test_versions),
                cmocka_unit_test(test_machines),
                cmocka_unit_test(test_caps),
                cmocka_unit_test(test_sev),
        };

        return cmocka_run_group_tests(list, NULL, NULL);
}
