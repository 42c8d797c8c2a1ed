/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <endian.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>

#include <cmocka.h>

#include "base/strings.h"
#include "launch.h"
#include "notify.h"
#include "parcel.h"
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
        assert_int_equal(launch_add_console(&l, "serial0", 23, false), 0);
        assert_int_equal(launch_add_console(&l, "channel0", 24, true), 0);
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
        assert_false(again.consoles[0].quiet);
        assert_string_equal(again.consoles[1].alias, "channel0");
        assert_true(again.consoles[1].quiet);
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

        assert_string_equal(
                s,
                "-blockdev {\"a\":1}: Failed to get \"write\" lock Is another process using the image [/dev/fdset/1]?");
        assert_string_equal(t, "qemu: could not load PC BIOS 'x'");
        assert_null(last_words("", 0));
}

static void images_have_their_names(void **state) {
        char *images[] = { (char *) "1 /srv/a b.qcow2", (char *) "12 /srv/c.raw", NULL };
        static const char *const pairs[][2] = {
                { "lock Is it [/dev/fdset/1]?", "lock Is it [/srv/a b.qcow2]?" },
                { "/dev/fdset/12", "/srv/c.raw" },
                { "/dev/fdset/1/dev/fdset/12", "/srv/a b.qcow2/srv/c.raw" },
                { "no /dev/fdset/2, no /dev/fdset/ and /dev/fdset/123",
                  "no /dev/fdset/2, no /dev/fdset/ and /dev/fdset/123" },
                { "", "" },
        };

        for (size_t i = 0; i < ELEMENTSOF(pairs); i++) {
                _cleanup_free_ char *s = name_images(pairs[i][0], images);

                assert_string_equal(s, pairs[i][1]);
        }
}

static void a_file_that_is_not_in_the_view_is_found(void **state) {
        char *argv[] = {
                (char *) "/usr/bin/qemu", (char *) "-fw_cfg",       (char *) "name=opt/a,file=/nonexistent/c d.ign",
                (char *) "-bios",         (char *) "/proc/version", (char *) "logfile=/dev/fdset/1", NULL
        };
        static const char *const cases[][2] = {
                { "Failed to open file '/nonexistent/c d.ign': No such file or directory", "/nonexistent/c d.ign" },
                { "-fw_cfg name=opt/a,file=/nonexistent/c d.ign: can't load it", "/nonexistent/c" },
                { "cannot load '/proc/version'", NULL },
                { "-chardev file,path=a.log,logfile=/dev/fdset/1: Could not open 'a.log'", NULL },
                { "cannot load '/nonexistent/other'", NULL },
                { "an option / of name=opt/nonexistent", NULL },
                { "", NULL },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                _cleanup_free_ char *s = unseen_file(cases[i][0], argv);

                assert_true(streq_ptr(s, cases[i][1]) || (!s && !cases[i][1]));
        }
}

static char *words_of(const char *text) {
        return last_words(text, strlen(text));
}

static void a_module_that_is_not_installed_is_named(void **state) {
        static const char debian[] =
                "qemu-system-x86_64: -spice port=0: Perhaps you want to install qemu-system-modules-spice package?\n";
        _cleanup_free_ char *with_hint = words_of(debian);
        _cleanup_free_ char *without =
                words_of("qemu-system-x86_64: -spice port=0: There is no option group 'spice'\n");
        _cleanup_free_ char *channel =
                words_of("qemu-system-x86_64: -chardev spicevmc: 'spicevmc' is not a valid char driver name\n");
        _cleanup_free_ char *video =
                words_of("qemu-system-x86_64: -device x: 'virtio-vga-gl' is not a valid device model name\n");
        _cleanup_free_ char *other =
                words_of("qemu-system-x86_64: -device x: 'qxl-vgas' is not a valid device model name\n");

        assert_string_equal(with_hint, "-spice port=0: Perhaps you want to install qemu-system-modules-spice package?");
        assert_non_null(strstr(without, "option group 'spice' ("));
        assert_non_null(strstr(without, "not installed: qemu-system-modules-spice on Debian 13)"));
        assert_non_null(strstr(channel, "not installed: qemu-system-modules-spice on Debian 13)"));
        assert_non_null(strstr(video, "not installed: qemu-system-modules-opengl on Debian 13)"));
        assert_string_equal(other, "-device x: 'qxl-vgas' is not a valid device model name");
}

