/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The loop: one event, then all ready fibers, then the deferred functions, until neither has anything left; then the
 * next event. sd-event is one of the descriptors that are waited for. */

#include "loop-internal.h"

#include <time.h>

/* Microseconds. */
#define UNSEEN_MAX (100U * 1000U)
#define STALE_MAX (10U * 1000U)

static int open_epoll(Loop *l) {
        struct epoll_event e = { .events = EPOLLIN };

        l->epoll = epoll_create1(EPOLL_CLOEXEC);
        if (l->epoll < 0)
                return -errno;
        return epoll_ctl(l->epoll, EPOLL_CTL_ADD, sd_event_get_fd(l->event), &e) < 0 ? -errno : 0;
}

int loop_new(Loop **ret) {
        _cleanup_(loop_freep) Loop *l = calloc(1, sizeof(*l));
        int r;

        if (!l)
                return -ENOMEM;
        fiber_list_init(&l->ready);
        fiber_list_init(&l->yielded);
        l->deferred_last = &l->deferred;
        l->epoll = -EBADF;
        r = sd_event_new(&l->event);
        if (r >= 0)
                r = open_epoll(l);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(l);
        return 0;
}

Loop *loop_free(Loop *l) {
        if (!l)
                return NULL;
        fiber_pool_free(l);
        closep(&l->epoll);
        sd_event_unref(l->event);
        free(l);
        return NULL;
}

sd_event *loop_event(Loop *l) {
        l->touched = true;
        return l->event;
}

void loop_touch(Loop *l) {
        l->touched = true;
}

size_t loop_n_fibers(const Loop *l) {
        return l->n_fibers;
}

void loop_exit(Loop *l, int code) {
        l->exiting = true;
        l->exit_code = code;
}

void loop_defer(Loop *l, Deferred *d) {
        if (d->prev)
                return;
        d->next = NULL;
        d->prev = l->deferred_last;
        *l->deferred_last = d;
        l->deferred_last = &d->next;
}

void loop_undefer(Loop *l, Deferred *d) {
        if (!d->prev)
                return;
        *d->prev = d->next;
        if (d->next)
                d->next->prev = d->prev;
        else
                l->deferred_last = d->prev;
        d->prev = NULL;
}

static void run_deferred(Loop *l) {
        while (l->deferred) {
                Deferred *d = l->deferred;

                loop_undefer(l, d);
                d->func(d);
        }
}

/* A deferred function may make fibers ready, and they may defer. */
static bool loop_settle(Loop *l) {
        bool worked = false;

        while (l->ready.first || l->deferred) {
                fibers_run_ready(l);
                run_deferred(l);
                worked = true;
        }
        return worked;
}

/* Watches */

static int watch_control(Loop *l, IoWatch *w, int operation, uint32_t events) {
        struct epoll_event e = { .events = events, .data.ptr = w };

        if (epoll_ctl(l->epoll, operation, w->fd, &e) < 0)
                return -errno;
        w->events = events;
        w->on = true;
        return 0;
}

int loop_watch(Loop *l, IoWatch *w, uint32_t events) {
        return watch_control(l, w, EPOLL_CTL_ADD, events);
}

int loop_watch_change(Loop *l, IoWatch *w, uint32_t events) {
        return w->events == events ? 0 : watch_control(l, w, EPOLL_CTL_MOD, events);
}

void loop_unwatch(Loop *l, IoWatch *w) {
        if (!w->on)
                return;
        w->on = false;
        (void) epoll_ctl(l->epoll, EPOLL_CTL_DEL, w->fd, NULL);
        for (size_t i = 0; i < l->n_batch; i++)
                if (l->batch[i].data.ptr == w)
                        l->batch[i].events = 0;
}

/* Waiting */

static uint64_t now_usec(void) {
        struct timespec ts;

        clock_gettime(CLOCK_MONOTONIC, &ts);
        return (uint64_t) ts.tv_sec * 1000000U + (uint64_t) ts.tv_nsec / 1000U;
}

