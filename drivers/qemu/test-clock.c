/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A clock for tests of limits that are seconds. What the executable defines stands before the same in its libraries:
 * so this is what the program asks for the time, what libsystemd does, and what both wait by. */

#include <sys/epoll.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "test-clock.h"

#define NSEC 1000000000LL

static bool skips;
static int64_t skipped;         /* nanoseconds */
static int timer = -1;          /* the loop's, by CLOCK_MONOTONIC */
static int64_t due;             /* when it goes off, by our clock; 0: not at all */

static int64_t to_number(const struct timespec *t) {
        return t->tv_sec * NSEC + t->tv_nsec;
}

static struct timespec to_time(int64_t n) {
        return (struct timespec) { .tv_sec = n / NSEC, .tv_nsec = n % NSEC };
}

int clock_gettime(clockid_t id, struct timespec *ret) {
        int r = (int) syscall(SYS_clock_gettime, id, ret);

        if (r == 0 && id == CLOCK_MONOTONIC)
                *ret = to_time(to_number(ret) + skipped);
        return r;
}

static int64_t now(void) {
        struct timespec t;

        (void) clock_gettime(CLOCK_MONOTONIC, &t);
        return to_number(&t);
}

int timerfd_create(clockid_t id, int flags) {
        int fd = (int) syscall(SYS_timerfd_create, id, flags);

        if (id == CLOCK_MONOTONIC) {
                timer = fd;
                due = 0;
        }
        return fd;
}

int timerfd_settime(int fd, int flags, const struct itimerspec *value, struct itimerspec *ret_old) {
        struct itimerspec real = *value;

        if (fd == timer && flags & TFD_TIMER_ABSTIME) {
                due = to_number(&value->it_value);
                if (due > 0)
                        /* 0 would switch it off */
                        real.it_value = to_time(due > skipped ? due - skipped : 1);
        }
        return (int) syscall(SYS_timerfd_settime, fd, flags, &real, ret_old);
}

static void skip(void) {
        const struct itimerspec at_once = { .it_value.tv_nsec = 1 };
        int64_t left = due - now();

        if (due == 0)
                return;
        if (left > 0)
                skipped += left;
        (void) syscall(SYS_timerfd_settime, timer, TFD_TIMER_ABSTIME, &at_once, NULL);
}

static int wait_for(int fd, struct epoll_event *events, int max, int timeout) {
        return (int) syscall(SYS_epoll_pwait, fd, events, max, timeout, NULL, (size_t) 0);
}

int epoll_wait(int fd, struct epoll_event *events, int max, int timeout) {
        int n;

        if (!skips || timeout == 0)
                return wait_for(fd, events, max, timeout);
        n = wait_for(fd, events, max, 1);
        if (n != 0)
                return n;
        skip();
        return wait_for(fd, events, max, timeout);
}

void test_clock_skips(bool yes) {
        skips = yes;
}

double test_clock_seconds(void) {
        return (double) now() / NSEC;
}
