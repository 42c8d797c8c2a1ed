/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Values of the schema's types, the tables themselves, and devices on their own. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/strings.h"
#include "schema.h"

static void test_sizes(void **state) {
        static const struct {
                const char *number, *unit;
                int r;
                uint64_t bytes;
        } cases[] = {
                { "3", NULL, 0, 3072 },
                { "3", "b", 0, 3 },
                { "3", "bytes", 0, 3 },
                { "3", "KB", 0, 3000 },
                { "3", "k", 0, 3072 },
                { "3", "KiB", 0, 3072 },
                { "3", "MB", 0, 3000000 },
                { "3", "G", 0, UINT64_C(3) << 30 },
                { "1", "EiB", 0, UINT64_C(1) << 60 },
                { "16", "EiB", -ERANGE, 0 },
                { "99999999999999999999", NULL, -ERANGE, 0 },
                { "1", "", -EINVAL, 0 },
                { "1", "KiBs", -EINVAL, 0 },
                { "1", "x", -EINVAL, 0 },
                { "-1", NULL, -EINVAL, 0 },
                { "", NULL, -EINVAL, 0 },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                uint64_t bytes = 0;

                assert_int_equal(size_parse(cases[i].number, cases[i].unit, 1024, &bytes), cases[i].r);
                assert_int_equal(bytes, cases[i].bytes);
        }
}

static void test_cpuset_holds(void **state) {
        assert_true(cpuset_holds("0-3,^2", 3, 64));
        assert_false(cpuset_holds("0-3,^2", 2, 64));
        assert_false(cpuset_holds("0-3", 64, 64));
        assert_false(cpuset_holds("0-70", 3, 64));
        assert_false(cpuset_holds("", 0, 64));
        assert_false(cpuset_holds(NULL, 0, 64));
        assert_true(cpuset_holds("4095", 4095, CPUSET_HOLDS_MAX));
}

static void test_cpusets(void **state) {
        static const struct {
                const char *text;
                int r;
                uint64_t bits;
        } cases[] = {
                { "0", 0, 0x1 },
                { "0-3,^2,5", 0, 0x2b },
                { " 1 , 3-4 ", 0, 0x1a },
                { "63", 0, UINT64_C(1) << 63 },
                { "64", -ERANGE, 0 },
                { "3-1", -EINVAL, 0 },
                { "", -EINVAL, 0 },
                { "1,", -EINVAL, 0 },
                { "a", -EINVAL, 0 },
                { "1-", -EINVAL, 0 },
                { "99999999999999999999", -ERANGE, 0 },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                uint64_t bits[1] = {};

                assert_int_equal(cpuset_parse(cases[i].text, bits, 64), cases[i].r);
                if (cases[i].r == 0)
                        assert_int_equal(bits[0], cases[i].bits);
        }
}

/* A row that stands twice would never be reached; a refused value that is the only one makes no sense of a row. */
static void walk(const SchemaElement *e, unsigned depth) {
        assert_true(depth < 20);
        assert_int_equal(e->type == SCHEMA_ENUM, SCHEMA_VALUES(e) != NULL);
        SCHEMA_FOREACH(a, SCHEMA_ATTRIBUTES(e)) {
                assert_int_equal(a->type == SCHEMA_ENUM, SCHEMA_VALUES(a) != NULL);
                SCHEMA_FOREACH(other, a + 1)
                        assert_string_not_equal(SCHEMA_NAME(a), SCHEMA_NAME(other));
        }
        SCHEMA_FOREACH(c, SCHEMA_CHILDREN(e)) {
                SCHEMA_FOREACH(other, c + 1)
                        assert_string_not_equal(SCHEMA_NAME(c), SCHEMA_NAME(other));
                if (SCHEMA_CHILDREN(c) != SCHEMA_CHILDREN(e))
                        walk(c, depth + 1);
        }
}

static void test_tables(void **state) {
        walk(schema_domain, 0);
        assert_non_null(schema_device("disk"));
        assert_null(schema_device("name"));
        assert_null(schema_device("disc"));
}

static void test_device(void **state) {
        static const char good[] = "<disk><target bus='virtio' dev='vdb'/><source file='/a'/></disk>";
        static const char unknown[] = "<disk><foo/></disk>", none[] = "<name>x</name>", refused[] = "<nvram/>";
        _cleanup_xml_ xmlDocPtr a = NULL, b = NULL;
        _cleanup_error_ Error e1 = ERROR_INIT, e2 = ERROR_INIT, e3 = ERROR_INIT;

        assert_int_equal(device_parse(good, sizeof(good) - 1, 0, &a, NULL), 0);
        assert_string_equal(xml_name(xml_child(xmlDocGetRootElement(a), NULL)), "source");
        assert_int_equal(device_parse(unknown, sizeof(unknown) - 1, DEFINITION_VALIDATE, &b, &e1), -EBADMSG);
        assert_int_equal(e1.code, ERROR_XML_INVALID_SCHEMA);
        assert_int_equal(device_parse(none, sizeof(none) - 1, 0, &b, &e2), -EBADMSG);
        assert_int_equal(e2.code, ERROR_XML_ERROR);
        assert_int_equal(device_parse(refused, sizeof(refused) - 1, 0, &b, &e3), -EOPNOTSUPP);
        assert_int_equal(e3.code, ERROR_CONFIG_UNSUPPORTED);
        assert_null(b);
}

static void test_facts(void **state) {
        HostFacts facts;
        char machine[32];

        assert_int_equal(host_facts_for_qemu("10.0", &facts), 0);
        assert_int_equal(host_facts_machine(&facts, "pc", machine), 0);
        assert_string_equal(machine, "pc-i440fx-10.0");
        assert_int_equal(host_facts_machine(&facts, "q35", machine), 0);
        assert_string_equal(machine, "pc-q35-10.0");
        assert_int_equal(host_facts_machine(&facts, "pc-q35-7.2", machine), -ENOENT);
        assert_int_equal(host_facts_for_qemu("7.2.22", &facts), 0);
        assert_int_equal(facts.qemu_version, QEMU_VERSION(7, 2, 22));
        assert_int_equal(host_facts_for_qemu("6.0", &facts), -EINVAL);
        assert_int_equal(host_facts_for_qemu("ten", &facts), -EINVAL);
}

static void test_times(void **state) {
        static const char *const wrong[] = { "",
                                             "soon",
                                             "2011-05-31",
                                             "2011-05-31 16:11:22",
                                             "2011-13-31T16:11:22",
                                             "2011-05-31T16:11:22Z",
                                             "1901-05-31T16:11:22" };
        int64_t t;

        assert_int_equal(utc_time_parse("2011-05-31T16:11:22", &t), 0);
        assert_int_equal(t, 1306858282);
        for (size_t i = 0; i < ELEMENTSOF(wrong); i++)
                assert_int_equal(utc_time_parse(wrong[i], &t), -EINVAL);
}

int main(void) {
        const struct CMUnitTest cases[] = {
                cmocka_unit_test(test_sizes),  cmocka_unit_test(test_cpusets),
                cmocka_unit_test(test_cpuset_holds),
                cmocka_unit_test(test_tables), cmocka_unit_test(test_device), cmocka_unit_test(test_facts),
                cmocka_unit_test(test_times),
        };

        return cmocka_run_group_tests(cases, NULL, NULL);
}
