/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <dirent.h>

#include "run/threads.h"
#include "base/strings.h"
#include "run/monitor.h"

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

static int list_emulator(const Guest *g, const Threads *t, StrBuf *b) {
        _cleanup_free_ char *path = text_format("/proc/%i/task", g->run->pid);
        DIR *dir = path ? opendir(path) : NULL;
        struct dirent *entry;
        int thread;

        if (!dir)
                return -ESRCH;
        while ((entry = readdir(dir)))
                if (parse_int(entry->d_name, &thread) >= 0 && is_emulator(t, thread))
                        strbuf_addf(b, "%s%i", b->len > 0 ? " " : "", thread);
        closedir(dir);
        return 0;
}

int guest_list_threads(Guest *g, ThreadKind kind, unsigned id, char **ret, Error *e) {
        _cleanup_free_ Threads *t = calloc(1, sizeof(*t));
        _cleanup_strbuf_ StrBuf b = {};
        int r = t ? ask(g, t, e) : -ENOMEM;
        pid_t thread;

        if (r < 0)
                return r;
        if (kind == THREAD_EMULATOR) {
                r = list_emulator(g, t, &b);
                if (r < 0)
                        return error_set_errno(e, r, ORIGIN_QEMU, "cannot list the threads of domain '%s'",
                                               g->object.name);
        } else {
                thread = find(t, kind, id);
                if (thread == 0)
                        return error_set(e, -ENOENT, ERROR_INVALID_ARG, ORIGIN_QEMU, kind == THREAD_VCPU
                                                 ? "vcpu %u is out of range of live cpu count"
                                                 : "iothread %u not found", id);
                strbuf_addf(&b, "%i", thread);
        }
        *ret = strbuf_take(&b);
        return *ret ? 0 : -ENOMEM;
}
