/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/guest-files.h"
#include "base/socket.h"
#include "base/strings.h"
#include "late-port.h"

static char folder[] = "/tmp/test-late-port-XXXXXX";

static int set_up(void **state) {
        return mkdtemp(folder) ? 0 : -1;
}

static int tear_down(void **state) {
        return rmdir(folder);
}

static char *socket_path(void) {
        return text_format("%s/" GUEST_FOLDER_PORTS, folder);
}

static int listen_there(void) {
        _cleanup_free_ char *path = socket_path();
        int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
        struct sockaddr_un address;

        assert_int_equal(unix_address(path, &address), 0);
        assert_int_equal(bind(fd, (struct sockaddr *) &address, sizeof address), 0);
        assert_int_equal(listen(fd, 1), 0);
        return fd;
}

static void remove_socket(void) {
        _cleanup_free_ char *path = socket_path();

        (void) unlink(path);
}

/* vm-run's part, in a process of its own: says what it was given into the pipe. */
static pid_t serve(int listener) {
        pid_t pid = fork();

        if (pid == 0) {
                int connection = accept(listener, NULL, NULL);
                LatePort p = {};
                bool good;

                good = late_port_receive(connection, getuid(), &p) >= 0 && streq(p.alias, "serial1") && p.quiet &&
                       p.log_size == 1000 && p.parcel.n == 2 && parcel_find(&p.parcel, "none") == -ENOENT;
                if (good)
                        good = write(parcel_find(&p.parcel, LATE_PORT_PIPE), "it", 2) == 2 &&
                               write(parcel_find(&p.parcel, "log-serial1"), "came", 4) == 4 &&
                               late_port_answer(connection) >= 0;
                late_port_done(&p);
                _exit(good ? 0 : 1);
        }
        return pid;
}

static void what_is_sent_arrives(void **state) {
        LatePort p = { .alias = strdup("serial1"), .quiet = true, .log_size = 1000 };
        int listener = listen_there(), ends[2], status;
        char text[16] = "";
        pid_t pid = serve(listener);

        assert_true(late_port_is_heard(folder));
        assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
        assert_int_equal(late_port_add(&p, LATE_PORT_PIPE, ends[1]), 0);
        assert_int_equal(late_port_add(&p, "log-serial1", ends[1]), 0);
        assert_int_equal(late_port_send(&p, folder, getuid(), getppid()), 0);
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_int_equal(status, 0);
        assert_int_equal(read(ends[0], text, sizeof text), 6);
        assert_string_equal(text, "itcame");
        close(ends[0]);
        close(ends[1]);
        close(listener);
        late_port_done(&p);
        remove_socket();
}

static void whoever_else_listens_is_not_believed(void **state) {
        LatePort p = { .alias = strdup("serial1") };
        int listener = listen_there();

        assert_int_equal(late_port_send(&p, folder, getuid() + 1, getppid()), -EPERM);
        /* a QEMU of that user */
        assert_int_equal(late_port_send(&p, folder, getuid(), getpid()), -EPERM);
        close(listener);
        assert_int_equal(late_port_send(&p, folder, getuid(), getppid()), -ECONNREFUSED);
        late_port_done(&p);
        remove_socket();
}

/* A link may lead to whatever socket root can reach. */
static void links_are_not_followed(void **state) {
        _cleanup_free_ char *path = socket_path(), *real = text_format("%s/real", folder);
        LatePort p = { .alias = strdup("serial1") };
        int listener = listen_there();

        assert_int_equal(rename(path, real), 0);
        assert_false(late_port_is_heard(folder));
        assert_int_equal(late_port_send(&p, folder, getuid(), getppid()), -ENOENT);
        assert_int_equal(symlink("real", path), 0);
        assert_false(late_port_is_heard(folder));
        assert_int_equal(late_port_send(&p, folder, getuid(), getppid()), -ENOTSOCK);
        close(listener);
        assert_int_equal(unlink(real), 0);
        late_port_done(&p);
        remove_socket();
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(what_is_sent_arrives),
                cmocka_unit_test(whoever_else_listens_is_not_believed),
                cmocka_unit_test(links_are_not_followed),
        };

        return cmocka_run_group_tests(tests, set_up, tear_down);
}
