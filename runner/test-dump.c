/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "base/strings.h"
#include "dump-files.h"

static void a_dump_is_called_by_guest_and_date(void **state) {
        _cleanup_free_ char *path = NULL;

        (void) setenv("TZ", "UTC", 1);
        tzset();
        assert_int_equal(dump_path("/dumps/7-web", 86399, &path), 0);
        assert_string_equal(path, "/dumps/7-web-1970-01-01-23:59:59");
}

static void other_files_are_no_dumps(void **state) {
        static const struct {
                const char *name;
                bool valid;
        } names[] = {
                { "7-web-1970-01-01-23:59:59",             true },
                { "12-a-b 2-2026-11-24-18:00:00",          true },
                { "7--1970-01-01-23:59:59",                false },
                { "7-web-1970-01-01-23:59:59.partial",     false },
                { "web-1970-01-01-23:59:59",               false },
                { "-web-1970-01-01-23:59:59",              false },
                { "7-web-1970-01-01-23:59:5x",             false },
                { "7-web-1970-01-01 23:59:59",             false },
                { "7-1970-01-01-23:59:59",                 false },
                { "7",                                     false },
                { "",                                      false },
        };

        for (size_t i = 0; i < ELEMENTSOF(names); i++)
                assert_int_equal(dump_name_is_valid(names[i].name), names[i].valid);
}

/* 8192 bytes of the given age in seconds. */
static void make_file(const char *folder, const char *name, time_t age) {
        static const char data[8192] = { 1 };
        const struct timespec times[] = { { .tv_sec = 1000000 - age }, { .tv_sec = 1000000 - age } };
        _cleanup_free_ char *path = NULL;
        int fd;

        assert_true(asprintf(&path, "%s/%s", folder, name) > 0);
        fd = open(path, O_WRONLY | O_CREAT | O_EXCL, 0600);
        assert_true(fd >= 0);
        assert_int_equal(write(fd, data, sizeof data), sizeof data);
        assert_int_equal(fsync(fd), 0); /* or some file systems have no blocks for it yet */
        assert_int_equal(futimens(fd, times), 0);
        close(fd);
}

static bool is_there(const char *folder, const char *name) {
        _cleanup_free_ char *path = NULL;

        assert_true(asprintf(&path, "%s/%s", folder, name) > 0);
        return access(path, F_OK) >= 0;
}

static void the_oldest_dumps_make_room(void **state) {
        static const char *const files[] = { "notes", "1-a-2026-01-01-00:00:00", "2-a-2026-01-02-00:00:00",
                                             "3-a-2026-01-03-00:00:00" };
        char folder[] = "/tmp/test-dump.XXXXXX";

        assert_non_null(mkdtemp(folder));
        for (size_t i = 0; i < ELEMENTSOF(files); i++)
                make_file(folder, files[i], (time_t) (100 - i));
        assert_int_equal(dump_files_prune(folder, UINT64_MAX, files[3]), 0);
        assert_true(is_there(folder, files[1]));
        assert_int_equal(dump_files_prune(folder, 16384, files[3]), 0);
        assert_false(is_there(folder, files[1]));
        assert_true(is_there(folder, files[2]));
        /* the newest stays even where it is too large, and though an older clock says it is not the newest */
        assert_int_equal(dump_files_prune(folder, 1, files[2]), 0);
        assert_true(is_there(folder, files[2]));
        assert_false(is_there(folder, files[3]));
        assert_true(is_there(folder, files[0]));
        for (size_t i = 0; i < ELEMENTSOF(files); i++) {
                _cleanup_free_ char *path = NULL;

                assert_true(asprintf(&path, "%s/%s", folder, files[i]) > 0);
                (void) unlink(path);
        }
        assert_int_equal(rmdir(folder), 0);
        assert_int_equal(dump_files_prune(folder, 1, ""), -ENOENT);
}

int main(void) {
        const struct CMUnitTest all[] = {
                cmocka_unit_test(a_dump_is_called_by_guest_and_date),
                cmocka_unit_test(other_files_are_no_dumps),
                cmocka_unit_test(the_oldest_dumps_make_room),
        };

        return cmocka_run_group_tests(all, NULL, NULL);
}
