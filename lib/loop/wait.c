/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What fibers wait for: time, descriptors, the bus, each other. All of it is made of fiber_suspend() and
 * a callback that resumes. */

#include <sys/epoll.h>

#include "loop/fiber.h"

int fiber_sleep(uint64_t usec) {
        int r;

        r = fiber_suspend(usec);
        return r == -ETIMEDOUT ? 0 : r;
}

static int on_io(sd_event_source *s, int fd, uint32_t revents, void *userdata) {
        fiber_resume(userdata, (int) revents);
        return 0;
}

int fiber_wait_fd(int fd, uint32_t events, uint64_t timeout) {
        sd_event_source *io = NULL;
        Fiber *f = fiber_self();
        int r;

        if (!f)
                return -EDEADLK;
        r = sd_event_add_io(loop_event(fiber_loop(f)), &io, fd, events, on_io, f);
        if (r < 0)
                return r;
        r = fiber_suspend(timeout);
        sd_event_source_disable_unref(io);
        return r;
}

ssize_t fiber_read(int fd, void *buf, size_t size, uint64_t timeout) {
        int r;

        for (;;) {
                ssize_t n = read(fd, buf, size);

                if (n >= 0)
                        return n;
                if (errno == EINTR)
                        continue;
                if (errno != EAGAIN)
                        return -errno;
                r = fiber_wait_fd(fd, EPOLLIN, timeout);
                if (r < 0)
                        return r;
        }
}

int fiber_write_all(int fd, const void *data, size_t len, uint64_t timeout) {
        const char *p = data;
        int r;

        while (len > 0) {
                ssize_t n = write(fd, p, len);

                if (n >= 0) {
                        p += n;
                        len -= (size_t) n;
                        continue;
                }
                if (errno == EINTR)
                        continue;
                if (errno != EAGAIN)
                        return -errno;
                r = fiber_wait_fd(fd, EPOLLOUT, timeout);
                if (r < 0)
                        return r;
        }
        return 0;
}

typedef struct BusWait {
        Fiber *fiber;
        sd_bus_message *reply;
} BusWait;

static int on_reply(sd_bus_message *m, void *userdata, sd_bus_error *ret_error) {
        BusWait *w = userdata;

        if (!w->reply)
                w->reply = sd_bus_message_ref(m);
        fiber_resume(w->fiber, 0);
        return 0;
}

int fiber_bus_call(sd_bus *bus, sd_bus_message *m, uint64_t timeout, sd_bus_error *ret_error,
                   sd_bus_message **ret_reply) {
        BusWait w = { .fiber = fiber_self() };
        sd_bus_slot *slot = NULL;
        int r;

        if (!w.fiber)
                return -EDEADLK;
        r = sd_bus_call_async(bus, &slot, m, on_reply, &w, timeout);
        if (r < 0)
                return r;
        r = fiber_suspend(FIBER_FOREVER);
        sd_bus_slot_unref(slot);

        if (r >= 0 && sd_bus_message_is_method_error(w.reply, NULL)) {
                r = -sd_bus_message_get_errno(w.reply);
                sd_bus_error_copy(ret_error, sd_bus_message_get_error(w.reply));
        }
        if (r >= 0 && ret_reply)
                *ret_reply = TAKE_PTR(w.reply);
        sd_bus_message_unref(w.reply);
        return r < 0 ? r : 0;
}

int fiber_bus_call_method(sd_bus *bus, const char *destination, const char *path, const char *interface,
                          const char *member, sd_bus_error *ret_error, sd_bus_message **ret_reply,
                          const char *types, ...) {
        sd_bus_message *m = NULL;
        va_list ap;
        int r;

        r = sd_bus_message_new_method_call(bus, &m, destination, path, interface, member);
        if (r >= 0 && types && *types) {
                va_start(ap, types);
                r = sd_bus_message_appendv(m, types, ap);
                va_end(ap);
        }
        if (r >= 0)
                r = fiber_bus_call(bus, m, 0, ret_error, ret_reply);
        sd_bus_message_unref(m);
        return r;
}

/* Lives on the stack of the fiber that waits. The last one's next is the first. */
struct FiberWaiter {
        Fiber *fiber;
        FiberWaiter *next;
        FiberWaiter *prev;
        bool queued;
};

static void queue_add(FiberQueue *q, FiberWaiter *w) {
        w->next = q->last ? q->last->next : w;
        w->prev = q->last ?: w;
        w->prev->next = w->next->prev = w;
        q->last = w;
        w->queued = true;
}

static void queue_remove(FiberQueue *q, FiberWaiter *w) {
        w->prev->next = w->next;
        w->next->prev = w->prev;
        if (q->last == w)
                q->last = w->prev == w ? NULL : w->prev;
        w->queued = false;
}

int fiber_queue_wait(FiberQueue *q, uint64_t timeout) {
        FiberWaiter w = { .fiber = fiber_self() };
        int r;

        if (!w.fiber)
                return -EDEADLK;
        queue_add(q, &w);
        r = fiber_suspend(timeout);
        /* Whoever woke it has taken it out; the queue may be gone by now. */
        if (w.queued)
                queue_remove(q, &w);
        return r;
}

/* Takes out the first one that still waits, and resumes it; one whose time is over or that was cancelled, but has not
 * run since, must not swallow the wake-up. */
static Fiber *queue_pop(FiberQueue *q, int value) {
        while (q->last) {
                FiberWaiter *w = q->last->next;

                queue_remove(q, w);
                if (fiber_resume(w->fiber, value))
                        return w->fiber;
        }
        return NULL;
}

bool fiber_queue_wake_one(FiberQueue *q, int value) {
        return queue_pop(q, value);
}

void fiber_queue_wake_all(FiberQueue *q, int value) {
        while (fiber_queue_wake_one(q, value))
                ;
}

int fiber_lock(FiberLock *l, uint64_t timeout) {
        Fiber *f = fiber_self();

        if (!f || l->owner == f)
                return -EDEADLK;
        if (l->owner)
                return fiber_queue_wait(&l->waiters, timeout);
        l->owner = f;
        return 0;
}

/* The owner hands the lock over, so that nobody overtakes. */
void fiber_unlock(FiberLock *l) {
        l->owner = queue_pop(&l->waiters, 0);
}
