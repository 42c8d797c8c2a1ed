/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>

#include "base/fds.h"
#include "base/fs.h"
#include "base/socket.h"
#include "base/strings.h"
#include "confine.h"
#include "leftovers.h"
#include "run.h"
#include "thread-groups.h"

/* Below are those of its standard streams. */
#define LOWEST_NUMBER 3
/* Where descriptors wait before they get the number QEMU knows them by: above all of those. */
#define PARKING 1024
#define STORED_PREFIX "qemu-"

static int ask_to_prepare(int *ret, char answer[static PREPARE_ANSWER_MAX + 1]) {
        _cleanup_free_ char *path = text_format("%s/" PREPARE_SOCKET, path_run());
        _cleanup_close_ int fd = path ? unix_connect(path, SOCK_SEQPACKET) : -ENOMEM;
        unsigned n_fds = 0;
        ssize_t n;

        *answer = 0;
        if (fd < 0)
                return fd;
        do
                n = receive_fds(fd, answer, PREPARE_ANSWER_MAX, ret, 1, &n_fds, 0);
        while (n == -EINTR);
        if (n < 0)
                return (int) n;
        answer[n] = 0;
        return n_fds == 1 ? 0 : n > 0 ? -ECANCELED : -ECONNRESET;
}

int take_parcel(Run *run) {
        char answer[PREPARE_ANSWER_MAX + 1];
        _cleanup_close_ int fd = -EBADF;
        int r;

        r = ask_to_prepare(&fd, answer);
        if (r >= 0)
                r = parcel_unpack(fd, &run->parcel);
        /* it has told the journal, and whoever looks for the cause */
        if (*answer && r == -ECANCELED)
                (void) notify_status(run->notify_fd, "", "%s", answer);
        else if (r < 0)
                run_fail_start(run, "nothing was prepared for the guest: %s (systemctl status vm-prepare.socket "
                                    "vm-prepare.service)", strerror(-r));
        return r;
}

/* Which descriptor gets which number in QEMU. */
typedef struct Handover {
        int fd, number;
} Handover;

typedef struct Handovers {
        Handover *list;
        size_t n;
} Handovers;

/* fd shall be QEMU's number. The copy in between is closed by exec. */
static int hand_over(Handovers *h, int fd, int number) {
        Handover *list = reallocarray(h->list, h->n + 1, sizeof(Handover));
        int parked;

        if (!list)
                return -ENOMEM;
        h->list = list;
        parked = fcntl(fd, F_DUPFD_CLOEXEC, PARKING);
        if (parked < 0)
                return -errno;
        list[h->n++] = (Handover) { parked, number };
        return 0;
}

/* What vm-prepare opened. */
static int hand_over_parcel(const Parcel *p, Handovers *h) {
        for (size_t i = 0; i < p->n; i++) {
                const char *number = startswith(p->items[i].name, STORED_PREFIX);
                int n, r;

                if (!number || parse_int(number, &n) < 0 || n < LOWEST_NUMBER || n >= PARKING)
                        continue;
                r = hand_over(h, p->items[i].fd, n);
                if (r < 0)
                        return r;
        }
        return 0;
}

/* A pipe whose lines go to the journal; its writing end is QEMU's, under number or, for stderr, as 1 and 2. */
static int add_console(Run *run, Handovers *h, const char *identifier, int number, bool quiet) {
        Console *c = &run->consoles[run->n_consoles];
        int p[2], r;

        if (pipe2(p, O_CLOEXEC) < 0)
                return -errno;
        (void) fcntl(p[0], F_SETFL, O_NONBLOCK);
        run->n_consoles++;
        *c = (Console){ .fd = p[0],
                        .quiet = quiet,
                        .lines = { .identifier = identifier, .priority = number < 0 ? 4 : 6 } };
        r = console_open_copies(run, c, identifier, NULL);
        if (r >= 0)
                r = hand_over(h, p[1], number < 0 ? STDERR_FILENO : number);
        if (r >= 0 && number < 0)
                r = hand_over(h, p[1], STDOUT_FILENO);
        close(p[1]);
        return r;
}

static int add_monitor(Run *run, Handovers *h) {
        int s[2], r;

        if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, s) < 0)
                return -errno;
        run->monitor.fd = s[0];
        r = hand_over(h, s[1], run->launch.monitor_fd);
        close(s[1]);
        return r;
}

