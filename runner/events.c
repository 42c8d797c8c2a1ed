/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "events.h"

#include <dirent.h>
#include <linux/perf_event.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/fds.h"
#include "base/keyfile.h"
#include "notify.h"

#define ROUNDS_MAX 100U /* of looking for threads that were started meanwhile */

/* --- what is kept --- */

static void counter_close_fds(Counter *c) {
        while (c->n_fds > 0)
                close(c->fds[--c->n_fds]);
}

static void counter_close(Counter *c) {
        counter_close_fds(c);
        free(c->fds);
        free(c->unit);
        *c = (Counter) {};
}

void counters_done(Counters *c) {
        for (size_t i = 0; i < c->n; i++)
                counter_close(&c->list[i]);
        free(c->list);
        c->list = NULL;
        c->n = 0;
}

static Counter *find(const Counters *c, const char *unit, unsigned event) {
        for (size_t i = 0; i < c->n; i++)
                if (c->list[i].event == event && streq(c->list[i].unit, unit))
                        return &c->list[i];
        return NULL;
}

static int counter_add_fd(Counter *c, int fd) {
        int *fds = reallocarray(c->fds, c->n_fds + 1, sizeof(*fds));

        if (!fds)
                return -ENOMEM;
        c->fds = fds;
        fds[c->n_fds++] = fd;
        return 0;
}

/* The counter is the list's then. */
static int add(Counters *c, Counter *one) {
        Counter *list = reallocarray(c->list, c->n + 1, sizeof(*list));

        if (!list)
                return -ENOMEM;
        c->list = list;
        list[c->n++] = *one;
        *one = (Counter) {};
        return 0;
}

static void drop(Counters *c, size_t i) {
        counter_close(&c->list[i]);
        c->list[i] = c->list[--c->n];
}

/* --- with systemd: "task_clock/vm@web.service" --- */

/* What a unit's name may have and that of a descriptor may not is ":". */
static char *name_of(const Counter *c) {
        _cleanup_strbuf_ StrBuf b = {};

        strbuf_addf(&b, "%s/", guest_events[c->event].name);
        for (const char *p = c->unit; *p; p++)
                strbuf_addc(&b, *p == ':' ? '%' : *p);
        return strbuf_take(&b);
}

/* Without polling: the kernel says of an event without a buffer that it has hung up. */
static void keep(const Counters *c, const Counter *one) {
        _cleanup_free_ char *name = name_of(one), *text = NULL;

        text = name ? text_format("FDSTORE=1\nFDPOLL=0\nFDNAME=%s", name) : NULL;

        for (size_t i = 0; text && c->notify_fd >= 0 && i < one->n_fds; i += MESSAGE_FDS_MAX)
                (void) send_fds(c->notify_fd, text, strlen(text), one->fds + i,
                                MIN(one->n_fds - i, (size_t) MESSAGE_FDS_MAX), 0);
}

static void keep_no_more(const Counters *c, const Counter *one) {
        _cleanup_free_ char *name = name_of(one);

        if (name)
                (void) notify_send(c->notify_fd, "FDSTOREREMOVE=1\nFDNAME=%s", name);
}

int counters_take(Counters *c, const char *name, int fd) {
        _cleanup_free_ char *copy = strdup(name);
        char *unit = copy ? strchr(copy, '/') : NULL;
        Counter *known;
        int event, r;

        if (!unit)
                return copy ? -EINVAL : -ENOMEM;
        *unit++ = 0;
        event = guest_event_find(copy);
        if (event < 0 || !*unit)
                return -EINVAL;
        for (char *p = unit; *p; p++)
                if (*p == '%')
                        *p = ':';
        known = find(c, unit, (unsigned) event);
        if (!known) {
                Counter one = { .unit = strdup(unit), .event = (unsigned) event };

                r = one.unit ? add(c, &one) : -ENOMEM;
                if (r < 0) {
                        free(one.unit);
                        return r;
                }
                known = &c->list[c->n - 1];
        }
        return counter_add_fd(known, fd);
}

/* --- the kernel's events --- */

typedef struct Threads {
        pid_t *list;
        size_t n;
} Threads;

static void threads_done(Threads *t) {
        free(t->list);
}

static int threads_add(Threads *t, pid_t thread) {
        pid_t *list = reallocarray(t->list, t->n + 1, sizeof(*list));

        if (!list)
                return -ENOMEM;
        t->list = list;
        list[t->n++] = thread;
        return 0;
}

static bool threads_has(const Threads *t, pid_t thread) {
        for (size_t i = 0; i < t->n; i++)
                if (t->list[i] == thread)
                        return true;
        return false;
}

