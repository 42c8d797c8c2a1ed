/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/error.h"
#include "base/fs.h"
#include "base/memory.h"
#include "base/strings.h"

static void uuids_round_trip(void **state) {
        uint8_t u[16];
        char s[37];

        assert_int_equal(uuid_parse(" 6ba7b810-9dad-11d1-80b4-00C04FD430C8\n", u), 0);
        uuid_format(u, s);
        assert_string_equal(s, "6ba7b810-9dad-11d1-80b4-00c04fd430c8");
        assert_int_equal(uuid_parse("6ba7b8109dad11d180b400c04fd430c8", u), 0);
        assert_int_equal(uuid_parse("6ba7b8109dad11d180b400c04fd430c", u), -EINVAL);
        assert_int_equal(uuid_parse("6ba7b8109dad11d180b400c04fd430c8a", u), -EINVAL);
        assert_int_equal(uuid_parse("", u), -EINVAL);
}

static void numbers_are_whole(void **state) {
        uint64_t v;
        unsigned n;
        int i;

        assert_int_equal(parse_u64("18446744073709551615", 10, &v), 0);
        assert_true(v == UINT64_MAX);
        assert_int_equal(parse_u64("18446744073709551616", 10, &v), -ERANGE);
        assert_int_equal(parse_u64("-1", 10, &v), -EINVAL);
        assert_int_equal(parse_u64(" 1", 10, &v), -EINVAL);
        assert_int_equal(parse_u64("1k", 10, &v), -EINVAL);
        assert_int_equal(parse_u64("", 10, &v), -EINVAL);
        assert_int_equal(parse_uint("4294967296", &n), -ERANGE);
        assert_int_equal(parse_int("-5", &i), 0);
        assert_int_equal(i, -5);
}

static void lists_grow(void **state) {
        _cleanup_strv_ char **l = NULL;

        for (unsigned i = 0; i < 100; i++)
                assert_int_equal(strv_addf(&l, "%u", i), 0);
        assert_int_equal(strv_length(l), 100);
        assert_string_equal(l[99], "99");
        assert_true(strv_contains(l, "42"));
        assert_false(strv_contains(l, "100"));
}

static void the_first_error_stays(void **state) {
        _cleanup_error_ Error e = ERROR_INIT;

        assert_int_equal(error_set(&e, -ENOENT, ERROR_NO_DOMAIN, ORIGIN_QEMU, "no domain with matching name '%s'", "x"), -ENOENT);
        error_set(&e, -EIO, ERROR_INTERNAL, ORIGIN_QEMU, "later");
        assert_string_equal(e.message, "Domain not found: no domain with matching name 'x'");
        error_prefix(&e, "web.xml");
        assert_string_equal(e.message, "Domain not found: web.xml: no domain with matching name 'x'");
}

static void a_file_is_replaced_whole(void **state) {
        char dir[] = "/tmp/test-base-XXXXXX";
        _cleanup_free_ char *path = NULL, *data = NULL;
        struct stat st;
        size_t n;

        assert_non_null(mkdtemp(dir));
        assert_true(asprintf(&path, "%s/a/b/f", dir) > 0);
        assert_int_equal(file_write_atomic(path, "x", 1, 0600, 0), -ENOENT);
        path[strlen(path) - 2] = 0;
        assert_int_equal(mkdir_p(path, 0755), 0);
        path[strlen(path)] = '/';
        assert_int_equal(file_write_atomic(path, "one", 3, 0640, 0), 0);
        assert_int_equal(file_write_atomic(path, "other", 5, 0600, FILE_WRITE_NOSYNC), 0);
        assert_int_equal(stat(path, &st), 0);
        assert_int_equal(st.st_mode & 0777, 0600);
        assert_int_equal(file_read(path, 5, &data, &n), 0);
        assert_int_equal(n, 5);
        assert_string_equal(data, "other");
        free(TAKE_PTR(data));
        assert_int_equal(file_read(path, 4, &data, &n), -EFBIG);
        assert_int_equal(file_read(dir, 4, &data, &n), -EISDIR);
        unlink(path);
        path[strlen(path) - 2] = 0;
        rmdir(path);
        path[strlen(path) - 2] = 0;
        rmdir(path);
        assert_int_equal(rmdir(dir), 0);
}

static unsigned long resident_file_kib(void) {
        FILE *f = fopen("/proc/self/status", "re");
        unsigned long kib = 0;
        char line[256];

        assert_non_null(f);
        while (fgets(line, sizeof(line), f))
                (void) sscanf(line, "RssFile: %lu", &kib);
        fclose(f);
        return kib;
}

/* The first of these also touches what looking itself needs. */
static void memory_comes_back_when_it_is_needed(void **state) {
        unsigned long before, after;

        (void) resident_file_kib();
        before = resident_file_kib();
        memory_give_back();
        after = resident_file_kib();
        assert_true(after < before);
        uuids_round_trip(state);
        memory_give_back();
        numbers_are_whole(state);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(uuids_round_trip),
                cmocka_unit_test(numbers_are_whole),
                cmocka_unit_test(lists_grow),
                cmocka_unit_test(the_first_error_stays),
                cmocka_unit_test(a_file_is_replaced_whole),
                cmocka_unit_test(memory_comes_back_when_it_is_needed),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
