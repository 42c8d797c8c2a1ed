/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/strings.h"
#include "network/leases.h"

static int parse(const char *text, LeaseList *ret) {
        _cleanup_error_ Error e = ERROR_INIT;

        return leases_parse(text, strlen(text), ret, &e);
}

static void a_file_of_libvirt_is_read(void **state) {
        _cleanup_leases_ LeaseList l = {};

        assert_int_equal(
                parse("[\n  {\n    \"ip-address\": \"192.168.122.52\",\n    \"mac-address\": \"52:54:00:0a:0b:0c\",\n"
                      "    \"hostname\": \"web\",\n    \"client-id\": \"01:52:54:00:0a:0b:0c\",\n    \"expiry-time\": "
                      "1700000000\n"
                      "  }\n]\n",
                      &l),
                0);
        assert_int_equal(l.n, 1);
        assert_string_equal(l.items[0].ip, "192.168.122.52");
        assert_string_equal(l.items[0].mac, "52:54:00:0a:0b:0c");
        assert_string_equal(l.items[0].hostname, "web");
        assert_string_equal(l.items[0].client_id, "01:52:54:00:0a:0b:0c");
        assert_null(l.items[0].iaid);
        assert_int_equal(l.items[0].expiry, 1700000000);
}

static void hostile_files_are_refused(void **state) {
        static const char *const rows[] = { "{}", "[", "[1", "null", "\"x\"", "[{]", "\xff" };
        static const char *const empty[] = { "", "[]", "[1, null, {}]", "[{\"ip-address\": 7}]",
                                             "[{\"ip-address\": \"1.2.3.4\", \"expiry-time\": -1}]" };

        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                _cleanup_leases_ LeaseList l = {};

                assert_int_equal(parse(rows[i], &l), -EBADMSG);
        }
        for (size_t i = 0; i < ELEMENTSOF(empty); i++) {
                _cleanup_leases_ LeaseList l = {};

                assert_int_equal(parse(empty[i], &l), 0);
                assert_int_equal(l.n, 0);
        }
}

static void leases_come_and_go(void **state) {
        Lease a = { .ip = (char *) "10.0.0.2", .mac = (char *) "52:54:00:00:00:01", .expiry = 100 };
        Lease b = { .ip = (char *) "10.0.0.3", .mac = (char *) "52:54:00:00:00:02", .hostname = (char *) "b c" };
        Lease c = { .ip = (char *) "fd00::3",
                    .iaid = (char *) "7",
                    .client_id = (char *) "00:01",
                    .server_duid = (char *) "00:02",
                    .expiry = 300 };
        _cleanup_leases_ LeaseList l = {}, again = {};
        _cleanup_free_ char *text = NULL, *init = NULL;

        assert_int_equal(leases_put(&l, &a), 0);
        assert_int_equal(leases_put(&l, &b), 0);
        assert_int_equal(leases_put(&l, &c), 0);
        a.expiry = 200;
        assert_int_equal(leases_put(&l, &a), 0);
        assert_int_equal(l.n, 3);
        assert_int_equal(leases_format(&l, &text), 0);
        assert_int_equal(parse(text, &again), 0);
        assert_int_equal(again.n, 3);
        assert_int_equal(leases_for_dnsmasq(&again, &init), 0);
        assert_string_equal(init, "0 52:54:00:00:00:02 10.0.0.3 * *\n200 52:54:00:00:00:01 10.0.0.2 * *\nduid "
                                  "00:02\n300 7 fd00::3 * 00:01\n");
        leases_expire(&l, 200);
        assert_int_equal(l.n, 2);
        assert_false(leases_remove(&l, "10.0.0.2"));
        assert_true(leases_remove(&l, "10.0.0.3"));
        assert_int_equal(l.n, 1);
}

static bool lives(const char *guest) {
        return !streq(guest, "web");
}

static void macs_follow_guests(void **state) {
        _cleanup_free_ char *one = NULL, *two = NULL, *three = NULL, *four = NULL, *five = NULL;

        assert_int_equal(macs_change("rubbish", 7, "web", "52:54:00:00:00:01", true, NULL, &one), 0);
        assert_string_equal(
                one, "[\n  {\n    \"domain\": \"web\",\n    \"macs\": [\n      \"52:54:00:00:00:01\"\n    ]\n  }\n]");
        assert_int_equal(macs_change(one, strlen(one), "web", "52:54:00:00:00:02", true, NULL, &two), 0);
        assert_non_null(strstr(two, "00:01\",\n      \"52:54:00:00:00:02"));
        assert_int_equal(macs_change(two, strlen(two), "web", "52:54:00:00:00:02", false, NULL, &three), 0);
        assert_string_equal(one, three);
        assert_int_equal(macs_change(three, strlen(three), "web", "52:54:00:00:00:01", false, NULL, &four), 0);
        assert_string_equal(four, "[]");
        /* one that has ended goes when another comes */
        assert_int_equal(macs_change(two, strlen(two), "db", "52:54:00:00:00:03", true, lives, &five), 0);
        assert_null(strstr(five, "web"));
        assert_non_null(strstr(five, "db"));
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_file_of_libvirt_is_read),
                cmocka_unit_test(hostile_files_are_refused),
                cmocka_unit_test(leases_come_and_go),
                cmocka_unit_test(macs_follow_guests),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
