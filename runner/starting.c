/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "starting.h"

#include <linux/sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/strings.h"
#include "plan/names.h"
#include "thread-groups.h"

#define STAT_MAX 4096U
#define CGROUP_MAX (16U * 1024U)
/* Of a unit's, which its drop-in sets. */
#define ENVIRONMENT_MAX (256U * 1024U)

void starting_done(Starting *s) {
        free(s->unit);
        free(s->name);
        free(s->run_dir);
        strv_free(s->settings);
        *s = (Starting) {};
}

static int peer_of(int connection, pid_t *ret) {
        struct ucred peer;
        socklen_t len = sizeof peer;

        if (getsockopt(connection, SOL_SOCKET, SO_PEERCRED, &peer, &len) < 0)
                return -errno;
        *ret = peer.pid;
        return peer.pid > 0 ? 0 : -EPERM;
}

static int read_of(pid_t process, const char *file, size_t max, char **ret, size_t *ret_len) {
        char path[48];

        (void) snprintf(path, sizeof path, "/proc/%i/%s", process, file);
        return file_read(path, max, ret, ret_len);
}

/* proc(5), /proc/pid/stat: the name in brackets may hold anything. */
static int check_parent(pid_t process, pid_t parent) {
        _cleanup_free_ char *text = NULL;
        const char *rest;
        int r, found;

        r = read_of(process, "stat", STAT_MAX, &text, NULL);
        if (r < 0)
                return r;
        rest = strrchr(text, ')');
        if (!rest || sscanf(rest, ") %*c %i", &found) != 1)
                return -EBADMSG;
        return found == parent ? 0 : -EPERM;
}

/* "vm@web.service", the last folder of the control group; the caller's. */
static int unit_of(pid_t process, char **ret) {
        _cleanup_free_ char *text = NULL;
        char *rest, *line;
        int r;

        r = read_of(process, "cgroup", CGROUP_MAX, &text, NULL);
        if (r < 0)
                return r;
        rest = text;
        while ((line = strsep(&rest, "\n"))) {
                char *last = strrchr(line, '/');

                if (!last || !startswith(last + 1, "vm@") || !endswith(last, ".service"))
                        continue;
                *ret = strdup(last + 1);
                return *ret ? 0 : -ENOMEM;
        }
        return -EPERM;
}

/* The link that systemd makes for journald before it starts a process of the unit: 32 hex digits. */
static int read_invocation(const char *unit, char ret[static 33]) {
        _cleanup_free_ char *path = text_format("/run/systemd/units/invocation:%s", unit);
        ssize_t n = path ? readlink(path, ret, 33) : -1;

        if (n < 0)
                return path ? -errno : -ENOMEM;
        ret[32] = 0;
        return n == 32 ? 0 : -EBADMSG;
}

/* Each variable ends with a NUL. */
static int read_environment(Starting *s) {
        _cleanup_free_ char *environment = NULL;
        size_t len = 0;
        int r;

        r = read_of(s->process, "environ", ENVIRONMENT_MAX, &environment, &len);
        for (const char *p = environment; r >= 0 && p < environment + len; p += strlen(p) + 1) {
                const char *run_dir = startswith(p, "RUNTIME_DIRECTORY=");

                if (run_dir && !s->run_dir && !(s->run_dir = strdup(run_dir)))
                        r = -ENOMEM;
                if (startswith(p, "UNITVIRT_"))
                        r = strv_add(&s->settings, p);
        }
        return r;
}

int starting_identify(int connection, pid_t manager, Starting *ret) {
        _cleanup_starting_ Starting s = {};
        int r;

        r = peer_of(connection, &s.process);
        if (r >= 0)
                r = check_parent(s.process, manager);
        if (r >= 0)
                r = unit_of(s.process, &s.unit);
        if (r >= 0)
                r = guest_name_from_unit(s.unit, &s.name);
        if (r < 0)
                return r;
        *ret = s;
        s = (Starting) {};
        return 0;
}

int starting_read(Starting *s) {
        int r = read_invocation(s->unit, s->invocation);

        return r < 0 ? r : read_environment(s);
}

pid_t starting_split(const Starting *s) {
        _cleanup_close_ int group = -EBADF;
        pid_t pid = -1;

        if (cgroup_open_unit(s->process, s->unit, &group) >= 0) {
                struct clone_args args = {
                        .flags = CLONE_INTO_CGROUP,
                        .exit_signal = SIGCHLD,
                        .cgroup = (uint64_t) group,
                };

                pid = (pid_t) syscall(SYS_clone3, &args, sizeof args);
        }
        if (pid < 0)
                pid = fork();
        return pid < 0 ? -errno : pid;
}
