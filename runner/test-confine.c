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
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <sys/xattr.h>

#include <cmocka.h>

#include "confine.h"
#include "landlock.h"

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
                if (confined && confine_qemu(&(Launch) { .io_uring = io_uring }, NULL, us) < 0)
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
                if (confine_qemu(&(Launch) { .io_uring = io_uring }, NULL, us) < 0)
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
                if (confine_qemu(&(Launch) { .max_files = 64 }, NULL, us) < 0)
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

                if (out < 0 || in < 0 || confine_qemu(l, NULL, us) < 0)
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

/* --- the folder --- */

typedef struct Folder {
        char outer[64], sealed[80], beside[80];
} Folder;

typedef struct Write {
        const char *what;
        int (*attempt)(const char *folder);
} Write;

static int path_in(const char *folder, const char *name, char ret[160]) {
        return snprintf(ret, 160, "%s/%s", folder, name);
}

static int make_file(const char *folder) {
        char path[160];

        path_in(folder, "new", path);
        return open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
}

static int write_file(const char *folder) {
        char path[160];

        path_in(folder, "run", path);
        return open(path, O_WRONLY | O_CLOEXEC);
}

static int make_folder(const char *folder) {
        char path[160];

        path_in(folder, "folder", path);
        return mkdir(path, 0700);
}

static int make_link(const char *folder) {
        char path[160];

        path_in(folder, "link", path);
        return symlink("/", path);
}

static int make_hard_link(const char *folder) {
        char from[160], to[160];

        path_in(folder, "run", from);
        path_in(folder, "run2", to);
        return link(from, to);
}

static int make_socket(const char *folder) {
        struct sockaddr_un address = { .sun_family = AF_UNIX };
        int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

        snprintf(address.sun_path, sizeof address.sun_path, "%s/socket", folder);
        return bind(fd, (const struct sockaddr *) &address, sizeof address);
}

static int set_attribute(const char *folder) {
        return setxattr(folder, "user.filled", "x", 1, 0);
}

static const Write writes[] = {
        { "a new file",         make_file },
        { "a file that is there", write_file },
        { "a folder",           make_folder },
        { "a symbolic link",    make_link },
        { "a hard link",        make_hard_link },
        { "a socket",           make_socket },
        { "an attribute",       set_attribute },
};

static void make_folders(Folder *f) {
        strcpy(f->outer, "/tmp/test-confine.XXXXXX");
        assert_non_null(mkdtemp(f->outer));
        snprintf(f->sealed, sizeof f->sealed, "%s/sealed", f->outer);
        snprintf(f->beside, sizeof f->beside, "%s/sealed-2", f->outer);
        for (size_t i = 0; i < 2; i++) {
                const char *folder = i == 0 ? f->sealed : f->beside;
                char path[160];
                int fd;

                assert_int_equal(mkdir(folder, 0700), 0);
                path_in(folder, "run", path);
                fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
                assert_true(fd >= 0);
                close(fd);
        }
}

static void remove_folders(const Folder *f) {
        char command[128];

        snprintf(command, sizeof command, "rm -rf %s", f->outer);
        assert_int_equal(system(command), 0);
}

/* 0: it worked, else the errno. */
static int try_to_write(size_t i, const Folder *f, const char *folder, bool sealed) {
        pid_t us = getpid(), pid = fork();
        int status;

        if (pid == 0) {
                if (confine_qemu(&(Launch) { .sealed = sealed }, f->sealed, us) < 0)
                        _exit(255);
                errno = 0;
                _exit(writes[i].attempt(folder) >= 0 ? 0 : errno);
        }
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_true(WIFEXITED(status));
        return WEXITSTATUS(status);
}

static bool is_denial(int error) {
        return error == EACCES || error == EPERM;
}

static void a_sealed_folder_is_not_filled(void **state) {
        if (!landlock_seals())
                skip();
        for (size_t i = 0; i < ELEMENTSOF(writes); i++) {
                bool attribute = writes[i].attempt == set_attribute;
                Folder f;
                int open_to_all;

                print_message("%s\n", writes[i].what);
                make_folders(&f);
                assert_true(is_denial(try_to_write(i, &f, f.sealed, true)));
                open_to_all = try_to_write(i, &f, f.sealed, false);
                /* file systems without such attributes */
                assert_true(open_to_all == 0 || (attribute && open_to_all == EOPNOTSUPP));
                if (!attribute)
                        assert_int_equal(try_to_write(i, &f, f.beside, true), 0);
                remove_folders(&f);
        }
}

int main(void) {
        const struct CMUnitTest all[] = {
                cmocka_unit_test(nothing_reaches_vm_run),
                cmocka_unit_test(descriptors_are_counted),
                cmocka_unit_test(a_sealed_folder_is_not_filled),
                cmocka_unit_test(io_uring_is_for_disks_that_want_it),
                cmocka_unit_test(tcp_is_as_the_definition_needs),
        };

        return cmocka_run_group_tests(all, NULL, NULL);
}
