/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What a process in QEMU's place may still do, each with the control that it may without. */

#include <fcntl.h>
#include <netinet/in.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <cmocka.h>

#include "confine.h"

static long to_group(pid_t us) {
        return kill(0, 0);
}

static long to_us(pid_t us) {
        return kill(us, 0);
}

static long to_all(pid_t us) {
        return kill(-1, 0);
}

static long to_thread(pid_t us) {
        return syscall(SYS_tkill, us, 0);
}

static long to_thread_of_us(pid_t us) {
        return syscall(SYS_tgkill, us, us, 0);
}

static long by_pidfd(pid_t us) {
        int fd = (int) syscall(SYS_pidfd_open, us, 0);

        return syscall(SYS_pidfd_send_signal, fd, 0, NULL, 0);
}

static long own_descriptor(pid_t us) {
        int pair[2];

        return socketpair(AF_UNIX, SOCK_STREAM, 0, pair) < 0 ? -1 : fcntl(pair[0], F_SETOWN, us);
}

static long own_by_ioctl(pid_t us) {
        int pair[2], owner = us;

        return socketpair(AF_UNIX, SOCK_STREAM, 0, pair) < 0 ? -1 : ioctl(pair[0], FIOSETOWN, &owner);
}

static long limit(pid_t us) {
        struct rlimit old;

        return prlimit(us, RLIMIT_CPU, NULL, &old);
}

static long affinity(pid_t us) {
        cpu_set_t set;

        (void) sched_getaffinity(us, sizeof set, &set);
        return sched_setaffinity(us, sizeof set, &set);
}

static long priority(pid_t us) {
        return setpriority(PRIO_PROCESS, (id_t) us, 0);
}

static long compare(pid_t us) {
        return syscall(SYS_kcmp, us, us, 0, 0, 0);
}

static long to_itself(pid_t us) {
        return kill(getpid(), 0) | raise(0) | (long) syscall(SYS_tgkill, getpid(), gettid(), 0);
}

static long own_limit(pid_t us) {
        struct rlimit old;

        return prlimit(0, RLIMIT_CORE, NULL, &old) | prlimit(getpid(), RLIMIT_CORE, NULL, &old);
}

static long own_affinity(pid_t us) {
        return affinity(0);
}

static long descriptor_flags(pid_t us) {
        return fcntl(0, F_GETFD) < 0 ? -1 : 0;
}

static const struct {
        const char *what;
        long (*attempt)(pid_t us);
        bool allowed;
} attempts[] = {
        { "signal its group",              to_group,         false },
        { "signal us",                     to_us,            false },
        { "signal everybody",              to_all,           false },
        { "signal our thread",             to_thread,        false },
        { "signal a thread of ours",       to_thread_of_us,  false },
        { "signal us by a pidfd",          by_pidfd,         false },
        { "make us a descriptor's owner",  own_descriptor,   false },
        { "... by ioctl",                  own_by_ioctl,     false },
        { "change our limits",             limit,            false },
        { "move us to another processor",  affinity,         false },
        { "change our priority",           priority,         false },
        { "compare our descriptors",       compare,          false },
        { "signal itself",                 to_itself,        true },
        { "change its own limits",         own_limit,        true },
        { "move its own threads",          own_affinity,     true },
        { "look at its descriptors",       descriptor_flags, true },
};

/* 0: it worked, else the errno. */
static int try(size_t i, bool confined, bool io_uring) {
        pid_t us = getpid(), pid = fork();
        int status;

        if (pid == 0) {
                if (confined && confine_qemu(&(Launch) { .io_uring = io_uring }, us) < 0)
                        _exit(255);
                errno = 0;
                _exit(attempts[i].attempt(us) == 0 ? 0 : errno);
        }
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_true(WIFEXITED(status));
        return WEXITSTATUS(status);
}

static void nothing_reaches_vm_run(void **state) {
        for (size_t i = 0; i < ELEMENTSOF(attempts); i++) {
                print_message("%s\n", attempts[i].what);
                if (try(i, false, false) != 0)
                        continue; /* not here, for whatever reason */
                assert_int_equal(try(i, true, false), attempts[i].allowed ? 0 : EPERM);
        }
}

