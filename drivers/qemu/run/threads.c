/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <dirent.h>
#include <sched.h>

#include "run/threads.h"
#include "base/strings.h"
#include "run/monitor.h"

#define CPUS_MAX 4096U
#define THREADS_MAX 4096U

/* A QEMU that was taken over may name any thread of the host. */
static bool is_own(const Guest *g, pid_t thread) {
        _cleanup_free_ char *path = text_format("/proc/%i/task/%i", g->run ? g->run->pid : 0, thread);

        return thread > 0 && path && access(path, F_OK) == 0;
}

typedef struct Threads {
        pid_t vcpus[THREADS_MAX];
        struct {
                unsigned id;
                pid_t thread;
        } io[THREADS_MAX];
        size_t n_io;
} Threads;

static pid_t thread_of(const Guest *g, json_t *entry) {
        json_int_t t = json_integer_value(json_object_get(entry, "thread-id"));

        return t > 0 && t <= INT32_MAX && is_own(g, (pid_t) t) ? (pid_t) t : 0;
}

static int ask(Guest *g, Threads *t, Error *e) {
        _cleanup_(json_decrefp) json_t *vcpus = NULL, *io = NULL;
        json_t *entry;
        size_t i;
        int r;

        r = guest_command(g, "query-cpus-fast", NULL, &vcpus, e);
        if (r >= 0)
                r = guest_command(g, "query-iothreads", NULL, &io, e);
        if (r < 0)
                return r;
        json_array_foreach(vcpus, i, entry) {
                json_int_t index = json_integer_value(json_object_get(entry, "cpu-index"));

                if (index >= 0 && index < THREADS_MAX)
                        t->vcpus[index] = thread_of(g, entry);
        }
        json_array_foreach(io, i, entry) {
                const char *name = json_string_value(json_object_get(entry, "id"));
                const char *number = name ? startswith(name, "iothread") : NULL;

                if (number && t->n_io < THREADS_MAX && parse_uint(number, &t->io[t->n_io].id) >= 0)
                        t->io[t->n_io++].thread = thread_of(g, entry);
        }
        return 0;
}

static pid_t find(const Threads *t, ThreadKind kind, unsigned id) {
        if (kind == THREAD_VCPU)
                return id < THREADS_MAX ? t->vcpus[id] : 0;
        for (size_t i = 0; i < t->n_io; i++)
                if (t->io[i].id == id)
                        return t->io[i].thread;
        return 0;
}

static bool is_emulator(const Threads *t, pid_t thread) {
        for (size_t i = 0; i < THREADS_MAX; i++)
                if (t->vcpus[i] == thread)
                        return false;
        for (size_t i = 0; i < t->n_io; i++)
                if (t->io[i].thread == thread)
                        return false;
        return true;
}

int guest_thread(Guest *g, ThreadKind kind, unsigned id, pid_t *ret, Error *e) {
        _cleanup_free_ Threads *t = calloc(1, sizeof(*t));
        int r = t ? ask(g, t, e) : -ENOMEM;

        if (r < 0)
                return r;
        *ret = find(t, kind, id);
        if (*ret == 0)
                return error_set(e, -ENOENT, ERROR_INVALID_ARG, ORIGIN_QEMU, kind == THREAD_VCPU
                                         ? "vcpu %u is out of range of live cpu count" : "iothread %u not found", id);
        return 0;
}

static int bind_thread(pid_t thread, const char *cpus) {
        uint64_t bits[CPUS_MAX / 64];
        size_t size = CPU_ALLOC_SIZE(CPUS_MAX);
        cpu_set_t *set = calloc(1, size);
        int r = set ? cpuset_parse(cpus, bits, CPUS_MAX) : -ENOMEM;

        for (unsigned i = 0; r >= 0 && i < CPUS_MAX; i++)
                if (bits[i / 64] >> i % 64 & 1)
                        CPU_SET_S(i, size, set);
        if (r >= 0 && sched_setaffinity(thread, size, set) < 0)
                r = -errno;
        free(set);
        return r;
}

/* A thread that ends meanwhile is no error. */
static int bind_emulator(const Guest *g, const Threads *t, const char *cpus) {
        _cleanup_free_ char *path = text_format("/proc/%i/task", g->run->pid);
        DIR *dir = path ? opendir(path) : NULL;
        struct dirent *entry;
        int r = dir ? 0 : -ESRCH;

        while (r >= 0 && (entry = readdir(dir))) {
                int thread;

                if (parse_int(entry->d_name, &thread) < 0 || !is_emulator(t, thread))
                        continue;
                r = bind_thread(thread, cpus);
                r = r == -ESRCH ? 0 : r;
        }
        if (dir)
                closedir(dir);
        return r;
}

int guest_pin(Guest *g, ThreadKind kind, unsigned id, const char *cpus, Error *e) {
        _cleanup_free_ Threads *t = kind == THREAD_EMULATOR ? calloc(1, sizeof(*t)) : NULL;
        pid_t thread = 0;
        int r;

        if (kind == THREAD_EMULATOR)
                r = t ? ask(g, t, e) : -ENOMEM;
        else
                r = guest_thread(g, kind, id, &thread, e);
        if (r < 0)
                return r;
        r = kind == THREAD_EMULATOR ? bind_emulator(g, t, cpus) : bind_thread(thread, cpus);
        return r < 0 ? error_set_errno(e, r, ORIGIN_QEMU, "cannot bind a thread of domain '%s' to CPUs '%s'",
                                       g->object.name, cpus)
                     : 0;
}
