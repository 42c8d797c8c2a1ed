/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Who is refused. Whoever is not is in 50-sandbox and in each start of a guest: it takes a service manager. */

#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "starting.h"

/* A child with the other end of a connection: *ret is ours. A pair's ends know the process that made it, so the child
 * connects. */
static pid_t connected_child(int *ret) {
        struct sockaddr_storage address;
        socklen_t len = sizeof address;
        int listener = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
        pid_t pid;

        assert_return_code(listener, errno);
        /* an address of the kernel's choice */
        assert_return_code(bind(listener, &(struct sockaddr) { .sa_family = AF_UNIX }, sizeof(sa_family_t)), errno);
        assert_return_code(listen(listener, 1), errno);
        assert_return_code(getsockname(listener, (struct sockaddr *) &address, &len), errno);
        pid = fork();
        assert_return_code(pid, errno);
        if (pid == 0) {
                int fd = socket(AF_UNIX, SOCK_SEQPACKET, 0);

                if (connect(fd, (struct sockaddr *) &address, len) < 0)
                        _exit(1);
                pause();
                _exit(0);
        }
        *ret = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
        assert_return_code(*ret, errno);
        close(listener);
        return pid;
}

static void end_child(pid_t pid) {
        (void) kill(pid, SIGKILL);
        assert_int_equal(waitpid(pid, NULL, 0), pid);
}

static void test_another_parent(void **state) {
        Starting s = {};
        int fd;
        pid_t pid = connected_child(&fd);

        assert_int_equal(starting_identify(fd, getppid(), &s), -EPERM);
        end_child(pid);
        close(fd);
}

static void test_no_guest_unit(void **state) {
        Starting s = {};
        int fd;
        pid_t pid = connected_child(&fd);

        assert_int_equal(starting_identify(fd, getpid(), &s), -EPERM);
        assert_null(s.name);
        end_child(pid);
        close(fd);
}

static void test_gone(void **state) {
        Starting s = {};
        int fd;

        end_child(connected_child(&fd));
        assert_true(starting_identify(fd, getpid(), &s) < 0);
        close(fd);
}

/* What is in no guest's unit has no group to go to: the process is made all the same, and has the connection. */
static void test_split(void **state) {
        int fd, status;
        pid_t pid = connected_child(&fd),
              made = starting_split(&(Starting) { .process = pid, .unit = (char *) "vm@none.service" });

        assert_return_code(made, errno);
        if (made == 0)
                _exit(send(fd, "x", 1, MSG_NOSIGNAL) == 1 ? 7 : 1);
        assert_int_equal(waitpid(made, &status, 0), made);
        assert_true(WIFEXITED(status));
        assert_int_equal(WEXITSTATUS(status), 7);
        end_child(pid);
        close(fd);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_another_parent),
                cmocka_unit_test(test_no_guest_unit),
                cmocka_unit_test(test_gone),
                cmocka_unit_test(test_split),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
