/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Fibers: made ready by fiber_spawn() and fiber_resume(), run by the loop between two events, one
 * after the other; each runs until it waits (fiber_suspend()) or ends.
 *
 * An ended fiber keeps its stack and goes to the loop's pool, so that a call that never waits costs no
 * system call: taking it from the pool, two switches, putting it back. */

#include "loop-internal.h"

#include <sys/mman.h>

#include "context.h"

#if defined(__SANITIZE_ADDRESS__)
#define HAVE_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define HAVE_ASAN 1
#endif
#endif
#ifndef HAVE_ASAN
#define HAVE_ASAN 0
#endif
#if HAVE_ASAN
#include <sanitizer/common_interface_defs.h>
#endif

#define POOL_MAX 4U       /* stacks that are kept; each holds on to the pages it ever touched */
#define GUARD_SIZE 4096U
/* The sanitizer's red zones need more. */
#define STACK_SIZE (FIBER_STACK_SIZE * (HAVE_ASAN ? 4U : 1U))
#define TIMER_ACCURACY 1000U /* microseconds */

typedef enum FiberState {
        FIBER_READY,
        FIBER_RUNNING,
        FIBER_WAITING,
        FIBER_ENDED,
} FiberState;

struct Fiber {
        Loop *loop;
        Context context;
        Context caller;
        void *stack;            /* the mapping, with the guard at its low end */
        FiberFunc func;
        void *userdata;
        FiberState state;
        bool cancelled;
        int value;              /* what fiber_suspend() will return */
        Fiber *next;            /* in a list of ready ones, or the pool */
        Fiber *all_next;
        Fiber **all_prev;
#if HAVE_ASAN
        void *fake_stack;
        const void *caller_bottom;
        size_t caller_size;
#endif
};

/* The running fiber. The code that waits deep inside a library's callback cannot be handed it. */
static Fiber *current;

void fiber_list_init(FiberList *l) {
        l->first = NULL;
        l->last = &l->first;
}

static void list_append(FiberList *l, Fiber *f) {
        f->next = NULL;
        *l->last = f;
        l->last = &f->next;
}

static Fiber *list_pop(FiberList *l) {
        Fiber *f = l->first;

        l->first = f->next;
        if (!l->first)
                l->last = &l->first;
        return f;
}

static void fiber_destroy(Fiber *f) {
        munmap(f->stack, STACK_SIZE + GUARD_SIZE);
        free(f);
}

void fiber_pool_free(Loop *l) {
        while (l->pool) {
                Fiber *f = l->pool;

                l->pool = f->next;
                fiber_destroy(f);
        }
        l->n_pool = 0;
}

static int fiber_alloc(Loop *l, Fiber **ret) {
        _cleanup_free_ Fiber *f = NULL;

        if (l->pool) {
                *ret = l->pool;
                l->pool = (*ret)->next;
                l->n_pool--;
                return 0;
        }

        f = calloc(1, sizeof(*f));
        if (!f)
                return -ENOMEM;
        f->stack = mmap(NULL, STACK_SIZE + GUARD_SIZE, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK, -1, 0);
        if (f->stack == MAP_FAILED)
                return -errno;
        if (mprotect(f->stack, GUARD_SIZE, PROT_NONE) < 0) {
                PROTECT_ERRNO;
                munmap(f->stack, STACK_SIZE + GUARD_SIZE);
                return -errno;
        }
        f->loop = l;
        *ret = TAKE_PTR(f);
        return 0;
}

static void fiber_link(Fiber *f) {
        Loop *l = f->loop;

        f->all_next = l->all;
        f->all_prev = &l->all;
        if (l->all)
                l->all->all_prev = &f->all_next;
        l->all = f;
        l->n_fibers++;
}

static void fiber_unlink(Fiber *f) {
        *f->all_prev = f->all_next;
        if (f->all_next)
                f->all_next->all_prev = f->all_prev;
        f->loop->n_fibers--;
}

static void switch_out(Fiber *f) {
#if HAVE_ASAN
        __sanitizer_start_switch_fiber(f->state == FIBER_ENDED ? NULL : &f->fake_stack, f->caller_bottom,
                                       f->caller_size);
#endif
        context_switch(&f->context, &f->caller);
#if HAVE_ASAN
        __sanitizer_finish_switch_fiber(f->fake_stack, &f->caller_bottom, &f->caller_size);
#endif
}