/* The manager is a child, which begins before there is anything to wait for. */
static void the_manager_is_waited_for(void **state) {
        char text[64] = "", control[64];
        struct iovec iov = { text, sizeof text - 1 };
        struct msghdr m = {
                .msg_iov = &iov, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control
        };
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

static void a_status_is_one_line(void **state) {
        char text[128] = "";
        int s[2];

        assert_int_equal(socketpair(AF_UNIX, SOCK_DGRAM, 0, s), 0);
        assert_int_equal(notify_status(s[0], "READY=1\n", "cannot open '%s'", "x\nMAINPID=4321\r\x7f"), 0);
        assert_true(recv(s[1], text, sizeof text - 1, 0) > 0);
        assert_string_equal(text, "READY=1\nSTATUS=cannot open 'x MAINPID=4321  '");
        close(s[0]);
        close(s[1]);
}

/* Its sender is gone before anybody reads it; what is left in it is closed with it. */
static void a_parcel_keeps_what_was_put_in(void **state) {
        char long_name[PARCEL_NAME_MAX + 2], c;
        int in, out, p[2], last[2];
        Parcel parcel = {};

        memset(long_name, 'x', sizeof long_name - 1);
        long_name[sizeof long_name - 1] = 0;
        assert_int_equal(parcel_open(&in, &out), 0);
        assert_int_equal(pipe(p), 0);
        assert_int_equal(pipe(last), 0);
        assert_int_equal(parcel_put(in, long_name, p[0]), -ENAMETOOLONG);
        for (int i = 0; i < 200; i++)
                assert_int_equal(parcel_put(in, i == 150 ? "qemu-15" : "other", p[0]), 0);
        assert_int_equal(parcel_put(in, "launch", last[1]), 0);
        close(last[1]);
        close(p[0]);
        close(in);
        assert_int_equal(write(p[1], "a", 1), 1);

        assert_int_equal(parcel_unpack(out, &parcel), 0);
        assert_int_equal(parcel.n, 201);
        assert_int_equal(parcel_find(&parcel, "qemu"), -ENOENT);
        assert_int_equal(read(parcel_find(&parcel, "qemu-15"), &c, 1), 1);
        assert_int_equal(fcntl(parcel_find(&parcel, "launch"), F_GETFD), FD_CLOEXEC);
        close(TAKE_FD(parcel.items[200].fd));
        assert_int_equal(parcel_find(&parcel, "launch"), -ENOENT);
        assert_int_equal(read(last[0], &c, 1), 0);
        parcel_done(&parcel);
        assert_int_equal(parcel.n, 0);
        close(out);
        close(p[1]);
        close(last[0]);
}

static void a_parcel_that_is_not_one_is_refused(void **state) {
        int in, out, p[2];
        Parcel parcel = {};

        assert_int_equal(parcel_open(&in, &out), 0);
        assert_int_equal(pipe(p), 0);
        assert_int_equal(parcel_put(in, "good", p[0]), 0);
        assert_int_equal(send(in, "without", 8, 0), 8);
        assert_int_equal(parcel_unpack(out, &parcel), -EBADMSG);
        assert_int_equal(parcel.n, 1);
        parcel_done(&parcel);
        close(in);
        close(out);
        close(p[0]);
        close(p[1]);
}

int main(void) {
        const struct CMUnitTest all[] = {
                cmocka_unit_test(a_launch_file_round_trips),
                cmocka_unit_test(bad_launch_files_are_refused),
                cmocka_unit_test(consoles_become_plain_lines),
                cmocka_unit_test(last_words_are_the_last_message),
                cmocka_unit_test(a_file_that_is_not_in_the_view_is_found),
                cmocka_unit_test(images_have_their_names),
                cmocka_unit_test(a_module_that_is_not_installed_is_named),
                cmocka_unit_test(the_manager_is_waited_for),
                cmocka_unit_test(a_status_is_one_line),
                cmocka_unit_test(a_parcel_keeps_what_was_put_in),
                cmocka_unit_test(a_parcel_that_is_not_one_is_refused),
                cmocka_unit_test(long_lines_are_divided_and_lost_ones_counted),
        };

        return cmocka_run_group_tests(all, NULL, NULL);
}
