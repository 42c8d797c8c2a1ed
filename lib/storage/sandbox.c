/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "storage/owner.h"
#include "storage/sandbox.h"

#define NOBODY 65534

static int keep_only(uint32_t capabilities) {
        struct __user_cap_header_struct header = { _LINUX_CAPABILITY_VERSION_3, 0 };
        struct __user_cap_data_struct data[2] = {};

        data[0].permitted = data[0].effective = capabilities;
        return syscall(SYS_capset, &header, data) < 0 ? -errno : 0;
}

/* Such a kernel has at least no network for it. */
static int read_only(void) {
        int r = sandbox_only_read();

        if (r != -EINVAL)
                return r;
        return unshare(CLONE_NEWNET) >= 0 || errno == EPERM ? 0 : -errno;
}

/* Whoever is not root (unit tests, a user's own pools) has no more to give up than to write. */
static int give_up_rights(SandboxMode mode) {
        int r;

        if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
                return -errno;
        if (mode == SANDBOX_TOOLS)
                return geteuid() != 0 || unshare(CLONE_NEWNET) >= 0 || errno == EPERM ? 0 : -errno;
        if (geteuid() != 0)
                return mode == SANDBOX_READER || mode == SANDBOX_OWNER ? read_only() : 0;
        if (mode == SANDBOX_OWNER)
                return owner_keep() < 0 ? -EPERM : read_only();
        if (prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) < 0 || setgroups(0, NULL) < 0 || setresgid(NOBODY, NOBODY, NOBODY) < 0 ||
            setresuid(NOBODY, NOBODY, NOBODY) < 0)
                return -errno;
        r = keep_only(mode == SANDBOX_READER ? 1U << CAP_DAC_READ_SEARCH : 0);
        return r < 0 || mode == SANDBOX_NETWORK ? r : read_only();
}

static _noreturn_ void child(int (*func)(int, void *), void *userdata, SandboxMode mode, int fd) {
        int r;

        prctl(PR_SET_PDEATHSIG, SIGKILL);
        r = give_up_rights(mode);
        if (r >= 0)
                r = func(fd, userdata);
        _exit(r < 0 ? MIN(-r, 254) : 0);
}

static int wait_for(pid_t pid, unsigned timeout) {
        _cleanup_close_ int pidfd = (int) syscall(SYS_pidfd_open, pid, 0);
        struct pollfd p = { pidfd, POLLIN, 0 };
        int status, n;

        if (pidfd < 0)
                return -errno;
        do
                n = poll(&p, 1, (int) timeout * 1000);
        while (n < 0 && errno == EINTR);
        if (n <= 0) {
                (void) kill(pid, SIGKILL);
                return -ETIMEDOUT;
        }
        if (waitpid(pid, &status, 0) < 0)
                return -errno;
        return WIFEXITED(status) ? -WEXITSTATUS(status) : -EIO;
}

int sandbox_run(int (*func)(int fd, void *userdata), void *userdata, SandboxMode mode, unsigned timeout, int *ret_fd) {
        _cleanup_close_ int fd = memfd_create("scan", MFD_CLOEXEC);
        pid_t pid;
        int r;

        if (fd < 0)
                return -errno;
        pid = fork();
        if (pid < 0)
                return -errno;
        if (pid == 0)
                child(func, userdata, mode, fd);
        r = wait_for(pid, timeout);
        if (r < 0)
                return r;
        if (lseek(fd, 0, SEEK_SET) < 0)
                return -errno;
        *ret_fd = TAKE_FD(fd);
        return 0;
}
