/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* On which CPUs and by which scheduler QEMU's threads run: QEMU is asked which thread is what, before the guest's first
 * instruction. The threads are of vm-run's own user, so it may move them within what the unit allows; LimitRTPRIO= of
 * the unit is what lets them run in real time. */

#include <dirent.h>
#include <sched.h>

#include "base/strings.h"
#include "run.h"
#include "schedule.h"
#include "thread-groups.h"

#define CPUS_MAX 16384U

/* "2-3,8" */
static int parse_cpus(const char *text, cpu_set_t *set, size_t size) {
        CPU_ZERO_S(size, set);
        while (*text) {
                char *end;
                unsigned long first = strtoul(text, &end, 10), last = first;

                if (end == text)
                        return -EINVAL;
                if (*end == '-') {
                        const char *from = end + 1;

                        last = strtoul(from, &end, 10);
                        if (end == from)
                                return -EINVAL;
                }
                if (last >= CPUS_MAX || first > last)
                        return -ERANGE;
                for (; first <= last; first++)
                        CPU_SET_S(first, size, set);
                if (*end && *end != ',')
                        return -EINVAL;
                text = *end ? end + 1 : end;
        }
        return 0;
}

static int pin(pid_t thread, const char *cpus) {
        size_t size = CPU_ALLOC_SIZE(CPUS_MAX);
        cpu_set_t *set = CPU_ALLOC(CPUS_MAX);
        int r;

        r = set ? parse_cpus(cpus, set, size) : -ENOMEM;
        if (r >= 0 && sched_setaffinity(thread, size, set) < 0)
                r = -errno;
        CPU_FREE(set);
        return r;
}

/* "fifo 1", "batch" */
static int schedule(pid_t thread, const char *words) {
        _cleanup_free_ char *name = strdup(words);
        char *space = name ? strchr(name, ' ') : NULL;

        if (!name)
                return -ENOMEM;
        if (space)
                *space++ = 0;
        return thread_schedule(thread, name, space);
}

/* What of a line follows "KIND ID ", or NULL where it is about another thread. */
static const char *words_about(const char *line, const char *kind, const char *id) {
        const char *rest = startswith(line, kind);

        rest = rest && *rest == ' ' ? rest + 1 : NULL;
        if (!rest || !id)
                return rest;
        rest = startswith(rest, id);
        return rest && *rest == ' ' ? rest + 1 : NULL;
}

/* Names of I/O threads are QEMU's words, and may be the definition's own. */
static bool is_group_name(const char *s) {
        return *s && strspn(s, "abcdefghijklmnopqrstuvwxyz0123456789_-") == strlen(s);
}

/* "vcpu 50000 100000": each thread of this kind is limited by itself. */
static int limit(Run *run, pid_t thread, const char *kind, const char *id) {
        for (char *const *line = run->launch.limits; line && *line; line++) {
                const char *words = words_about(*line, kind, NULL);
                char name[64];
                int r;

                if (!words)
                        continue;
                (void) snprintf(name, sizeof name, "%s%s", streq(kind, "iothread") ? "" : kind, id ?: "");
                r = is_group_name(name) ? thread_groups_limit(run->thread_groups, name, words, thread) : -EINVAL;
                if (r < 0) {
                        run_fail_start(run, "cannot limit %s%s%s to %s: %s", kind, id ? " " : "", id ?: "", words,
                                       strerror(-r));
                        return r;
                }
        }
        return 0;
}

/* A group of resctrl: vm-prepare has opened where its threads are put. */
static int join(Run *run, pid_t thread, const char *group) {
        int fd = parcel_find(&run->parcel, group), r = fd;

        if (fd >= 0)
                r = dprintf(fd, "%i\n", thread) < 0 ? -errno : 0;
        if (r < 0)
                run_fail_start(run, "cannot give a thread its part of the cache: %s", strerror(-r));
        return r;
}

