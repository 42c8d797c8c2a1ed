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
#include "chain.h"
#include "launch.h"
#include "notify.h"
#include "sockets.h"
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
        assert_int_equal(strv_add(&l.sockets, "/srv/a b.sock"), 0);
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
        assert_string_equal(again.sockets[0], "/srv/a b.sock");
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

static void images_have_their_names(void **state) {
        char *images[] = { (char *) "1 /srv/a b.qcow2", (char *) "12 /srv/c.raw", NULL };
        static const char *const pairs[][2] = {
                { "lock Is it [/dev/fdset/1]?", "lock Is it [/srv/a b.qcow2]?" },
                { "/dev/fdset/12", "/srv/c.raw" },
                { "/dev/fdset/1/dev/fdset/12", "/srv/a b.qcow2/srv/c.raw" },
                { "no /dev/fdset/2, no /dev/fdset/ and /dev/fdset/123", "no /dev/fdset/2, no /dev/fdset/ and /dev/fdset/123" },
                { "", "" },
        };

        for (size_t i = 0; i < ELEMENTSOF(pairs); i++) {
                _cleanup_free_ char *s = name_images(pairs[i][0], images);

                assert_string_equal(s, pairs[i][1]);
        }
}

static char *words_of(const char *text) {
        return last_words(text, strlen(text));
}

static void a_module_that_is_not_installed_is_named(void **state) {
        static const char debian[] = "qemu-system-x86_64: -spice port=0: Perhaps you want to install qemu-system-modules-spice package?\n";
        _cleanup_free_ char *with_hint = words_of(debian);
        _cleanup_free_ char *without = words_of("qemu-system-x86_64: -spice port=0: There is no option group 'spice'\n");
        _cleanup_free_ char *channel = words_of("qemu-system-x86_64: -chardev spicevmc: 'spicevmc' is not a valid char driver name\n");
        _cleanup_free_ char *video = words_of("qemu-system-x86_64: -device x: 'virtio-vga-gl' is not a valid device model name\n");
        _cleanup_free_ char *other = words_of("qemu-system-x86_64: -device x: 'qxl-vgas' is not a valid device model name\n");

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

static bool answers(const char *path) {
        struct sockaddr_un address = { .sun_family = AF_UNIX };
        _cleanup_close_ int fd = socket(AF_UNIX, SOCK_STREAM, 0);

        snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
        return connect(fd, (const struct sockaddr *) &address, sizeof(address)) >= 0;
}

/* A folder with "qemu/vm" in it, the host's /run/libvirt as far as sockets go; the working directory. */
static void enter_run(char *dir) {
        assert_non_null(mkdtemp(dir));
        assert_int_equal(chdir(dir), 0);
        assert_int_equal(mkdir("qemu", 0700), 0);
        assert_int_equal(mkdir("qemu/vm", 0700), 0);
        assert_int_equal(setenv("UNITVIRT_RUN", dir, 1), 0);
}

static void leave_run(const char *dir) {
        char command[64];

        assert_int_equal(chdir("/"), 0);
        assert_int_equal(unsetenv("UNITVIRT_RUN"), 0);
        snprintf(command, sizeof(command), "rm -r %s", dir);
        assert_int_equal(system(command), 0);
}

static void a_socket_replaces_what_a_former_run_left(void **state) {
        char dir[] = "/tmp/test-sockets-XXXXXX";
        int fd, second;

        enter_run(dir);
        assert_int_equal(socket_listen("s", &fd), 0);
        assert_true(answers("s"));
        assert_int_equal(socket_listen("s", &second), -EADDRINUSE);
        assert_int_equal(socket_link("s", "x"), -EADDRINUSE);
        close(fd);
        assert_int_equal(socket_listen("s", &fd), 0);
        assert_true(answers("s"));
        assert_int_equal(socket_remove("s"), -EADDRINUSE);
        close(fd);
        assert_int_equal(socket_remove("s"), 0);
        assert_int_equal(access("s", F_OK), -1);
        assert_int_equal(socket_remove("s"), 0);
        assert_int_equal(close(creat("file", 0600)), 0);
        assert_int_equal(socket_listen("file", &fd), -EEXIST);
        assert_int_equal(socket_remove("file"), -EEXIST);
        assert_int_equal(socket_link("file", "x"), -EEXIST);
        leave_run(dir);
}

static void a_path_leads_to_the_socket_in_the_guests_folder(void **state) {
        char dir[] = "/tmp/test-sockets-XXXXXX", own[64], other[64], at[64] = "";
        int fd;

        enter_run(dir);
        snprintf(own, sizeof(own), "%s/qemu/vm/vnc.sock", dir);
        snprintf(other, sizeof(other), "%s/qemu/vm/spice.sock", dir);
        assert_int_equal(socket_link("s", own), 0);
        assert_false(answers("s"));
        assert_int_equal(socket_listen(own, &fd), 0);
        assert_true(answers("s"));
        assert_int_equal(socket_link("s", other), -EADDRINUSE);
        close(fd);
        /* nobody listens any more, then there is nothing */
        assert_int_equal(socket_link("s", other), 0);
        assert_int_equal(socket_link("s", own), 0);
        assert_int_equal(readlink("s", at, sizeof(at) - 1), strlen(own));
        assert_string_equal(at, own);
        /* a link of somebody else's stays */
        assert_int_equal(symlink("/nowhere/qemu/x", "theirs"), 0);
        assert_int_equal(socket_link("theirs", own), -EEXIST);
        assert_int_equal(socket_listen("theirs", &fd), -EEXIST);
        leave_run(dir);
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
                cmocka_unit_test(images_have_their_names),
                cmocka_unit_test(a_module_that_is_not_installed_is_named),
                cmocka_unit_test(the_manager_is_waited_for),
                cmocka_unit_test(a_socket_replaces_what_a_former_run_left),
                cmocka_unit_test(a_path_leads_to_the_socket_in_the_guests_folder),
                cmocka_unit_test(long_lines_are_divided_and_lost_ones_counted),
        };

        return cmocka_run_group_tests(all, NULL, NULL);
}
