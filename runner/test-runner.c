/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <endian.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <cmocka.h>

#include "base/strings.h"
#include "chain.h"
#include "launch.h"
#include "notify.h"
#include "words.h"

static void a_launch_file_round_trips(void **state) {
        _cleanup_launch_ Launch l = {}, again = {};
        _cleanup_free_ char *text = NULL, *second = NULL;
        unsigned line;

        l.name = strdup("we\\b\n");
        l.dump_prefix = strdup("/dumps/7-we\n");
        l.watchdog_dumps = true;
        l.paused = true;
        l.monitor_fd = 20;
        assert_int_equal(strv_add(&l.argv, "/bin/qemu"), 0);
        assert_int_equal(strv_add(&l.argv, "a=b\nname=evil\\n"), 0);
        assert_int_equal(strv_add(&l.argv, ""), 0);
        assert_int_equal(launch_add_console(&l, "serial0", 23), 0);
        assert_int_equal(launch_format(&l, &text), 0);
        assert_int_equal(launch_parse(text, &again, &line), 0);
        assert_string_equal(again.name, l.name);
        assert_true(again.paused);
        assert_true(again.watchdog_dumps);
        assert_string_equal(again.dump_prefix, l.dump_prefix);
        assert_int_equal(strv_length(again.argv), 3);
        assert_string_equal(again.argv[1], "a=b\nname=evil\\n");
        assert_string_equal(again.consoles[0].alias, "serial0");
        assert_int_equal(again.consoles[0].fd, 23);
        assert_int_equal(launch_format(&again, &second), 0);
        assert_string_equal(text, second);
}

static void bad_launch_files_are_refused(void **state) {
        static const struct {
                const char *text;
                unsigned line;
        } bad[] = {
                { "name=x\nbogus=1\narg=y\n", 2 },
                { "name=x\narg\n",            2 },
                { "name=x\narg=a\\q\n",       2 },
                { "name=x\narg=a\\",          2 },
                { "name=x\nconsole=serial0\n", 2 },
                { "name=x\nmonitor-fd=y\n",   2 },
                { "name=x\n",                 2 },
                { "",                         1 },
        };

        for (size_t i = 0; i < ELEMENTSOF(bad); i++) {
                _cleanup_launch_ Launch l = {};
                unsigned line = 0;

                assert_int_equal(launch_parse(bad[i].text, &l, &line), -EINVAL);
                assert_int_equal(line, bad[i].line);
        }
}

/* A version 3 header with one extension and the name of a backing file behind it. */
static size_t make_qcow2(uint8_t *head, const char *file, const char *format) {
        size_t at = 104, n = strlen(format);

        memset(head, 0, CHAIN_HEAD_MAX);
        memcpy(head, "QFI\xfb", 4);
        head[7] = 3;
        head[103] = 104;
        memcpy(head + at, "\xe2\x79\x2a\xca", 4);
        head[at + 7] = (uint8_t) n;
        memcpy(head + at + 8, format, n);
        at += 8 + ((n + 7) & ~(size_t) 7) + 8;
        head[15] = (uint8_t) at;
        head[19] = (uint8_t) strlen(file);
        memcpy(head + at, file, strlen(file));
        return at + strlen(file);
}

static void an_image_names_its_backing_file(void **state) {
        uint8_t head[CHAIN_HEAD_MAX];
        _cleanup_free_ char *file = NULL, *format = NULL;
        size_t len = make_qcow2(head, "base.qcow2", "qcow2");

        assert_int_equal(qcow2_backing(head, len, &file, &format), 0);
        assert_string_equal(file, "base.qcow2");
        assert_string_equal(format, "qcow2");
}

static void unsound_images_are_refused(void **state) {
        uint8_t head[CHAIN_HEAD_MAX];
        char *file, *format;
        size_t len = make_qcow2(head, "base.qcow2", "qcow2");

        assert_int_equal(qcow2_backing(head, len - 1, &file, &format), -EBADMSG);
        assert_int_equal(qcow2_backing(head, 71, &file, &format), -EBADMSG);
        head[110] = 0xff; /* length of the extension */
        assert_int_equal(qcow2_backing(head, len, &file, &format), -EBADMSG);
        make_qcow2(head, "base.qcow2", "qcow2");
        head[7] = 4;
        assert_int_equal(qcow2_backing(head, len, &file, &format), -EBADMSG);
        head[0] = 'X';
        assert_int_equal(qcow2_backing(head, len, &file, &format), -EBADMSG);
}

static void an_image_without_one_says_so(void **state) {
        uint8_t head[CHAIN_HEAD_MAX];
        char *file = (char *) "", *format = (char *) "";
        size_t len = make_qcow2(head, "", "raw");

        head[15] = 0;
        assert_int_equal(qcow2_backing(head, len, &file, &format), 0);
        assert_null(file);
        assert_null(format);
}