/* Where a fiber begins, on its own stack. It never comes back from the last switch. */
static void fiber_main(void) {
        Fiber *f = current;

#if HAVE_ASAN
        __sanitizer_finish_switch_fiber(NULL, &f->caller_bottom, &f->caller_size);
#endif
        f->func(f->userdata);
        f->state = FIBER_ENDED;
        switch_out(f);
        abort();
}

static void fiber_run(Fiber *f) {
        Loop *l = f->loop;
#if HAVE_ASAN
        void *fake_stack = NULL;
#endif

        f->state = FIBER_RUNNING;
        current = f;
#if HAVE_ASAN
        __sanitizer_start_switch_fiber(&fake_stack, (char *) f->stack + GUARD_SIZE, STACK_SIZE);
#endif
        context_switch(&f->caller, &f->context);
#if HAVE_ASAN
        __sanitizer_finish_switch_fiber(fake_stack, NULL, NULL);
#endif
        current = NULL;

        if (f->state != FIBER_ENDED)
                return;
        fiber_unlink(f);
        if (l->n_pool < POOL_MAX) {
                f->next = l->pool;
                l->pool = f;
                l->n_pool++;
        } else
                fiber_destroy(f);
}

void fibers_run_ready(Loop *l) {
        while (l->ready.first)
                fiber_run(list_pop(&l->ready));
}

void fibers_unyield(Loop *l) {
        while (l->yielded.first)
                list_append(&l->ready, list_pop(&l->yielded));
}

void fibers_cancel_all(Loop *l) {
        for (Fiber *f = l->all; f; f = f->all_next)
                fiber_cancel(f);
}

int fiber_spawn(Loop *l, FiberFunc func, void *userdata, Fiber **ret) {
        Fiber *f = NULL;
        int r;

        if (l->n_fibers >= FIBERS_MAX)
                return -EAGAIN;
        r = fiber_alloc(l, &f);
        if (r < 0)
                return r;

        f->func = func;
        f->userdata = userdata;
        f->cancelled = false;
        f->state = FIBER_READY;
        context_init(&f->context, (char *) f->stack + GUARD_SIZE, STACK_SIZE, fiber_main);
        fiber_link(f);
        list_append(&l->ready, f);
        if (ret)
                *ret = f;
        return 0;
}

Fiber *fiber_self(void) {
        return current;
}

Loop *fiber_loop(const Fiber *f) {
        return f->loop;
}

bool fiber_is_cancelled(const Fiber *f) {
        return f->cancelled;
}

bool fiber_resume(Fiber *f, int value) {
        if (f->state != FIBER_WAITING)
                return false;
        f->state = FIBER_READY;
        f->value = value;
        list_append(&f->loop->ready, f);
        return true;
}

void fiber_cancel(Fiber *f) {
        f->cancelled = true;
        fiber_resume(f, -ECANCELED);
}

static int on_timeout(sd_event_source *s, uint64_t usec, void *userdata) {
        fiber_resume(userdata, -ETIMEDOUT);
        return 0;
}

int fiber_suspend(uint64_t timeout) {
        sd_event_source *timer = NULL;
        Fiber *f = current;
        int r;

        if (!f)
                return -EDEADLK;
        if (f->cancelled)
                return -ECANCELED;
        if (timeout != FIBER_FOREVER) {
                r = sd_event_add_time_relative(f->loop->event, &timer, CLOCK_MONOTONIC, timeout, TIMER_ACCURACY,
                                               on_timeout, f);
                if (r < 0)
                        return r;
        }

        loop_touch(f->loop);
        f->state = FIBER_WAITING;
        switch_out(f);
        sd_event_source_disable_unref(timer);
        return f->value;
}

int fiber_yield(void) {
        Fiber *f = current;

        if (!f)
                return -EDEADLK;
        if (f->cancelled)
                return -ECANCELED;
        f->state = FIBER_READY;
        list_append(&f->loop->yielded, f);
        switch_out(f);
        return f->cancelled ? -ECANCELED : 0;
}
