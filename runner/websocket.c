/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Clients of the screen that are browsers (websockets). QEMU takes those only at a port where it listens itself, and
 * does that in the unit's own network, which nobody else is in. What connects to the socket that vm-prepare opened in
 * the host's is carried there by systemd-socket-proxyd. It is as confined as QEMU, which could get into it. */

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "base/log.h"
#include "base/strings.h"
#include "confine.h"
#include "run.h"

#define PROXY "/usr/lib/systemd/systemd-socket-proxyd"
#define LISTEN_FDS_START 3

static int inherit(const Run *run, int *fds) {
        int n = 0;

        for (unsigned i = 0; i < WEBSOCKETS_MAX; i++) {
                char name[32];
                int fd;

                (void) snprintf(name, sizeof name, WEBSOCKET_FD_PREFIX "%u", i);
                fd = parcel_find(&run->parcel, name);
                if (fd >= 0)
                        fds[n++] = fd;
        }
        return n;
}

/* The numbers that the sockets are to have may be those that others have yet. */
static int arrange(int *fds, int n) {
        for (int i = 0; i < n; i++) {
                fds[i] = fcntl(fds[i], F_DUPFD_CLOEXEC, LISTEN_FDS_START + (int) WEBSOCKETS_MAX);
                if (fds[i] < 0)
                        return -errno;
        }
        for (int i = 0; i < n; i++)
                if (dup2(fds[i], LISTEN_FDS_START + i) < 0)
                        return -errno;
        return 0;
}

static _noreturn_ void become_proxy(const Run *run, int *fds, int n, pid_t us) {
        char address[32], pid[32], count[32];
        char *const arguments[] = { (char *) PROXY, address, NULL }, *const environment[] = { pid, count, NULL };
        const Launch needs = { .connects = true };
        sigset_t none;
        int r;

        (void) snprintf(address, sizeof address, "127.0.0.1:%i", run->launch.websocket);
        (void) snprintf(pid, sizeof pid, "LISTEN_PID=%i", (int) getpid());
        (void) snprintf(count, sizeof count, "LISTEN_FDS=%i", n);
        sigemptyset(&none);
        r = prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || sigprocmask(SIG_SETMASK, &none, NULL) < 0 ? -errno : 0;
        if (r >= 0)
                r = arrange(fds, n);
        if (r >= 0)
                r = confine_qemu(&needs, NULL, us);
        if (r >= 0 && getppid() == us)
                (void) execve(PROXY, arguments, environment);
        _exit(EXIT_FAILURE);
}

void websocket_start(Run *run) {
        int fds[WEBSOCKETS_MAX], n = run->launch.websocket > 0 ? inherit(run, fds) : 0;
        pid_t us = getpid();

        if (n == 0)
                return;
        run->websockets = fork();
        if (run->websockets == 0)
                become_proxy(run, fds, n, us);
        if (run->websockets < 0) {
                log_warning_errno(-errno, "no websockets for the guest's screen: %m");
                run->websockets = 0;
        }
}

void websocket_reap(Run *run) {
        int status;

        if (run->websockets <= 0 || waitpid(run->websockets, &status, WNOHANG) != run->websockets)
                return;
        run->websockets = 0;
        log_warning("%s has ended, and the guest's screen is not seen by websockets any more", PROXY);
}
