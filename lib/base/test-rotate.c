/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Logs of a limited size. */

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/fs.h"
#include "base/strings.h"
#include "base/rotate.h"

static char folder[] = "/tmp/unitvirt-rotate.XXXXXX";

static char *path_of(const char *suffix) {
        char *p = text_format("%s/log%s", folder, suffix);

        assert_non_null(p);
        return p;
}

static void assert_holds(const char *suffix, const char *text) {
        _cleanup_free_ char *path = path_of(suffix), *seen = NULL;
        int r = file_read(path, 4096, &seen, NULL);

        if (!text) {
                assert_int_equal(r, -ENOENT);
                return;
        }
        assert_int_equal(r, 0);
        assert_string_equal(seen, text);
}

static void begin(RotatingFile *f, uint64_t max_size, unsigned max_backups) {
        const RotateLimits limits = { max_size, max_backups };
        _cleanup_free_ char *path = path_of("");

        assert_int_equal(rotate_open(f, path, &limits, true, NULL), 0);
}

static void put(RotatingFile *f, const char *text) {
        assert_int_equal(rotate_write(f, text, strlen(text)), 0);
}

static void whole_lines_roll_over(void **state) {
        RotatingFile f;

        begin(&f, 10, 2);
        put(&f, "one\ntwo\n");
        put(&f, "three\n");
        assert_holds(".0", "one\ntwo\n");
        assert_holds("", "three\n");
        put(&f, "four\nfive\nsix\n");
        assert_holds("", "six\n");
        assert_holds(".0", "four\nfive\n");
        assert_holds(".1", "three\n");
        assert_holds(".2", NULL);
        /* a line longer than a file */
        put(&f, "0123456789abcdef\n");
        assert_holds("", "abcdef\n");
        assert_holds(".0", "0123456789");
        assert_holds(".1", "six\n");
        assert_int_equal(f.offset, 7);
        rotate_close(&f);
}

static void without_backups_it_begins_anew(void **state) {
        RotatingFile f;

        begin(&f, 4, 0);
        put(&f, "one\ntwo\n");
        assert_holds("", "two\n");
        rotate_close(&f);
        begin(&f, 0, 3);
        put(&f, "any\nsize\n");
        assert_holds("", "any\nsize\n");
        assert_holds(".0", NULL);
        rotate_close(&f);
}

static void append_goes_on(void **state) {
        const RotateLimits limits = { 100, 1 };
        _cleanup_free_ char *path = path_of(""), *link = path_of(".link");
        RotatingFile f;

        begin(&f, 100, 1);
        put(&f, "one\n");
        rotate_close(&f);
        assert_int_equal(rotate_open(&f, path, &limits, false, NULL), 0);
        assert_int_equal(f.offset, 4);
        put(&f, "two\n");
        assert_holds("", "one\ntwo\n");
        rotate_close(&f);
        assert_int_equal(symlink(path, link), 0);
        assert_int_equal(rotate_open(&f, link, &limits, false, NULL), -ELOOP);
        assert_int_equal(rotate_open(&f, folder, &limits, false, NULL), -EISDIR);
}

static void read_across_files(void **state) {
        _cleanup_free_ char *path = path_of(""), *text = NULL, *part = NULL, *old = NULL, *none = NULL;
        uint64_t inode;
        RotatingFile f;

        begin(&f, 8, 2);
        put(&f, "one\n");
        inode = f.inode;
        put(&f, "two\nthree\n");
        assert_int_equal(rotate_read(path, 2, inode, 4, 100, &text, NULL), 0);
        assert_string_equal(text, "two\nthree\n");
        assert_int_equal(rotate_read(path, 2, inode, 0, 6, &part, NULL), 0);
        assert_string_equal(part, "one\ntw");
        /* a file that is gone: from the oldest on */
        assert_int_equal(rotate_read(path, 2, 1, 1000, 100, &old, NULL), 0);
        assert_string_equal(old, "one\ntwo\nthree\n");
        assert_int_equal(rotate_read(path, 2, f.inode, 1000, 100, &none, NULL), 0);
        assert_string_equal(none, "");
        rotate_close(&f);
}

static int set_up(void **state) {
        return mkdtemp(folder) ? 0 : -1;
}

static int tear_down(void **state) {
        _cleanup_free_ char *command = text_format("rm -rf '%s'", folder);

        return system(command);
}

static int open_one(const char *suffix) {
        _cleanup_free_ char *path = path_of(suffix);
        int fd = open(path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0600);

        assert_true(fd >= 0);
        return fd;
}

static void open_files_are_copied(void **state) {
        int fd = open_one(""), backups[] = { open_one(".0"), open_one(".1") };
        RotatingFile f;

        for (size_t i = 0; i < 2; i++)
                assert_int_equal(ftruncate(backups[i], 0), 0);
        assert_int_equal(ftruncate(fd, 0), 0);
        assert_int_equal(rotate_adopt(&f, fd, backups, 2, 10), 0);
        put(&f, "one\ntwo\n");
        put(&f, "three\n");
        assert_holds(".0", "one\ntwo\n");
        assert_holds("", "three\n");
        put(&f, "four\nfive\nsix\n");
        assert_holds("", "six\n");
        assert_holds(".0", "four\nfive\n");
        assert_holds(".1", "three\n");
        /* cut by somebody else: there is room again */
        assert_int_equal(ftruncate(fd, 0), 0);
        put(&f, "seven\n");
        assert_holds("", "seven\n");
        assert_holds(".0", "four\nfive\n");
        rotate_close(&f);
        assert_int_equal(fcntl(backups[0], F_GETFD), -1);
        assert_int_equal(fcntl(fd, F_GETFD), -1);
}

static void open_file_alone_begins_anew(void **state) {
        RotatingFile f;
        int fd = open_one("");

        assert_int_equal(ftruncate(fd, 0), 0);
        assert_int_equal(rotate_adopt(&f, fd, NULL, 0, 10), 0);
        put(&f, "one\ntwo\nthree\n");
        assert_holds("", "three\n");
        rotate_close(&f);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(open_files_are_copied),
                cmocka_unit_test(open_file_alone_begins_anew),
                cmocka_unit_test(whole_lines_roll_over),
                cmocka_unit_test(without_backups_it_begins_anew),
                cmocka_unit_test(append_goes_on),
                cmocka_unit_test(read_across_files),
        };

        return cmocka_run_group_tests(tests, set_up, tear_down);
}