static int tune(Run *run, pid_t thread, const char *kind, const char *id) {
        for (char *const *line = run->launch.threads; line && *line; line++) {
                const char *words = words_about(*line, kind, id), *cpus = words ? startswith(words, "cpus ") : NULL;
                const char *scheduler = words ? startswith(words, "scheduler ") : NULL;
                const char *group = words ? startswith(words, "group ") : NULL;
                int r;

                if (group) {
                        r = join(run, thread, group);
                        if (r < 0)
                                return r;
                }
                if (!cpus && !scheduler)
                        continue;
                r = cpus ? pin(thread, cpus) : schedule(thread, scheduler);
                if (r < 0) {
                        run_fail_start(run, "cannot have %s%s%s run %s %s: %s", kind, id ? " " : "", id ?: "",
                                       cpus ? "on the CPUs" : "by the scheduler", cpus ?: scheduler, strerror(-r));
                        return r;
                }
        }
        return limit(run, thread, kind, id);
}

static int remember(Run *run, pid_t thread) {
        pid_t *list = reallocarray(run->known_threads, run->n_known_threads + 1, sizeof(pid_t));

        if (!list)
                return -ENOMEM;
        run->known_threads = list;
        list[run->n_known_threads++] = thread;
        return 0;
}

static bool is_known(const Run *run, pid_t thread) {
        for (size_t i = 0; i < run->n_known_threads; i++)
                if (run->known_threads[i] == thread)
                        return true;
        return false;
}

/* All that is no vCPU and no I/O thread. A thread that ends meanwhile is no error. */
static int tune_emulator(Run *run) {
        char path[32];
        struct dirent *d;
        DIR *dir;
        int r = 0;

        (void) snprintf(path, sizeof path, "/proc/%i/task", run->qemu);
        dir = opendir(path);
        if (!dir)
                return -errno;
        while (r >= 0 && (d = readdir(dir))) {
                int thread;

                if (parse_int(d->d_name, &thread) < 0 || is_known(run, thread))
                        continue;
                r = tune(run, thread, "emulator", NULL);
        }
        closedir(dir);
        return r;
}

static void go_on(Run *run) {
        free(run->known_threads);
        run->known_threads = NULL;
        run->n_known_threads = 0;
        run->tuned(run);
}

static void got_iothreads(Run *run, const json_t *result, const char *error) {
        size_t i;
        json_t *t;
        int r;

        if (run->state != RUN_STARTING)
                return;
        json_array_foreach(result, i, t) {
                pid_t thread = (pid_t) json_integer_value(json_object_get(t, "thread-id"));
                const char *id = json_string_value(json_object_get(t, "id")) ?: "";

                if (remember(run, thread) < 0 || tune(run, thread, "iothread", id) < 0)
                        return;
        }
        r = tune_emulator(run);
        if (r >= 0)
                go_on(run);
        else if (run->state == RUN_STARTING)
                run_fail_start(run, "cannot find QEMU's threads: %s", strerror(-r));
}

static void got_vcpus(Run *run, const json_t *result, const char *error) {
        size_t i;
        json_t *c;

        if (run->state != RUN_STARTING)
                return;
        if (error) {
                run_fail_start(run, "QEMU does not name its threads: %s", error);
                return;
        }
        json_array_foreach(result, i, c) {
                pid_t thread = (pid_t) json_integer_value(json_object_get(c, "thread-id"));
                char id[24];

                (void) snprintf(id, sizeof id, "%lli", (long long) json_integer_value(json_object_get(c, "cpu-index")));
                /* One thread runs all vCPUs where QEMU was told so: the last one decides. */
                if (remember(run, thread) < 0 || tune(run, thread, "vcpu", id) < 0)
                        return;
        }
        if (monitor_execute(run, "query-iothreads", got_iothreads) < 0)
                run_fail_start(run, "cannot ask QEMU for its threads");
}

int run_enter_thread_groups(Run *run) {
        int unit, r;

        if (!run->launch.limits || !*run->launch.limits)
                return 0;
        unit = parcel_find(&run->parcel, CGROUP_FD_NAME);
        r = unit < 0 ? unit : thread_groups_enter(unit, 0);
        return r < 0 ? r : thread_groups_open(unit, &run->thread_groups);
}

void run_tune_threads(Run *run, void (*then)(Run *run)) {
        run->tuned = then;
        if (!(run->launch.threads && *run->launch.threads) && !(run->launch.limits && *run->launch.limits))
                go_on(run);
        else if (monitor_execute(run, "query-cpus-fast", got_vcpus) < 0)
                run_fail_start(run, "cannot ask QEMU for its threads");
}