static int list_threads(pid_t process, Threads *ret) {
        _cleanup_free_ char *path = text_format("/proc/%i/task", process);
        DIR *dir = path ? opendir(path) : NULL;
        struct dirent *d;
        int r = 0, thread;

        if (!dir)
                return path ? errno == ENOENT ? -ESRCH : -errno : -ENOMEM;
        while (r >= 0 && (d = readdir(dir)))
                if (parse_int(d->d_name, &thread) >= 0)
                        r = threads_add(ret, thread);
        closedir(dir);
        return r;
}

static int open_thread(Counter *c, pid_t thread) {
        struct perf_event_attr attr = {
                .size = sizeof(attr),
                .type = (uint32_t) guest_events[c->event].type,
                .config = guest_events[c->event].config,
                .read_format = PERF_FORMAT_TOTAL_TIME_ENABLED | PERF_FORMAT_TOTAL_TIME_RUNNING,
                .inherit = 1,
        };
        int fd = (int) syscall(SYS_perf_event_open, &attr, thread, -1, -1, PERF_FLAG_FD_CLOEXEC), r;

        if (fd < 0)
                return errno == ESRCH ? 0 : -errno; /* has ended meanwhile */
        r = counter_add_fd(c, fd);
        if (r < 0)
                close(fd);
        return r;
}

/* 1: of all threads. 0: others were started meanwhile, of which nobody knows whether they come of one that was counted
 * by then. */
static int try_to_open(Counter *c, pid_t process) {
        _cleanup_(threads_done) Threads before = {}, after = {};
        int r = list_threads(process, &before);

        for (size_t i = 0; r >= 0 && i < before.n; i++)
                r = open_thread(c, before.list[i]);
        if (r >= 0)
                r = list_threads(process, &after);
        if (r < 0)
                return r;
        for (size_t i = 0; i < after.n; i++)
                if (!threads_has(&before, after.list[i]))
                        return 0;
        return c->n_fds > 0 ? 1 : -ESRCH;
}

static int open_threads(Counter *c, pid_t process) {
        int r = 0;

        for (unsigned i = 0; r == 0 && i < ROUNDS_MAX; i++) {
                counter_close_fds(c);
                r = try_to_open(c, process);
        }
        return r == 0 ? -EAGAIN : r;
}

static int open_one(Counters *c, const char *unit, pid_t process, unsigned event, Error *e) {
        Counter one = { .unit = strdup(unit), .event = event };
        int r;

        if (!one.unit)
                return -ENOMEM;
        if (guest_events[event].type < 0)
                r = error_set(e, -EOPNOTSUPP, ERROR_ARGUMENT_UNSUPPORTED, ORIGIN_NONE,
                              "unable to enable host cpu perf event for %s", guest_events[event].name);
        else {
                r = open_threads(&one, process);
                if (r < 0)
                        error_set_errno(e, r, ORIGIN_NONE, "unable to open host cpu perf event for %s",
                                        guest_events[event].name);
        }
        if (r >= 0)
                r = add(c, &one);
        counter_close(&one);
        return r;
}

int counters_enable(Counters *c, const char *unit, pid_t process, const bool wanted[static GUEST_EVENTS], Error *e) {
        size_t before = c->n;
        int r = 0;

        for (unsigned i = 0; r >= 0 && i < GUEST_EVENTS; i++)
                if (wanted[i] && !find(c, unit, i))
                        r = open_one(c, unit, process, i, e);
        while (r < 0 && c->n > before)
                drop(c, c->n - 1);
        for (size_t i = before; i < c->n; i++)
                keep(c, &c->list[i]);
        return r;
}

void counters_disable(Counters *c, const char *unit, const bool unwanted[static GUEST_EVENTS]) {
        for (size_t i = c->n; i-- > 0;)
                if (unwanted[c->list[i].event] && streq(c->list[i].unit, unit)) {
                        keep_no_more(c, &c->list[i]);
                        drop(c, i);
                }
}

void counters_forget(Counters *c, const char *unit) {
        bool all[GUEST_EVENTS];

        memset(all, true, sizeof(all));
        counters_disable(c, unit, all);
}

/* A processor has fewer counters than may be wanted: events take turns then, and what they would have counted is
 * reckoned. */
static uint64_t value_on(int fd) {
        struct {
                uint64_t value, enabled, running;
        } v = {};

        if (read(fd, &v, sizeof(v)) != sizeof(v) || v.running == 0)
                return 0;
        if (v.running >= v.enabled)
                return v.value;
        return (uint64_t) ((double) v.value * (double) v.enabled / (double) v.running);
}

void counters_read(const Counters *c, const char *unit, StrBuf *b) {
        for (unsigned event = 0; event < GUEST_EVENTS; event++) {
                const Counter *one = find(c, unit, event);
                uint64_t sum = 0;
                char text[24];

                for (size_t i = 0; one && i < one->n_fds; i++)
                        sum += value_on(one->fds[i]);
                (void) snprintf(text, sizeof(text), "%llu", (unsigned long long) sum);
                if (one)
                        keyfile_add(b, guest_events[event].name, text);
        }
}
