/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The CPUs of the host that threads of a guest's QEMU may run on, and how much of them they may take. Who asks says
 * which threads those are; what is of no process of the guest's unit is refused, whoever named it. */

#include <sched.h>
#include <signal.h>
#include <unistd.h>

#include "base/cgroup.h"
#include "base/strings.h"
#include "model/definition.h"
#include "plan/names.h"
#include "plug.h"
#include "thread-groups.h"
#include "unit-process.h"

#define CPUS_MAX 4096U

static int refuse_thread(pid_t thread, const char *unit, Error *e) {
        /* one that ends meanwhile is no error */
        return kill(thread, 0) < 0 && errno == ESRCH
                       ? 0
                       : error_set(e, -EPERM, ERROR_INTERNAL, ORIGIN_QEMU, "thread %i is none of %s", thread, unit);
}

static int bind_thread(pid_t thread, const char *unit, size_t size, const cpu_set_t *set, Error *e) {
        if (!process_is_in_unit(thread, unit))
                return refuse_thread(thread, unit, e);
        if (sched_setaffinity(thread, size, set) < 0 && errno != ESRCH)
                return error_set_errno(e, -errno, ORIGIN_QEMU, "cannot bind a thread of %s to CPUs", unit);
        return 0;
}

/* "17 18 23" */
static int bind_threads(char *threads, const char *unit, size_t size, const cpu_set_t *set, Error *e) {
        char *rest = threads, *word;
        int r = 0, thread;

        while (r >= 0 && (word = strsep(&rest, " "))) {
                if (parse_int(word, &thread) < 0 || thread <= 0)
                        return error_set(e, -EINVAL, ERROR_INTERNAL, ORIGIN_QEMU, "'%s' is no thread", word);
                r = bind_thread(thread, unit, size, set, e);
        }
        return r;
}

int plug_pin(const char *guest, char *threads, const char *cpus, Error *e) {
        _cleanup_free_ char *instance = NULL, *unit = NULL;
        uint64_t bits[CPUS_MAX / 64];
        size_t size = CPU_ALLOC_SIZE(CPUS_MAX);
        _cleanup_free_ cpu_set_t *set = calloc(1, size);
        int r;

        r = unit_instance(&unit_guest, guest, &instance);
        unit = r >= 0 ? text_format("vm@%s.service", instance) : NULL;
        if (!unit || !set)
                return r < 0 ? r : -ENOMEM;
        r = cpuset_parse(cpus, bits, CPUS_MAX);
        if (r < 0)
                return error_set(e, r, ERROR_INTERNAL, ORIGIN_QEMU, "'%s' are no CPUs", cpus);
        for (unsigned i = 0; i < CPUS_MAX; i++)
                if (bits[i / 64] >> i % 64 & 1)
                        CPU_SET_S(i, size, set);
        return bind_threads(threads, unit, size, set, e);
}

/* Only words that the kernel's file takes, and a name that leads nowhere else. */
static bool is_limit(const char *group, const char *limit) {
        const char *period = startswith(limit, "max ");

        return *group && strspn(group, "abcdefghijklmnopqrstuvwxyz0123456789_-") == strlen(group) &&
               strspn(period ?: limit, "0123456789 ") == strlen(period ?: limit);
}

static int open_groups(pid_t thread, const char *unit, int *ret, Error *e) {
        _cleanup_close_ int group = -EBADF;
        int r;

        r = cgroup_open_unit(thread, unit, &group);
        if (r == -EPERM)
                return error_set(e, r, ERROR_INTERNAL, ORIGIN_QEMU, "thread %i is none of %s", thread, unit);
        if (r < 0 || !cgroup_has_controller(group, "cpu"))
                return error_set(e, -EOPNOTSUPP, ERROR_OPERATION_INVALID, ORIGIN_QEMU,
                                 "cgroup CPU controller is not mounted");
        r = thread_groups_enter_all(group);
        if (r >= 0)
                r = thread_groups_open(group, ret);
        return r < 0 ? error_set_errno(e, r, ORIGIN_QEMU, "the threads of %s cannot have limits", unit) : 0;
}

int plug_limit(const char *guest, char *threads, const char *group, const char *limit, Error *e) {
        _cleanup_free_ char *unit = NULL;
        _cleanup_close_ int groups = -EBADF;
        char *rest = threads, *word;
        int r, thread;

        if (!is_limit(group, limit))
                return error_set(e, -EINVAL, ERROR_INTERNAL, ORIGIN_QEMU, "'%s' is no limit of '%s'", limit, group);
        r = unit_name_for_guest(guest, &unit);
        while (r >= 0 && (word = strsep(&rest, " "))) {
                if (parse_int(word, &thread) < 0 || thread <= 0)
                        return error_set(e, -EINVAL, ERROR_INTERNAL, ORIGIN_QEMU, "'%s' is no thread", word);
                if (!process_is_in_unit(thread, unit)) {
                        r = refuse_thread(thread, unit, e);
                        continue;
                }
                r = groups < 0 ? open_groups(thread, unit, &groups, e) : 0;
                if (r < 0)
                        return r;
                if (startswith(limit, "max ") && !thread_groups_has(groups, group))
                        continue;
                r = thread_groups_limit(groups, group, limit, thread);
                if (r < 0)
                        return error_set_errno(e, r, ORIGIN_QEMU, "cannot limit a thread of %s", unit);
        }
        return r;
}
