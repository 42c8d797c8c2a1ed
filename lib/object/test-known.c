/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What a daemon hands to the next one: it saves reading files, and is never believed against a file that changed. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <fcntl.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "base/fs.h"
#include "test-daemon.h"
#include "test-toy.h"

#define MANY 120U
#define UUID "11111111-1111-1111-1111-%012u"
#define OTHER "22222222-2222-2222-2222-222222222222"
#define DOCUMENT "<domain type='qemu'><name>t%u</name><uuid>%s</uuid></domain>"
#define KNOWN "run/known/toys"

static const struct timespec long_ago[2] = { { .tv_sec = 1000000000 }, { .tv_sec = 1000000000 } };

static void write_toy(TestDaemon *d, unsigned n, const char *uuid) {
        _cleanup_free_ char *path = text_format("etc/toys/t%u.xml", n), *text = text_format(DOCUMENT, n, uuid);

        test_daemon_write(d, path, text);
}

/* As an editor does that keeps the file and its time. */
static void change_quietly(TestDaemon *d, unsigned n, const char *uuid) {
        _cleanup_free_ char *name = text_format("etc/toys/t%u.xml", n), *path = test_daemon_path(d, name),
                            *text = text_format(DOCUMENT, n, uuid);
        int fd = open(path, O_WRONLY | O_CLOEXEC);

        assert_true(fd >= 0);
        assert_int_equal(write_all(fd, text, strlen(text)), 0);
        assert_int_equal(futimens(fd, long_ago), 0);
        close(fd);
}

/* What the file of the last daemon says of one toy is made wrong: where that counts, nobody has opened the toy's. */
static void falsify(char *known, size_t len, unsigned n, const char *uuid) {
        _cleanup_free_ char *old = text_format(UUID, n);
        uint8_t from[16], to[16];
        char *at;

        assert_int_equal(uuid_parse(old, from), 0);
        assert_int_equal(uuid_parse(uuid, to), 0);
        at = memmem(known, len, from, sizeof from);
        assert_non_null(at);
        memcpy(at, to, sizeof to);
}

static void falsify_file(TestDaemon *d, unsigned n, const char *uuid) {
        _cleanup_free_ char *path = test_daemon_path(d, KNOWN), *whole = NULL;
        size_t len;

        assert_int_equal(file_read(path, 1024 * 1024, &whole, &len), 0);
        falsify(whole, len, n, uuid);
        assert_int_equal(file_write_atomic(path, whole, len, 0600, FILE_WRITE_NOSYNC), 0);
}

static int setup(void **state) {
        TestDaemon *d = toy_daemon_new();

        for (unsigned i = 0; i < MANY; i++) {
                _cleanup_free_ char *uuid = text_format(UUID, i);

                write_toy(d, i, uuid);
                change_quietly(d, i, uuid);
        }
        /* until the next change has another time */
        usleep(200 * 1000);
        test_daemon_start(d);
        *state = d;
        return 0;
}

static bool has_uuid(TestDaemon *d, unsigned n, const char *uuid) {
        _cleanup_free_ char *name = text_format("t%u", n);
        Object *o = object_by_name(toys(d), NULL, name);
        char text[37];

        if (!o)
                return false;
        uuid_format(o->uuid, text);
        return o->persistent && strcmp(text, uuid) == 0;
}

static void the_next_daemon_reads_what_changed(void **state) {
        TestDaemon *d = *state;
        _cleanup_free_ char *sixth = text_format(UUID, 6U);

        test_daemon_stop(d);
        assert_true(test_daemon_has(d, KNOWN));
        write_toy(d, 4, OTHER);
        falsify_file(d, 5, "33333333-3333-3333-3333-333333333333");
        change_quietly(d, 8, "55555555-5555-5555-5555-555555555555");
        test_daemon_remove(d, "etc/toys/t7.xml");
        write_toy(d, MANY, "44444444-4444-4444-4444-444444444444");
        test_daemon_start(d);
        assert_int_equal(toys(d)->n, MANY);
        assert_true(has_uuid(d, 4, OTHER));
        /* it was not opened: that is what all this is for */
        assert_true(has_uuid(d, 5, "33333333-3333-3333-3333-333333333333"));
        assert_true(has_uuid(d, 6, sixth));
        assert_true(has_uuid(d, 8, "55555555-5555-5555-5555-555555555555"));
        assert_true(has_uuid(d, MANY, "44444444-4444-4444-4444-444444444444"));
}

static void what_was_written_just_now_is_read_again(void **state) {
        TestDaemon *d = *state;

        write_toy(d, 4, OTHER);
        test_daemon_pump(d);
        assert_true(has_uuid(d, 4, OTHER));
        test_daemon_stop(d);
        {
                _cleanup_free_ char *path = test_daemon_path(d, "etc/toys/t4.xml"), *text = NULL;
                struct stat st;
                int fd = open(path, O_WRONLY | O_CLOEXEC);

                assert_int_equal(fstat(fd, &st), 0);
                text = text_format(DOCUMENT, 4U, "33333333-3333-3333-3333-333333333333");
                assert_int_equal(write_all(fd, text, strlen(text)), 0);
                assert_int_equal(futimens(fd, (struct timespec[]) { st.st_atim, st.st_mtim }), 0);
                close(fd);
        }
        test_daemon_start(d);
        assert_true(has_uuid(d, 4, "33333333-3333-3333-3333-333333333333"));
}

static void rubbish_is_not_used(void **state) {
        TestDaemon *d = *state;
        _cleanup_free_ char *path = test_daemon_path(d, KNOWN), *whole = NULL, *uuid = text_format(UUID, 9U);
        size_t len;

        test_daemon_stop(d);
        assert_int_equal(file_read(path, 1024 * 1024, &whole, &len), 0);
        falsify(whole, len, 9, OTHER);
        for (size_t n = 0; n < len; n += n < 64 ? 1 : 997) {
                assert_int_equal(file_write_atomic(path, whole, n, 0600, FILE_WRITE_NOSYNC), 0);
                test_daemon_start(d);
                assert_int_equal(toys(d)->n, MANY);
                assert_true(has_uuid(d, 9, uuid));
                test_daemon_stop(d);
        }
        /* a place that is none */
        memset(whole + 24, 0xff, 72);
        assert_int_equal(file_write_atomic(path, whole, len, 0600, FILE_WRITE_NOSYNC), 0);
        test_daemon_start(d);
        assert_true(has_uuid(d, 9, uuid));
}

static void a_few_are_not_worth_it(void **state) {
        TestDaemon *d = *state;

        for (unsigned i = 50; i < MANY; i++) {
                _cleanup_free_ char *path = text_format("etc/toys/t%u.xml", i);

                test_daemon_remove(d, path);
        }
        test_daemon_pump(d);
        test_daemon_stop(d);
        assert_false(test_daemon_has(d, KNOWN));
        test_daemon_start(d);
        assert_int_equal(toys(d)->n, 50);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, toy_daemon_end)

int main(void) {
        const struct CMUnitTest tests[] = {
                TEST(the_next_daemon_reads_what_changed),
                TEST(what_was_written_just_now_is_read_again),
                TEST(rubbish_is_not_used),
                TEST(a_few_are_not_worth_it),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
