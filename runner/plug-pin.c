/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The CPUs of the host that threads of a guest's QEMU may run on. Who asks says which threads those are; what is of no
 * process of the guest's unit is refused, whoever named it. */

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <unistd.h>

#include "base/strings.h"
#include "model/definition.h"
#include "plan/names.h"
#include "plug.h"

#define CPUS_MAX 4096U
#define CGROUP_MAX (16U * 1024U)

/* Is one of the folders of its control group the guest's unit? */
static bool is_in_unit(pid_t thread, const char *unit) {
        _cleanup_free_ char *path = text_format("/proc/%i/cgroup", thread);
        _cleanup_close_ int fd = path ? open(path, O_RDONLY | O_CLOEXEC) : -EBADF;
        char text[CGROUP_MAX];
        ssize_t length = fd >= 0 ? read(fd, text, sizeof(text) - 1) : -1;
        size_t n = strlen(unit);

        if (length < 0)
                return false;
        text[length] = 0;
        for (const char *p = text; (p = strstr(p, unit)); p += n)
                if (p > text && p[-1] == '/' && (p[n] == '/' || p[n] == '\n'))
                        return true;
        return false;
}

static int bind_thread(pid_t thread, const char *unit, size_t size, const cpu_set_t *set, Error *e) {
        if (!is_in_unit(thread, unit))
                /* one that ends meanwhile is no error */
                return kill(thread, 0) < 0 && errno == ESRCH
                               ? 0
                               : error_set(e, -EPERM, ERROR_INTERNAL, ORIGIN_QEMU, "thread %i is none of %s", thread,
                                           unit);
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