/* The text of the next record that went to the journal. */
static char *next_record(int fd) {
        static const char message[] = "MESSAGE\n";
        char data[4096], *p;
        uint64_t n;
        ssize_t k;

        k = recv(fd, data, sizeof data - 1, MSG_DONTWAIT);
        if (k < 0)
                return NULL;
        data[k] = 0;
        p = memmem(data, (size_t) k, message, strlen(message));
        assert_non_null(p);
        p += strlen(message);
        memcpy(&n, p, sizeof n);
        return strndup(p + 8, le64toh(n));
}

static void consoles_become_plain_lines(void **state) {
        static const char input[] = "one\r\n\x1b[1;31mtwo\x1b[0m  \n\n\x1b]0;title\athree\x07\nfour";
        static const char *const lines[] = { "one", "two", "three", "four" };
        JournalLines l = { .identifier = "serial0", .priority = 6 };
        int s[2];

        assert_int_equal(socketpair(AF_UNIX, SOCK_DGRAM, 0, s), 0);
        for (size_t i = 0; i < sizeof input - 1; i++)
                journal_lines_feed(&l, s[0], input + i, 1);
        journal_lines_flush(&l, s[0]);
        for (size_t i = 0; i < ELEMENTSOF(lines); i++) {
                _cleanup_free_ char *text = next_record(s[1]);

                assert_non_null(text);
                assert_string_equal(text, lines[i]);
        }
        assert_null(next_record(s[1]));
        close(s[0]);
        close(s[1]);
}

static void long_lines_are_divided_and_lost_ones_counted(void **state) {
        JournalLines l = { .identifier = "serial0", .priority = 6 };
        _cleanup_free_ char *first = NULL;
        int s[2];

        assert_int_equal(socketpair(AF_UNIX, SOCK_DGRAM, 0, s), 0);
        for (unsigned i = 0; i < JOURNAL_LINE_MAX + 10; i++)
                journal_lines_feed(&l, s[0], "x", 1);
        first = next_record(s[1]);
        assert_int_equal(strlen(first), JOURNAL_LINE_MAX);
        assert_int_equal(l.len, 10);
        close(s[1]);
        journal_lines_feed(&l, s[0], "\n", 1);
        assert_int_equal(l.dropped, 1);
        close(s[0]);
}

static void last_words_are_the_last_message(void **state) {
        static const char text[] =
                "char device redirected to /dev/pts/0 (label charserial0)\n"
                "2026-11-24T10:41:50.766588Z qemu-system-x86_64: warning: early\n"
                "2026-11-24T10:41:50.766588Z qemu-system-x86_64: -blockdev {\"a\":1}: Failed to get \"write\" lock\r\n"
                "Is another process using the image [/dev/fdset/1]?\n";
        _cleanup_free_ char *s = last_words(text, sizeof text - 1);
        _cleanup_free_ char *t = last_words("qemu: could not load PC BIOS 'x'\n", 33);

        assert_string_equal(s, "-blockdev {\"a\":1}: Failed to get \"write\" lock Is another process using the image [/dev/fdset/1]?");
        assert_string_equal(t, "qemu: could not load PC BIOS 'x'");
        assert_null(last_words("", 0));
}

/* The manager is a child, which begins before there is anything to wait for. */
static void the_manager_is_waited_for(void **state) {
        char text[64] = "", control[64];
        struct iovec iov = { text, sizeof text - 1 };
        struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control };
        int s[2], status;
        pid_t pid;

        assert_int_equal(socketpair(AF_UNIX, SOCK_DGRAM, 0, s), 0);
        pid = fork();
        assert_true(pid >= 0);
        if (pid == 0) {
                ssize_t n = recvmsg(s[1], &m, 0);

                _exit(n == 9 && streq(text, "BARRIER=1") && m.msg_controllen > 0 ? 0 : 1);
        }
        assert_int_equal(notify_wait(s[0], 10000), 0);
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_int_equal(status, 0);
        assert_int_equal(notify_wait(s[0], 20), -ETIMEDOUT);
        assert_int_equal(notify_wait(-EBADF, 20), 0);
        close(s[0]);
        close(s[1]);
}

int main(void) {
        const struct CMUnitTest all[] = {
                cmocka_unit_test(a_launch_file_round_trips),
                cmocka_unit_test(bad_launch_files_are_refused),
                cmocka_unit_test(an_image_names_its_backing_file),
                cmocka_unit_test(unsound_images_are_refused),
                cmocka_unit_test(an_image_without_one_says_so),
                cmocka_unit_test(consoles_become_plain_lines),
                cmocka_unit_test(last_words_are_the_last_message),
                cmocka_unit_test(the_manager_is_waited_for),
                cmocka_unit_test(long_lines_are_divided_and_lost_ones_counted),
        };

        return cmocka_run_group_tests(all, NULL, NULL);
}
