/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/cgroup.h"
#include "base/fds.h"
#include "base/error.h"
#include "base/fs.h"
#include "base/guest-files.h"
#include "base/ip.h"
#include "base/memory.h"
#include "base/socket.h"
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

static void macs_have_six_parts(void **state) {
        static const char *const bad[] = { "", "52:54", "52:54:00:12:34", "52:54:00:12:34:56:78", "g2:54:00:12:34:56",
                                           "525400123456", "52:54:00:12:34:", "52:54:00:12:34:567" };
        uint8_t m[6];

        assert_int_equal(mac_parse("52:54:0:aB:0C:ff", m), 0);
        assert_memory_equal(m, "\x52\x54\x00\xab\x0c\xff", 6);
        assert_int_equal(mac_parse(NULL, m), -EINVAL);
        for (size_t i = 0; i < ELEMENTSOF(bad); i++)
                assert_int_equal(mac_parse(bad[i], m), -EINVAL);
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

static _printf_(1, 2) char *in_brackets(const char *format, ...) {
        _cleanup_free_ char *inner = TEXT_OF_ARGUMENTS(format);

        return text_format("[%s]", inner);
}

static void texts_are_formatted(void **state) {
        _cleanup_free_ char *text = in_brackets("%s:%u%%", "a", 7U), *empty = text_format("%s", "");

        assert_string_equal(text, "[a:7%]");
        assert_string_equal(empty, "");
}

static void errors_from_texts(void **state) {
        static const struct {
                const char *text;
                int code;
                const char *detail;
        } cases[] = {
                { "unsupported configuration: a.xml:3: /domain: no", ERROR_CONFIG_UNSUPPORTED, "a.xml:3: /domain: no" },
                { "XML error: b", ERROR_XML_ERROR, "b" },
                { "internal error: c", ERROR_INTERNAL, "c" },
                { "[38] cannot open 'x': No such file or directory", ERROR_SYSTEM_ERROR,
                  "cannot open 'x': No such file or directory" },
                { "[99] x", ERROR_OPERATION_FAILED, "[99] x" },
                { "XML errors: d", ERROR_OPERATION_FAILED, "XML errors: d" },
                { "QEMU did not start: XML error: e", ERROR_OPERATION_FAILED, "QEMU did not start: XML error: e" },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                _cleanup_error_ Error e = ERROR_INIT;

                assert_int_equal(error_set_from_text(&e, -EIO, ERROR_OPERATION_FAILED, ORIGIN_QEMU, cases[i].text),
                                 -EIO);
                assert_int_equal(e.code, cases[i].code);
                assert_string_equal(e.detail, cases[i].detail);
        }
}

static void the_first_error_stays(void **state) {
        _cleanup_error_ Error e = ERROR_INIT;

        assert_int_equal(error_set(&e, -ENOENT, ERROR_NO_DOMAIN, ORIGIN_QEMU, "no domain with matching name '%s'", "x"),
                         -ENOENT);
        error_set(&e, -EIO, ERROR_INTERNAL, ORIGIN_QEMU, "later");
        assert_string_equal(e.message, "Domain not found: no domain with matching name 'x'");
        error_prefix(&e, "web.xml");
        assert_string_equal(e.message, "Domain not found: web.xml: no domain with matching name 'x'");
}

static void what_killed_writers_left_goes(void **state) {
        static const char *const names[] = { "f.xml", "f.xml.abCD12.new", "f.xml.abcde.new", "g.f.xml.abCD12.new",
                                             "f.xml.a.CD12.new" };
        char dir[] = "/tmp/test-base-XXXXXX";
        _cleanup_free_ char *path = NULL;

        assert_non_null(mkdtemp(dir));
        for (size_t i = 0; i < ELEMENTSOF(names); i++) {
                _cleanup_free_ char *name = text_format("%s/%s", dir, names[i]);

                assert_int_equal(file_write_atomic(name, "x", 1, 0600, FILE_WRITE_NOSYNC), 0);
        }
        path = text_format("%s/f.xml", dir);
        assert_int_equal(file_remove(path), 0);
        assert_int_equal(file_remove(path), 0);
        for (size_t i = 0; i < ELEMENTSOF(names); i++) {
                _cleanup_free_ char *name = text_format("%s/%s", dir, names[i]);

                assert_int_equal(unlink(name), i < 2 ? -1 : 0);
        }
        assert_int_equal(rmdir(dir), 0);
        assert_int_equal(file_remove(path), 0);
}

static void files_in_the_making_are_known_by_name(void **state) {
        static const struct {
                const char *name, *end;
                bool is;
        } cases[] = {
                { "f.xml.abCD12.new", ".xml", true },   { "f.xml.abCD12.new", "", true },
                { ".xml.abCD12.new", ".xml", false },   { "f.xml.abCD12.new", ".cred", false },
                { "f.xml.abCD1.new", ".xml", false },   { "f.xml.a/CD12.new", ".xml", false },
                { "f.xml.abCD12.old", ".xml", false },  { "f.xml", ".xml", false },
                { ".new", "", false },                  { "", "", false },
        };
        char dir[] = "/tmp/test-base-XXXXXX";
        _cleanup_free_ char *path = NULL, *made = NULL;
        int fd;

        for (size_t i = 0; i < ELEMENTSOF(cases); i++)
                assert_int_equal(file_is_temporary(cases[i].name, cases[i].end), cases[i].is);
        assert_non_null(mkdtemp(dir));
        path = text_format("%s/f.xml", dir);
        fd = file_open_temporary(path, &made);
        assert_true(fd >= 0);
        close(fd);
        assert_true(file_is_temporary(strrchr(made, '/') + 1, ".xml"));
        assert_int_equal(file_remove(path), 0);
        assert_int_equal(rmdir(dir), 0);
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
        /* the kernel's, which say that they are larger, or that they are empty */
        assert_int_equal(file_read("/sys/devices/system/cpu/kernel_max", 16, &data, &n), 0);
        assert_true(n > 1 && data[n - 1] == '\n');
        free(TAKE_PTR(data));
        assert_int_equal(file_read("/sys/devices/system/cpu/kernel_max", 1, &data, &n), -EFBIG);
        assert_int_equal(file_read("/proc/self/mounts", 1024 * 1024, &data, &n), 0);
        assert_true(n > 1 && data[n - 1] == '\n');
        free(TAKE_PTR(data));
        assert_int_equal(file_read("/proc/self/mounts", 4, &data, &n), -EFBIG);
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

/* KiB that are mapped of the beginning of a library: its headers and symbols. */
static unsigned long resident_head_kib(const char *library) {
        FILE *f = fopen("/proc/self/smaps", "re");
        unsigned long kib = 0, offset = 1;
        bool found = false;
        char line[512];

        assert_non_null(f);
        while (fgets(line, sizeof(line), f))
                if (sscanf(line, "%*x-%*x %*s %lx", &offset) == 1)
                        found = offset == 0 && strstr(line, library);
                else if (found)
                        (void) sscanf(line, "Rss: %lu", &kib);
        fclose(f);
        return kib;
}

static void headers_that_were_read_go_too(void **state) {
        (void) resident_head_kib("libcmocka");
        memory_give_back();
        assert_int_equal(resident_head_kib("libcmocka"), 0);
}

#define DEEP (192U * 1024U)

/* Whether a page of the stack, far below, is there; touch: it is from now on. Both are called from the same depth. */
__attribute__((noinline)) static bool deep_page(bool touch) {
        uintptr_t page = (uintptr_t) sysconf(_SC_PAGESIZE);
        uintptr_t at = ((uintptr_t) __builtin_frame_address(0) - DEEP) & ~(page - 1);
        unsigned char there = 0;

        if (touch) {
                volatile char *deep = __builtin_alloca(DEEP + 2 * page);

                *(volatile char *) at = deep[0] = 1;
        }
        return mincore((void *) at, page, &there) == 0 && there & 1;
}

static void the_stack_below_goes(void **state) {
        assert_true(deep_page(true));
        assert_true(deep_page(false));
        memory_give_back();
        assert_false(deep_page(false));
}

/* n descriptors of a pipe's reading end through a pair of sockets; the other side may read what is in the pipe from the
 * last. */
static void descriptors_travel(void **state) {
        union {
                struct cmsghdr header;
                char space[CMSG_SPACE(sizeof(int) * 3)];
        } control;
        char text[8] = "", byte = 0;
        struct iovec v = { text, sizeof text };
        struct msghdr m = { .msg_iov = &v, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control };
        int pair[2], ends[2], fds[MESSAGE_FDS_MAX + 1] = {}, got[3];

        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
        assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
        fds[0] = fds[1] = fds[2] = ends[0];
        assert_int_equal(send_fds(pair[0], "text", 4, fds, 3, 0), 4);
        assert_int_equal(recvmsg(pair[1], &m, MSG_CMSG_CLOEXEC), 4);
        assert_string_equal(text, "text");
        assert_int_equal(control.header.cmsg_len, CMSG_LEN(sizeof got));
        memcpy(got, CMSG_DATA(&control.header), sizeof got);
        assert_int_equal(write(ends[1], "x", 1), 1);
        assert_int_equal(read(got[2], &byte, 1), 1);
        assert_int_equal(byte, 'x');

        m.msg_controllen = sizeof control;
        assert_int_equal(send_fds(pair[0], "none", 4, NULL, 0, 0), 4);
        assert_int_equal(recvmsg(pair[1], &m, 0), 4);
        assert_int_equal(m.msg_controllen, 0);
        assert_int_equal(send_fds(pair[0], "many", 4, fds, MESSAGE_FDS_MAX + 1, 0), -E2BIG);
        for (size_t i = 0; i < 3; i++)
                close(got[i]);
        close(pair[1]);
        assert_int_equal(send_fds(pair[0], "gone", 4, NULL, 0, 0), -EPIPE);
        close(pair[0]);
        close(ends[0]);
        close(ends[1]);
}

static void descriptors_arrive(void **state) {
        int pair[2], many[3] = { STDIN_FILENO, STDIN_FILENO, STDIN_FILENO }, fds[4] = { 0, -1, -1, -1 };
        unsigned n = 1;
        char text[8];

        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
        assert_int_equal(receive_fds(pair[1], text, sizeof text, fds, 4, &n, MSG_DONTWAIT), -EAGAIN);
        assert_int_equal(send_fds(pair[0], "two", 3, many, 2, 0), 3);
        assert_int_equal(receive_fds(pair[1], text, sizeof text, fds, 4, &n, 0), 3);
        assert_int_equal(n, 3);
        assert_int_equal(fcntl(fds[1], F_GETFD), FD_CLOEXEC);
        assert_int_equal(fcntl(fds[2], F_GETFD), FD_CLOEXEC);
        assert_int_equal(send_fds(pair[0], "more", 4, many, 3, 0), 4);
        assert_int_equal(receive_fds(pair[1], text, sizeof text, fds, 4, &n, 0), -EBADMSG);
        assert_int_equal(n, 4);
        assert_int_equal(fcntl(fds[3] + 1, F_GETFD), -1); /* closed */
        for (unsigned i = 1; i < n; i++)
                close(fds[i]);
        close(pair[0]);
        assert_int_equal(receive_fds(pair[1], text, sizeof text, fds, 4, &n, 0), 0);
        close(pair[1]);
}

static void files_of_guests_have_one_place(void **state) {
        static const char *const paths[_GUEST_FILE_MAX] = {
                [GUEST_FILE_PERSISTENT] = "/e/qemu/a b.xml",
                [GUEST_FILE_AUTOSTART] = "/e/qemu/autostart/a b.xml",
                [GUEST_FILE_AUTOSTART_ONCE] = "/e/qemu/autostart/a b.xml.once",
                [GUEST_FILE_TRANSIENT] = "/r/qemu/transient/a b.xml",
                [GUEST_FILE_LIVE] = "/r/qemu/a b.xml",
                [GUEST_FILE_LAUNCH] = "/r/qemu/a b.launch",
                [GUEST_FILE_UNDO] = "/r/qemu/a b.undo",
                [GUEST_FILE_LAST] = "/r/qemu/a b.last",
                [GUEST_FILE_ERROR] = "/r/qemu/a b.error",
                [GUEST_FILE_STATE] = "/r/qemu/a b.state",
                [GUEST_FILE_REQUEST] = "/r/qemu/a b.request",
                [GUEST_FILE_DUMPED] = "/r/qemu/a b.dumped",
                [GUEST_FILE_PENDING] = "/r/qemu/a b.pending",
                [GUEST_FILE_LOCK] = "/r/qemu/a b.lock",
                [GUEST_FILE_GROUPS] = "/r/qemu/a b.groups",
        };

        setenv("UNITVIRT_ETC", "/e", 1);
        setenv("UNITVIRT_RUN", "/r", 1);
        for (GuestFile f = 0; f < _GUEST_FILE_MAX; f++) {
                _cleanup_free_ char *path = guest_file(f, "a b"),
                                    *name = guest_file_guest(f, strrchr(paths[f], '/') + 1);

                assert_string_equal(path, paths[f]);
                assert_string_equal(name, "a b");
                assert_null(guest_file_guest(f, guest_file_suffix(f)));
                assert_null(guest_file_guest(f, "a b"));
        }
        unsetenv("UNITVIRT_ETC");
        unsetenv("UNITVIRT_RUN");
}

static void addresses_have_networks(void **state) {
        static const struct { const char *address; unsigned prefix; const char *network, *last; } rows[] = {
                { "192.168.122.77", 24, "192.168.122.0", "192.168.122.255" },
                { "10.1.130.3", 17, "10.1.128.0", "10.1.255.255" },
                { "10.1.2.3", 32, "10.1.2.3", "10.1.2.3" },
                { "10.1.2.3", 0, "0.0.0.0", "255.255.255.255" },
                { "2001:db8:ca2:2::1", 64, "2001:db8:ca2:2::", "2001:db8:ca2:2:ffff:ffff:ffff:ffff" },
        };
        char buffer[IP_TEXT_MAX];
        IpAddress a, b;

        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                assert_int_equal(ip_parse(rows[i].address, &a), 0);
                b = ip_network(&a, rows[i].prefix);
                assert_string_equal(ip_format(&b, buffer), rows[i].network);
                assert_true(ip_is_in(&a, &b, rows[i].prefix));
                b = ip_last(&a, rows[i].prefix);
                assert_string_equal(ip_format(&b, buffer), rows[i].last);
        }
        assert_int_equal(ip_parse("192.168.122.256", &a), -EINVAL);
        assert_int_equal(ip_parse("192.168.122.1/24", &a), -EINVAL);
        assert_int_equal(ip_parse("", &a), -EINVAL);
        assert_int_equal(ip_parse(NULL, &a), -EINVAL);
}

static uint64_t count(const char *first, const char *last) {
        IpAddress a, b;

        assert_int_equal(ip_parse(first, &a), 0);
        assert_int_equal(ip_parse(last, &b), 0);
        return ip_count(&a, &b);
}

static void addresses_are_counted(void **state) {
        unsigned prefix;
        IpAddress a;

        assert_int_equal(count("192.168.122.2", "192.168.122.254"), 253);
        assert_int_equal(count("192.168.122.2", "192.168.123.1"), 256);
        assert_int_equal(count("192.168.122.2", "192.168.122.2"), 1);
        assert_int_equal(count("192.168.122.2", "192.168.122.1"), 0);
        assert_int_equal(count("192.168.122.2", "fd00::1"), 0);
        assert_true(count("fd00::", "fdff::") == UINT64_MAX);
        assert_int_equal(count("fd00::1:0:10", "fd00::1:0:ff"), 240);
        assert_int_equal(ip_parse("255.255.240.0", &a), 0);
        assert_int_equal(ip_prefix_from_netmask(&a, &prefix), 0);
        assert_int_equal(prefix, 20);
        assert_int_equal(ip_parse("255.255.240.1", &a), 0);
        assert_int_equal(ip_prefix_from_netmask(&a, &prefix), -EINVAL);
}

static void controllers_are_whole_words(void **state) {
        char dir[] = "/tmp/test-base-XXXXXX";
        _cleanup_free_ char *path = NULL;

        assert_non_null(mkdtemp(dir));
        assert_int_equal(setenv("UNITVIRT_CGROUP", dir, 1), 0);
        assert_false(cgroup_host_has_controller("cpu"));
        path = text_format("%s/cgroup.controllers", dir);
        assert_int_equal(file_write_atomic(path, "cpuset io\n", 10, 0600, FILE_WRITE_NOSYNC), 0);
        assert_false(cgroup_host_has_controller("cpu"));
        assert_true(cgroup_host_has_controller("cpuset"));
        assert_true(cgroup_host_has_controller("io"));
        assert_false(cgroup_has_controller(-ENOENT, "io"));
        assert_int_equal(unlink(path), 0);
        assert_int_equal(rmdir(dir), 0);
        assert_int_equal(unsetenv("UNITVIRT_CGROUP"), 0);
}

static int listen_at(const char *path) {
        struct sockaddr_un address;
        int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

        assert_int_equal(unix_address(path, &address), 0);
        assert_int_equal(bind(fd, (struct sockaddr *) &address, sizeof address), 0);
        assert_int_equal(listen(fd, 1), 0);
        return fd;
}

/* "folder" is somebody's who would have root connect to "secret", which only root may. */
static void no_link_is_connected_through(void **state) {
        char dir[] = "/tmp/test-base-XXXXXX";
        int secret, own, folder, fd;

        assert_non_null(mkdtemp(dir));
        assert_int_equal(chdir(dir), 0);
        assert_int_equal(mkdir("folder", 0700), 0);
        folder = open("folder", O_PATH | O_DIRECTORY | O_CLOEXEC);
        secret = listen_at("secret");
        assert_int_equal(symlink("../secret", "folder/socket"), 0);
        assert_int_equal(unix_connect_owner("folder", "socket", SOCK_STREAM), -ENOTSOCK);
        assert_int_equal(unlink("folder/socket"), 0);
        assert_int_equal(symlink("..", "folder/socket"), 0);
        assert_int_equal(unix_connect_owner("folder/socket", "secret", SOCK_STREAM), -ENOTDIR);
        assert_int_equal(unlink("folder/socket"), 0);
        own = listen_at("folder/socket");
        fd = unix_connect_owner("folder", "socket", SOCK_STREAM);
        assert_true(fd >= 0);
        close(fd);
        /* whoever listens there is another user */
        assert_int_equal(unix_connect_in(folder, "socket", SOCK_STREAM, geteuid() + 1), -EPERM);
        assert_int_equal(unix_connect_in(folder, "nothing", SOCK_STREAM, geteuid()), -ENOENT);
        close(own);
        close(secret);
        close(folder);
        assert_int_equal(system("rm -r folder secret"), 0);
        assert_int_equal(chdir("/"), 0);
        assert_int_equal(rmdir(dir), 0);
}

static void what_strangers_left_is_one_line(void **state) {
        char dir[] = "/tmp/test-base-XXXXXX";
        _cleanup_free_ char *text = NULL;

        assert_non_null(mkdtemp(dir));
        assert_int_equal(chdir(dir), 0);
        assert_int_equal(file_write_atomic("error", "a\nb\x1b[0m", 7, 0600, FILE_WRITE_NOSYNC), 0);
        assert_int_equal(file_read_strangers("error", 5, &text), 0);
        assert_string_equal(text, "a b [");
        assert_int_equal(symlink("error", "link"), 0);
        assert_int_equal(file_read_strangers("link", 5, &text), -ELOOP);
        assert_int_equal(mkfifo("fifo", 0600), 0);
        assert_int_equal(file_read_strangers("fifo", 5, &text), -EINVAL);
        assert_int_equal(system("rm error link fifo"), 0);
        assert_int_equal(chdir("/"), 0);
        assert_int_equal(rmdir(dir), 0);
}

static void what_is_kept_is_not_in_the_heap(void **state) {
        KeptMemory k = {};

        assert_int_equal(kept_memory_take(&k, 100000), 0);
        memset(k.data, 'x', k.size);
        assert_int_equal(kept_memory_take(&k, 5), 0);
        assert_int_equal(k.size, 5);
        memcpy(k.data, "kept", 5);
        /* the heap has a header in front of each piece */
        assert_int_equal((uintptr_t) k.data % (uintptr_t) sysconf(_SC_PAGESIZE), 0);
        kept_memory_drop(&k);
        kept_memory_drop(&k);
        assert_null(k.data);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(no_link_is_connected_through),
                cmocka_unit_test(what_strangers_left_is_one_line),
                cmocka_unit_test(uuids_round_trip),
                cmocka_unit_test(macs_have_six_parts),
                cmocka_unit_test(numbers_are_whole),
                cmocka_unit_test(lists_grow),
                cmocka_unit_test(texts_are_formatted),
                cmocka_unit_test(the_first_error_stays),
                cmocka_unit_test(errors_from_texts),
                cmocka_unit_test(files_in_the_making_are_known_by_name),
                cmocka_unit_test(a_file_is_replaced_whole),
                cmocka_unit_test(what_killed_writers_left_goes),
                cmocka_unit_test(files_of_guests_have_one_place),
                cmocka_unit_test(descriptors_travel),
                cmocka_unit_test(descriptors_arrive),
                cmocka_unit_test(addresses_have_networks),
                cmocka_unit_test(addresses_are_counted),
                cmocka_unit_test(controllers_are_whole_words),
                cmocka_unit_test(memory_comes_back_when_it_is_needed),
                cmocka_unit_test(headers_that_were_read_go_too),
                cmocka_unit_test(the_stack_below_goes),
                cmocka_unit_test(what_is_kept_is_not_in_the_heap),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