/* Handles one event of sd-event that is there by now, or prepares it for waiting: 1 or 0. What it has read of inotify
 * and not handed on does not show by its descriptor, so it is asked until it has nothing. */
static int visit_event(Loop *l) {
        int r = 0;

        if (!l->armed)
                r = sd_event_prepare(l->event);
        l->armed = false;
        l->touched = false;
        if (r == 0) {
                r = sd_event_wait(l->event, 0);
                l->seen = now_usec();
        }
        if (r == 0)
                r = sd_event_prepare(l->event);
        if (r > 0) {
                r = sd_event_dispatch(l->event);
                l->touched = true;
                return r < 0 ? r : 1;
        }
        l->armed = r == 0;
        l->unseen = false;
        return r;
}

/* In milliseconds, rounded up. */
static int epoll_timeout(uint64_t usec) {
        return usec == UINT64_MAX ? -1 : (int) MIN((usec + 999U) / 1000U, (uint64_t) INT32_MAX);
}

/* sd-event counts relative times from when it last looked at the clock. What was woken by a watch would begin its time
 * limits at the beginning of the sleep, and find them over: a quiet daemon's first call would time out. */
static int look_at_clock(Loop *l) {
        int r = now_usec() - l->seen > STALE_MAX ? visit_event(l) : 0;

        if (r > 0)
                loop_settle(l);
        return MIN(r, 0);
}

/* Waits for events and handles them all, each with what becomes ready by it. */
static int wait_and_handle(Loop *l, uint64_t timeout_usec) {
        struct epoll_event batch[BATCH_MAX];
        bool event_due = false;
        int n, r = 0;

        n = epoll_wait(l->epoll, batch, BATCH_MAX,
                       epoll_timeout(l->unseen ? MIN(timeout_usec, UNSEEN_MAX) : timeout_usec));
        if (n < 0)
                return errno == EINTR ? 0 : -errno;
        if (n == 0)
                l->touched = true;
        l->batch = batch;
        l->n_batch = (size_t) n;
        if (n > 0)
                r = look_at_clock(l);
        for (int i = 0; i < n && r >= 0; i++) {
                IoWatch *w = batch[i].data.ptr;

                if (!w)
                        event_due = true;
                else if (batch[i].events) {
                        l->unseen = true;
                        w->func(w, batch[i].events);
                        loop_settle(l);
                }
        }
        l->n_batch = 0;
        return r >= 0 && event_due ? visit_event(l) : r;
}

int loop_run_once(Loop *l, uint64_t timeout_usec) {
        bool worked;
        int r;

        /* Something was done already where it was asked for outside of an event. */
        worked = loop_settle(l);
        if (l->exiting)
                return 0;
        r = l->armed && !l->touched ? 0 : visit_event(l);
        /* Watches are looked at in each turn: sd-event may always have something, as long as one peer floods it. */
        if (r >= 0)
                r = wait_and_handle(l, r > 0 || worked || l->yielded.first ? 0 : timeout_usec);
        if (r < 0)
                return r;
        fibers_unyield(l);
        loop_settle(l);
        return 0;
}

int loop_run(Loop *l) {
        int r;

        while (!l->exiting) {
                r = loop_run_once(l, UINT64_MAX);
                if (r < 0)
                        return r;
        }
        /* What is left to be done at the end may run it further. */
        l->exiting = false;
        return l->exit_code;
}

int loop_stop_fibers(Loop *l, uint64_t timeout_usec) {
        uint64_t end = now_usec() + timeout_usec, now;
        int r;

        fibers_cancel_all(l);
        loop_settle(l);
        l->exiting = false;
        while (l->n_fibers > 0) {
                now = now_usec();
                if (now >= end)
                        return -ETIMEDOUT;
                r = loop_run_once(l, end - now);
                if (r < 0)
                        return r;
        }
        return 0;
}
