/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What loop.c and fiber.c know of each other. */

#include <sys/epoll.h>

#include "loop/fiber.h"
#include "loop/loop.h"

typedef struct FiberList {
        Fiber *first;
        Fiber **last;
} FiberList;

#define BATCH_MAX 64U           /* events that are taken from the kernel at once */

struct Loop {
        sd_event *event;
        int epoll;              /* the watches, and the descriptor of event (with NULL as its data) */
        struct epoll_event *batch; /* those that have come and are not handled yet, while they are being handled */
        size_t n_batch;
        bool armed;             /* event is prepared, and waits by its descriptor */
        bool touched;           /* what event waits for may have changed */
        bool unseen;            /* events of watches were handled since event was prepared */
        uint64_t seen;          /* when event last looked at the clock: CLOCK_MONOTONIC, microseconds */
        FiberList ready;        /* to run before the next event */
        FiberList yielded;      /* to run after the next event, or at once where there is none */
        Fiber *all;
        size_t n_fibers;
        Fiber *pool;            /* ended fibers with their stacks, for reuse */
        size_t n_pool;
        Deferred *deferred;
        Deferred **deferred_last;
        bool exiting;
        int exit_code;
};

void fiber_list_init(FiberList *l);
/* Runs all of the list, including what becomes ready meanwhile. */
void fibers_run_ready(Loop *l);
/* Moves the fibers that yielded to the ready ones. */
void fibers_unyield(Loop *l);
void fibers_cancel_all(Loop *l);
void fiber_pool_free(Loop *l);