static int set_up_ring(bool io_uring) {
        char parameters[256] = {};
        pid_t us = getpid(), pid = fork();
        int status;

        if (pid == 0) {
                if (confine_qemu(&(Launch) { .io_uring = io_uring }, us) < 0)
                        _exit(255);
                errno = 0;
                (void) syscall(SYS_io_uring_setup, 0, parameters);
                _exit(errno);
        }
        assert_int_equal(waitpid(pid, &status, 0), pid);
        return WEXITSTATUS(status);
}

static void io_uring_is_for_disks_that_want_it(void **state) {
        assert_int_equal(set_up_ring(false), ENOSYS);
        /* the kernel looks at the parameters, or has forbidden it to all */
        assert_int_not_equal(set_up_ring(true), 0);
        assert_int_not_equal(set_up_ring(true), 255);
}

static void descriptors_are_counted(void **state) {
        pid_t us = getpid(), pid = fork();
        int status;

        if (pid == 0) {
                if (confine_qemu(&(Launch) { .max_files = 64 }, us) < 0)
                        _exit(255);
                errno = 0;
                (void) fcntl(0, F_DUPFD, 64);
                _exit(errno == EINVAL && setrlimit(RLIMIT_NOFILE, &(struct rlimit) { 65, 65 }) < 0 ? 0 : 1);
        }
        assert_int_equal(waitpid(pid, &status, 0), pid);
        /* root may raise limits again, QEMU is not root */
        assert_true(WEXITSTATUS(status) == 0 || getuid() == 0);
}

#define CREATE_RULESET_VERSION 1U
#define ABI_WITH_NET 4

/* Two bits: 1 where it may connect to the address, 2 where it may listen at one of its own. */
static int tcp_of(const Launch *l, const struct sockaddr_in *peer) {
        const struct sockaddr_in own = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
        pid_t us = getpid(), pid = fork();
        int status;

        if (pid == 0) {
                int out = socket(AF_INET, SOCK_STREAM, 0), in = socket(AF_INET, SOCK_STREAM, 0), may = 0;

                if (out < 0 || in < 0 || confine_qemu(l, us) < 0)
                        _exit(255);
                if (connect(out, (const struct sockaddr *) peer, sizeof *peer) >= 0)
                        may |= 1;
                if (bind(in, (const struct sockaddr *) &own, sizeof own) >= 0 && listen(in, 1) >= 0)
                        may |= 2;
                _exit(may);
        }
        assert_int_equal(waitpid(pid, &status, 0), pid);
        return WEXITSTATUS(status);
}

static void tcp_is_as_the_definition_needs(void **state) {
        struct sockaddr_in peer = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
        socklen_t len = sizeof peer;
        int fd;

        if (syscall(SYS_landlock_create_ruleset, NULL, 0, CREATE_RULESET_VERSION) < ABI_WITH_NET)
                skip();
        fd = socket(AF_INET, SOCK_STREAM, 0);
        assert_true(fd >= 0);
        assert_int_equal(bind(fd, (const struct sockaddr *) &peer, sizeof peer), 0);
        assert_int_equal(listen(fd, 8), 0);
        assert_int_equal(getsockname(fd, (struct sockaddr *) &peer, &len), 0);
        assert_int_equal(tcp_of(&(Launch) {}, &peer), 0);
        assert_int_equal(tcp_of(&(Launch) { .connects = true }, &peer), 1);
        assert_int_equal(tcp_of(&(Launch) { .listens = true }, &peer), 2);
        assert_int_equal(tcp_of(&(Launch) { .connects = true, .listens = true }, &peer), 3);
        close(fd);
}

int main(void) {
        const struct CMUnitTest all[] = {
                cmocka_unit_test(nothing_reaches_vm_run),
                cmocka_unit_test(descriptors_are_counted),
                cmocka_unit_test(io_uring_is_for_disks_that_want_it),
                cmocka_unit_test(tcp_is_as_the_definition_needs),
        };

        return cmocka_run_group_tests(all, NULL, NULL);
}
