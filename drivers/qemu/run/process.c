/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <inttypes.h>
#include <sched.h>

#include "base/strings.h"
#include "run/monitor.h"
#include "run/process.h"

#define PROC_MAX 4096U

/* Files of /proc and /sys have no size: read until the end. */
static int read_small(const char *path, char buffer[PROC_MAX]) {
        _cleanup_fclose_ FILE *f = fopen(path, "re");
        size_t n;

        if (!f)
                return -errno;
        n = fread(buffer, 1, PROC_MAX - 1, f);
        buffer[n] = 0;
        return ferror(f) ? -EIO : 0;
}

static uint64_t value_of(const char *text, const char *key) {
        const char *p = strstr(text, key);

        return p ? strtoull(p + strlen(key), NULL, 10) : 0;
}

static int cgroup_cpu_time(Guest *g, uint64_t *ret_total, uint64_t *ret_user, uint64_t *ret_system) {
        _cleanup_free_ char *group = NULL, *path = NULL;
        char text[PROC_MAX];
        int r;

        r = guest_cgroup(g, &group);
        if (r < 0)
                return r;
        if (!endswith(group, ".service"))
                return -ENOENT;
        path = text_format("/sys/fs/cgroup/%s/cpu.stat", group);
        if (!path)
                return -ENOMEM;
        r = read_small(path, text);
        if (r < 0)
                return r;
        *ret_total = value_of(text, "usage_usec ") * 1000U;
        *ret_user = value_of(text, "user_usec ") * 1000U;
        *ret_system = value_of(text, "system_usec ") * 1000U;
        return 0;
}

/* The fields of a stat file behind the name, which may hold anything: utime, stime in ticks and the CPU. */
static int parse_stat(const char *text, uint64_t *ret_user, uint64_t *ret_system, int *ret_cpu) {
        uint64_t hz = (uint64_t) sysconf(_SC_CLK_TCK);
        const char *p = strrchr(text, ')');
        char *end = NULL;

        if (!p)
                return -EBADMSG;
        p++;
        for (unsigned field = 3; field <= 39; field++) {
                uint64_t v;

                while (*p == ' ')
                        p++;
                v = strtoull(p, &end, 10);
                if (field == 14)
                        *ret_user = v * 1000000000U / hz;
                else if (field == 15)
                        *ret_system = v * 1000000000U / hz;
                else if (field == 39)
                        *ret_cpu = (int) v;
                p = strchr(p, ' ');
                if (!p)
                        return -EBADMSG;
        }
        return 0;
}

int process_cpu_time(Guest *g, uint64_t *ret_total, uint64_t *ret_user, uint64_t *ret_system) {
        uint64_t total, user, system;
        char path[64], text[PROC_MAX];
        int r, cpu;

        if (!g->run || g->run->pid <= 0)
                return -ESRCH;
        r = cgroup_cpu_time(g, &total, &user, &system);
        if (r < 0) {
                snprintf(path, sizeof(path), "/proc/%i/stat", g->run->pid);
                r = read_small(path, text);
                if (r >= 0)
                        r = parse_stat(text, &user, &system, &cpu);
                total = user + system;
        }
        if (r < 0)
                return r;
        *ret_total = total;
        if (ret_user)
                *ret_user = user;
        if (ret_system)
                *ret_system = system;
        return 0;
}

/* The kernel's own counters, where it keeps them: time on a CPU and time in wait for one, in nanoseconds, and what it
 * calls waiting, in milliseconds with a fraction (proc(5), Documentation/scheduler/sched-stats.rst). */
static void add_schedstat(const char *folder, ThreadTime *ret) {
        char path[112], text[PROC_MAX], *end;
        const char *wait;
        uint64_t nsec;

        snprintf(path, sizeof(path), "%s/schedstat", folder);
        if (read_small(path, text) < 0)
                return;
        nsec = strtoull(text, &end, 10);
        if (nsec > 0)
                ret->nsec = nsec;
        ret->delay_nsec = strtoull(end, NULL, 10);
        ret->has_waited = true;
        snprintf(path, sizeof(path), "%s/sched", folder);
        wait = read_small(path, text) >= 0 ? strstr(text, "wait_sum") : NULL;
        wait = wait ? strchr(wait, ':') : NULL;
        if (wait)
                ret->wait_nsec = (uint64_t) (strtod(wait + 1, NULL) * 1e6);
}

int process_thread_time(Guest *g, pid_t tid, ThreadTime *ret) {
        char folder[64], path[96], text[PROC_MAX];
        uint64_t user, system;
        int r, cpu;

        if (!g->run || g->run->pid <= 0)
                return -ESRCH;
        snprintf(folder, sizeof(folder), "/proc/%i/task/%i", g->run->pid, tid);
        snprintf(path, sizeof(path), "%s/stat", folder);
        r = read_small(path, text);
        if (r >= 0)
                r = parse_stat(text, &user, &system, &cpu);
        if (r < 0)
                return r;
        *ret = (ThreadTime) { .nsec = user + system, .cpu = cpu };
        add_schedstat(folder, ret);
        return 0;
}

int process_rss(Guest *g, uint64_t *ret_kib) {
        char path[64], text[PROC_MAX];
        int r;

        if (!g->run || g->run->pid <= 0)
                return -ESRCH;
        snprintf(path, sizeof(path), "/proc/%i/status", g->run->pid);
        r = read_small(path, text);
        if (r < 0)
                return r;
        *ret_kib = value_of(text, "VmRSS:");
        return 0;
}
