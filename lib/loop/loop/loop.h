/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The event loop of a program: watches of its own and sd-event, and after each
 * event the fibers that have become ready and then the deferred functions. Both cost no
 * system call, which is what makes a fiber for each client's call affordable.
 *
 * One loop a program, one thread. Whoever needs timers, descriptors, signals or
 * children in callback style uses loop_event() with sd-event's own functions. */

#include <systemd/sd-event.h>

#include "base/macros.h"

typedef struct Loop Loop;

/* -ENOMEM or errno of epoll. */
int loop_new(Loop **ret);
/* Frees the loop; fibers must have ended (loop_stop_fibers()). Returns NULL. */
Loop *loop_free(Loop *l);
DEFINE_CLEANUP(Loop *, loop_free);

/* For the moment. Between two calls that are answered at once sd-event is not looked at, only when it was asked for
 * since, when one of its sources was dispatched, or when a fiber waits. Who arms a timer or a deferred source from
 * anywhere else, by the source that was made before, calls loop_touch(); a forgotten one shows a tenth of a second
 * later. */
sd_event *loop_event(Loop *l);
void loop_touch(Loop *l);

/* Dispatches until loop_exit(); returns its code, or negative errno where the loop itself failed. */
int loop_run(Loop *l);
/* Waits at most timeout_usec (UINT64_MAX: for ever) for one event and handles it, with all that becomes ready
 * by it. 0, or negative errno. */
int loop_run_once(Loop *l, uint64_t timeout_usec);
void loop_exit(Loop *l, int code);

/* How many fibers exist (ready, running or waiting). */
size_t loop_n_fibers(const Loop *l);
/* Cancels all fibers: what they wait for returns -ECANCELED. Runs the loop until all have ended, at most timeout_usec;
 * -ETIMEDOUT where some did not. Not from within a fiber. */
int loop_stop_fibers(Loop *l, uint64_t timeout_usec);

/* A descriptor that the loop watches itself: for those of which there are many and which are ready often, the
 * connections of clients. For each event that sd-event hands on it asks the kernel anew; the loop asks once for all
 * that came. It lives in the object that it serves; fd and func are filled by the owner. */
typedef struct IoWatch IoWatch;
typedef void (*IoWatchFunc)(IoWatch *w, uint32_t events); /* EPOLLIN, EPOLLOUT, EPOLLHUP, EPOLLERR */
struct IoWatch {
        IoWatchFunc func;
        int fd;
        uint32_t events;        /* what it is polled for */
        bool on;
};
/* From now on, level-triggered. Errno of epoll_ctl(2). */
int loop_watch(Loop *l, IoWatch *w, uint32_t events);
/* 0: only an error or the peer's end are told. */
int loop_watch_change(Loop *l, IoWatch *w, uint32_t events);
/* Not even an event that has come already is told. No harm where it is not watched. */
void loop_unwatch(Loop *l, IoWatch *w);

/* A function to run once, after the current event and the fibers it made ready: for
 * work that many small causes ask for, such as writing out all replies at once. It
 * lives in the object that it serves; init with DEFERRED_INIT(). */
typedef struct Deferred Deferred;
typedef void (*DeferredFunc)(Deferred *d);
struct Deferred {
        DeferredFunc func;
        Deferred *next;
        Deferred **prev; /* NULL when not queued */
};
#define DEFERRED_INIT(f) ((Deferred) { .func = (f) })

/* Queued once however often it is asked for. */
void loop_defer(Loop *l, Deferred *d);
/* Takes it out again, if it is queued; to be called before its object is freed. */
void loop_undefer(Loop *l, Deferred *d);