/* QEMU's own environment, free of what systemd tells vm-run. */
static int make_environment(const Launch *l, char ***ret) {
        _cleanup_strv_ char **env = NULL;
        int r;

        r = strv_add(&env, "LC_ALL=C");
        if (r >= 0)
                r = strv_add(&env, "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
        for (char *const *s = l->environment; r >= 0 && s && *s; s++)
                r = strv_add(&env, *s);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(env);
        return 0;
}

static int prepare(Run *run, Handovers *h) {
        int r;

        run->consoles = calloc(run->launch.n_consoles + 1, sizeof(Console));
        if (!run->consoles)
                return -ENOMEM;
        r = add_console(run, h, "qemu", -1, false);
        for (size_t i = 0; r >= 0 && i < run->launch.n_consoles; i++)
                r = add_console(run, h, run->launch.consoles[i].alias, run->launch.consoles[i].fd,
                                run->launch.consoles[i].quiet);
        if (r >= 0)
                r = hand_over_parcel(&run->parcel, h);
        return r < 0 ? r : add_monitor(run, h);
}

/* The copies that hand_over() parked. */
static void close_parked(void) {
        (void) close_range(PARKING, ~0U, 0);
}

/* In the child. What goes wrong is told over the pipe, which exec closes. */
static _noreturn_ void become_qemu(const Run *run, const Handovers *h, char **env, int tell, pid_t us) {
        sigset_t none;
        int r = 0;

        sigemptyset(&none);
        for (int s = 1; s < SIGRTMAX; s++)
                (void) signal(s, SIG_DFL);
        for (size_t i = 0; r == 0 && i < h->n; i++)
                if (dup2(h->list[i].fd, h->list[i].number) < 0)
                        r = -errno;
        /* whoever connects is told of this process as its peer */
        if (r == 0 && run->launch.listen_fd > 0 && listen(run->launch.listen_fd, 1) < 0)
                r = -errno;
        if (r == 0)
                r = confine_qemu(&run->launch, run->runtime_dir, us);
        if (r == 0 && sigprocmask(SIG_SETMASK, &none, NULL) < 0)
                r = -errno;
        if (r == 0) {
                (void) execve(run->launch.argv[0], run->launch.argv, env);
                r = -errno;
        }
        /* Where nobody is left to be told, the status says it all. */
        if (write(tell, &r, sizeof r) < 0)
                _exit(EXIT_FAILURE);
        _exit(EXIT_FAILURE);
}

/* Waits until the child is QEMU. */
static int start_child(Run *run, const Handovers *h, char **env) {
        pid_t us = getpid();
        int p[2], r = 0;

        if (pipe2(p, O_CLOEXEC) < 0)
                return -errno;
        /* above the numbers that QEMU gets */
        r = fcntl(p[1], F_DUPFD_CLOEXEC, PARKING);
        close(p[1]);
        if (r >= 0) {
                p[1] = r;
                run->qemu = fork();
                if (run->qemu == 0)
                        become_qemu(run, h, env, p[1], us);
                r = run->qemu < 0 ? -errno : 0;
                close(p[1]);
        } else
                r = -errno;
        if (r >= 0 && read(p[0], &r, sizeof r) != sizeof r)
                r = 0;
        close(p[0]);
        return r;
}

/* vm-run itself has no use for disks and taps, but for the mark that the guest runs, the locks of its images, and where
 * threads are put that have a part of a cache. */
static int close_unused(Run *run) {
        int r = 0;

        for (size_t i = 0; i < run->parcel.n; i++) {
                struct ParcelItem *item = &run->parcel.items[i];
                const char *lock = startswith(item->name, IMAGE_LOCK_FD_NAME);

                if (lock && *lock == '-' && r >= 0)
                        r = image_locks_add(&run->image_locks, lock + 1, TAKE_FD(item->fd));
                else if (!lock && !streq(item->name, LOCK_FD_NAME) && !startswith(item->name, RESCTRL_FD_PREFIX))
                        close(TAKE_FD(item->fd));
        }
        return r;
}

int spawn_qemu(Run *run) {
        _cleanup_strv_ char **env = NULL;
        Handovers h = {};
        int r;

        r = make_environment(&run->launch, &env);
        if (r >= 0)
                r = prepare(run, &h);
        if (r >= 0) {
                console_log_start(run);
                r = start_child(run, &h, env);
        }
        close_parked();
        free(h.list);
        return r < 0 ? r : close_unused(run);
}
