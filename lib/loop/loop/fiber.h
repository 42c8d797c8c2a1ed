/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Fibers: straight-line code that waits without blocking the loop.
 *
 * A fiber is a function with a stack of its own (FIBER_STACK_SIZE, guard page
 * below). It runs until it waits or returns; nothing preempts it, so between
 * two waits it owns all state and needs no lock. Everything below that waits
 * must be called within a fiber (-EDEADLK otherwise) and returns -ECANCELED
 * once the fiber was cancelled, -ETIMEDOUT when the time is over.
 *
 * Times are relative and in microseconds; FIBER_FOREVER never ends. */

#include <signal.h>
#include <systemd/sd-bus.h>

#include "base/macros.h"
#include "loop/loop.h"

typedef struct Fiber Fiber;
typedef void (*FiberFunc)(void *userdata);

#define FIBER_STACK_SIZE (256U * 1024U) /* of address space; only touched pages cost memory */
#define FIBER_FOREVER UINT64_MAX
#define FIBERS_MAX 16384U /* at once; two mappings each: a quarter of what the kernel allows a process by default */

/* Makes a fiber that starts after the current event, in the order of the spawns. It frees itself at its end.
 * ret may be NULL. -ENOMEM, or -EAGAIN where too many fibers exist. */
int fiber_spawn(Loop *l, FiberFunc func, void *userdata, Fiber **ret);

/* The running fiber; NULL outside of any. */
Fiber *fiber_self(void);
Loop *fiber_loop(const Fiber *f);

/* Waits until fiber_resume() and returns the value given there. The building brick of all other waits: a callback
 * gets fiber_self() as userdata and resumes it. Whoever waits cancels its callback (slot, source) before it goes on,
 * so that no late resume meets the next wait. */
int fiber_suspend(uint64_t timeout);
/* Makes a waiting fiber ready, from a callback or another fiber; it runs after the current event. Of two
 * resumes the first one counts; true for that. */
bool fiber_resume(Fiber *f, int value);
/* The current wait and all further ones of the fiber return -ECANCELED. */
void fiber_cancel(Fiber *f);
bool fiber_is_cancelled(const Fiber *f);

/* 0 after the time. */
int fiber_sleep(uint64_t usec);
/* Lets the other ready fibers and events have their turn: in long computations. */
int fiber_yield(void);
/* Waits for EPOLLIN, EPOLLOUT ... on fd; returns the events that came (positive). */
int fiber_wait_fd(int fd, uint32_t events, uint64_t timeout);
/* Like read(2) and write(2) on a non-blocking fd, but wait instead of -EAGAIN. write: all of it. */
ssize_t fiber_read(int fd, void *buf, size_t size, uint64_t timeout);
int fiber_write_all(int fd, const void *data, size_t len, uint64_t timeout);

/* sd_bus_call() for fibers; the bus must be attached to the loop's event (sd_bus_attach_event()).
 * The reply may be NULL. Where the peer answers with an error: its errno, and ret_error (may be NULL) filled. */
int fiber_bus_call(sd_bus *bus, sd_bus_message *m, uint64_t timeout, sd_bus_error *ret_error,
                   sd_bus_message **ret_reply);
/* The same with the usual arguments of sd_bus_call_method(). */
int fiber_bus_call_method(sd_bus *bus, const char *destination, const char *path, const char *interface,
                          const char *member, sd_bus_error *ret_error, sd_bus_message **ret_reply,
                          const char *types, ...);

/* Fibers that wait for the same thing, woken in the order in which they came. Zero is an empty queue.
 * The queue must outlive its waiters: wake them with an error before freeing it. */
typedef struct FiberWaiter FiberWaiter;
typedef struct FiberQueue {
        FiberWaiter *last;
} FiberQueue;

/* The value given by the waker. */
int fiber_queue_wait(FiberQueue *q, uint64_t timeout);
/* True where somebody was waiting. */
bool fiber_queue_wake_one(FiberQueue *q, int value);
void fiber_queue_wake_all(FiberQueue *q, int value);
static inline bool fiber_queue_is_empty(const FiberQueue *q) {
        return !q->last;
}

/* A lock that may be held across waits, first come first served. Zero is unlocked. */
typedef struct FiberLock {
        Fiber *owner;
        FiberQueue waiters;
} FiberLock;

int fiber_lock(FiberLock *l, uint64_t timeout);
void fiber_unlock(FiberLock *l);
static inline bool fiber_lock_is_held(const FiberLock *l) {
        return l->owner;
}
