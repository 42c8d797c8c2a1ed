/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The loop: one event of sd-event, then all ready fibers, then the deferred functions, until neither
 * has anything left; then the next event. */

#include "loop-internal.h"

#include <time.h>

int loop_new(Loop **ret) {
        _cleanup_free_ Loop *l = calloc(1, sizeof(*l));
        int r;

        if (!l)
                return -ENOMEM;
        fiber_list_init(&l->ready);
        fiber_list_init(&l->yielded);
        l->deferred_last = &l->deferred;
        r = sd_event_new(&l->event);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(l);
        return 0;
}

Loop *loop_free(Loop *l) {
        if (!l)
                return NULL;
        fiber_pool_free(l);
        sd_event_unref(l->event);
        free(l);
        return NULL;
}

sd_event *loop_event(Loop *l) {
        return l->event;
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

int loop_run_once(Loop *l, uint64_t timeout_usec) {
        bool worked;
        int r;

        /* Something was done already where it was asked for outside of an event. */
        worked = loop_settle(l);
        if (l->exiting)
                return 0;
        r = sd_event_run(l->event, worked || l->yielded.first ? 0 : timeout_usec);
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
        return l->exit_code;
}

static uint64_t now_usec(void) {
        struct timespec ts;

        clock_gettime(CLOCK_MONOTONIC, &ts);
        return (uint64_t) ts.tv_sec * 1000000U + (uint64_t) ts.tv_nsec / 1000U;
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
