/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/socket.h>

#include "base/strings.h"
#include "run.h"

#define LISTEN_FDS_START 3
/* Where descriptors wait before they get the number QEMU knows them by: above all of those. */
#define PARKING 1024
#define STORED_PREFIX "qemu-"

/* The name of the n-th descriptor in $LISTEN_FDNAMES. */
static int inherited_name(unsigned n, char *ret, size_t size) {
        const char *names = getenv("LISTEN_FDNAMES");
        size_t len;

        while (names && n-- > 0) {
                names = strchr(names, ':');
                names = names ? names + 1 : NULL;
        }
        if (!names)
                return -ENOENT;
        len = strcspn(names, ":");
        if (len >= size)
                return -E2BIG;
        memcpy(ret, names, len);
        ret[len] = 0;
        return 0;
}

static unsigned inherited_count(void) {
        unsigned n = 0;

        return parse_uint(getenv("LISTEN_FDS") ?: "0", &n) < 0 ? 0 : n;
}

int inherited_fd(const char *name) {
        char s[64];

        for (unsigned i = 0; i < inherited_count(); i++)
                if (inherited_name(i, s, sizeof s) >= 0 && streq(s, name))
                        return LISTEN_FDS_START + (int) i;
        return -ENOENT;
}

void close_inherited_on_exec(void) {
        for (unsigned i = 0; i < inherited_count(); i++)
                (void) fcntl(LISTEN_FDS_START + (int) i, F_SETFD, FD_CLOEXEC);
}

void release_store(Run *run) {
        char s[64];

        for (unsigned i = 0; i < inherited_count(); i++)
                if (inherited_name(i, s, sizeof s) >= 0)
                        (void) notify_send(run->notify_fd, "FDSTOREREMOVE=1\nFDNAME=%s", s);
}

/* fd shall be QEMU's number. The copy in between is closed by exec. */
static int hand_over(posix_spawn_file_actions_t *actions, int fd, int number) {
        int parked = fcntl(fd, F_DUPFD_CLOEXEC, PARKING);

        if (parked < 0)
                return -errno;
        return -posix_spawn_file_actions_adddup2(actions, parked, number);
}

/* What vm-prepare opened. */
static int hand_over_inherited(posix_spawn_file_actions_t *actions) {
        for (unsigned i = 0; i < inherited_count(); i++) {
                const char *number;
                char s[64];
                int n, r;

                if (inherited_name(i, s, sizeof s) < 0)
                        continue;
                number = startswith(s, STORED_PREFIX);
                if (!number || parse_int(number, &n) < 0 || n < LISTEN_FDS_START || n >= PARKING)
                        continue;
                r = hand_over(actions, LISTEN_FDS_START + (int) i, n);
                if (r < 0)
                        return r;
        }
        return 0;
}

/* A pipe whose lines go to the journal; its writing end is QEMU's, under number or, for stderr, as 1 and 2. */
static int add_console(Run *run, posix_spawn_file_actions_t *actions, const char *identifier, int number) {
        Console *c = &run->consoles[run->n_consoles];
        int p[2], r;

        if (pipe2(p, O_CLOEXEC) < 0)
                return -errno;
        (void) fcntl(p[0], F_SETFL, O_NONBLOCK);
        run->n_consoles++;
        *c = (Console) { .fd = p[0], .lines = { .identifier = identifier, .priority = number < 0 ? 4 : 6 } };
        r = hand_over(actions, p[1], number < 0 ? STDERR_FILENO : number);
        if (r >= 0 && number < 0)
                r = hand_over(actions, p[1], STDOUT_FILENO);
        close(p[1]);
        return r;
}

static int add_monitor(Run *run, posix_spawn_file_actions_t *actions) {
        int s[2], r;

        if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, s) < 0)
                return -errno;
        run->monitor.fd = s[0];
        r = hand_over(actions, s[1], run->launch.monitor_fd);
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

static int prepare(Run *run, posix_spawn_file_actions_t *actions) {
        int r;

        run->consoles = calloc(run->launch.n_consoles + 1, sizeof(Console));
        if (!run->consoles)
                return -ENOMEM;
        r = add_console(run, actions, "qemu", -1);
        for (size_t i = 0; r >= 0 && i < run->launch.n_consoles; i++)
                r = add_console(run, actions, run->launch.consoles[i].alias, run->launch.consoles[i].fd);
        if (r >= 0)
                r = hand_over_inherited(actions);
        return r < 0 ? r : add_monitor(run, actions);
}

/* The copies that hand_over() parked. */
static void close_parked(void) {
        (void) close_range(PARKING, ~0U, 0);
}

int spawn_qemu(Run *run) {
        _cleanup_strv_ char **env = NULL;
        posix_spawn_file_actions_t actions;
        posix_spawnattr_t attributes;
        sigset_t none, all;
        int r;

        r = make_environment(&run->launch, &env);
        if (r < 0)
                return r;
        sigemptyset(&none);
        sigfillset(&all);
        (void) posix_spawn_file_actions_init(&actions);
        (void) posix_spawnattr_init(&attributes);
        (void) posix_spawnattr_setsigmask(&attributes, &none);
        (void) posix_spawnattr_setsigdefault(&attributes, &all);
        (void) posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
        r = prepare(run, &actions);
        if (r >= 0)
                r = -posix_spawn(&run->qemu, run->launch.argv[0], &actions, &attributes, run->launch.argv, env);
        close_parked();
        (void) posix_spawn_file_actions_destroy(&actions);
        (void) posix_spawnattr_destroy(&attributes);
        if (r < 0)
                return r;
        /* vm-run itself has no use for disks and taps. */
        for (unsigned i = 0; i < inherited_count(); i++)
                close(LISTEN_FDS_START + (int) i);
        return 0;
}
