/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/wait.h>
#include <time.h>

#include "base/strings.h"
#include "loop/fiber.h"
#include "loop/process.h"

/* A story is a text that fibers write to; each test tells what must come out. */
typedef struct Story {
        Loop *loop;
        StrBuf text;
        FiberQueue queue;
        FiberLock lock;
        Fiber *fiber;
        Deferred deferred;
        int pipe[2];
} Story;

static int story_begin(void **state) {
        Story *s = calloc(1, sizeof(*s));

        *state = s;
        return loop_new(&s->loop);
}

static int story_end(void **state) {
        Story *s = *state;

        loop_free(s->loop);
        strbuf_done(&s->text);
        free(s);
        return 0;
}

static void story_run(Story *s, const char *expected) {
        while (loop_n_fibers(s->loop) > 0)
                assert_int_equal(loop_run_once(s->loop, UINT64_MAX), 0);
        assert_string_equal(s->text.data ?: "", expected);
}

static void tell(Story *s, const char *format, int value) {
        char buf[64];

        snprintf(buf, sizeof(buf), "%s%d ", format, value);
        strbuf_add(&s->text, buf);
}

static void sleeper(void *userdata) {
        tell(userdata, "before", 1);
        tell(userdata, "slept", fiber_sleep(2000));
}

static void quick(void *userdata) {
        tell(userdata, "quick", 1);
}

static void spawned_fibers_run_in_order(void **state) {
        Story *s = *state;

        assert_int_equal(fiber_spawn(s->loop, sleeper, s, NULL), 0);
        assert_int_equal(fiber_spawn(s->loop, quick, s, NULL), 0);
        story_run(s, "before1 quick1 slept0 ");
}

static void waiter(void *userdata) {
        Story *s = userdata;

        tell(s, "woken", fiber_queue_wait(&s->queue, FIBER_FOREVER));
}

static void impatient(void *userdata) {
        Story *s = userdata;

        tell(s, "late", fiber_queue_wait(&s->queue, 1000) == -ETIMEDOUT);
        fiber_queue_wake_all(&s->queue, 7);
}

static void queues_wake_in_order_and_time_out(void **state) {
        Story *s = *state;

        fiber_spawn(s->loop, impatient, s, NULL);
        fiber_spawn(s->loop, waiter, s, NULL);
        fiber_spawn(s->loop, waiter, s, NULL);
        story_run(s, "late1 woken7 woken7 ");
}

static void locker(void *userdata) {
        Story *s = userdata;

        tell(s, "lock", fiber_lock(&s->lock, FIBER_FOREVER));
        fiber_sleep(500);
        tell(s, "unlock", 0);
        fiber_unlock(&s->lock);
}

static void locks_exclude(void **state) {
        Story *s = *state;

        fiber_spawn(s->loop, locker, s, NULL);
        fiber_spawn(s->loop, locker, s, NULL);
        story_run(s, "lock0 unlock0 lock0 unlock0 ");
        assert_false(fiber_lock_is_held(&s->lock));
}

static void cancelled(void *userdata) {
        Story *s = userdata;

        tell(s, "c", fiber_queue_wait(&s->queue, FIBER_FOREVER) == -ECANCELED);
        tell(s, "c", fiber_sleep(1) == -ECANCELED);
}

static void cancelling_ends_all_waits(void **state) {
        Story *s = *state;

        fiber_spawn(s->loop, cancelled, s, NULL);
        assert_int_equal(loop_stop_fibers(s->loop, 1000000), 0);
        fiber_spawn(s->loop, waiter, s, NULL);
        assert_int_equal(loop_run_once(s->loop, 0), 0);
        assert_int_equal(loop_stop_fibers(s->loop, 1000000), 0);
        assert_true(fiber_queue_is_empty(&s->queue));
        assert_int_equal(loop_n_fibers(s->loop), 0);
}

static void yielder(void *userdata) {
        for (int i = 0; i < 2; i++) {
                tell(userdata, "y", i);
                fiber_yield();
        }
}

static void yielding_takes_turns(void **state) {
        Story *s = *state;

        fiber_spawn(s->loop, yielder, s, NULL);
        fiber_spawn(s->loop, yielder, s, NULL);
        story_run(s, "y0 y0 y1 y1 ");
}

static void reader(void *userdata) {
        Story *s = userdata;
        char buf[8];

        tell(s, "read", (int) fiber_read(s->pipe[0], buf, sizeof(buf), FIBER_FOREVER));
        tell(s, "end", (int) fiber_read(s->pipe[0], buf, sizeof(buf), FIBER_FOREVER));
}

static void writer(void *userdata) {
        Story *s = userdata;

        tell(s, "write", fiber_write_all(s->pipe[1], "hello", 5, FIBER_FOREVER));
        fiber_sleep(1000);
        close(s->pipe[1]);
}

static void descriptors_are_waited_for(void **state) {
        Story *s = *state;

        assert_int_equal(pipe2(s->pipe, O_CLOEXEC | O_NONBLOCK), 0);
        fiber_spawn(s->loop, reader, s, NULL);
        fiber_spawn(s->loop, writer, s, NULL);
        story_run(s, "write0 read5 end0 ");
        close(s->pipe[0]);
}

static void on_deferred(Deferred *d) {
        tell(container_of(d, Story, deferred), "deferred", 1);
}

static void deferring(void *userdata) {
        Story *s = userdata;

        loop_defer(s->loop, &s->deferred);
        tell(s, "fiber", 1);
}

static void deferred_functions_run_once_after_the_fibers(void **state) {
        Story *s = *state;

        s->deferred = DEFERRED_INIT(on_deferred);
        fiber_spawn(s->loop, deferring, s, NULL);
        fiber_spawn(s->loop, deferring, s, NULL);
        story_run(s, "fiber1 fiber1 deferred1 ");
        loop_defer(s->loop, &s->deferred);
        loop_undefer(s->loop, &s->deferred);
        assert_int_equal(loop_run_once(s->loop, 0), 0);
        assert_string_equal(s->text.data, "fiber1 fiber1 deferred1 ");
}

static void child(void *userdata) {
        char *const argv[] = { (char *) "sh", (char *) "-c", (char *) "cat; echo oops >&2; exit 3", NULL };
        ProcessSpec spec = { .argv = argv, .input = "input", .input_len = 5 };
        _cleanup_process_result_ ProcessResult result = {};
        _cleanup_error_ Error e = ERROR_INIT;
        Story *s = userdata;

        assert_int_equal(process_run(&spec, &result, &e), 0);
        assert_string_equal(result.output, "input");
        assert_string_equal(result.error, "oops\n");
        tell(s, "status", result.status);
        process_result_done(&result);

        assert_int_equal(process_check(&spec, &result, &e), -EPROTO);
        assert_string_equal(e.detail, "sh: oops");
}

static void slow_child(void *userdata) {
        char *const argv[] = { (char *) "sleep", (char *) "100", NULL };
        char *const loud[] = { (char *) "yes", NULL };
        char *const missing[] = { (char *) "/nonexistent", NULL };
        _cleanup_process_result_ ProcessResult result = {};

        tell(userdata, "slow",
             process_run(&(ProcessSpec){ .argv = argv, .timeout = 1000 }, &result, NULL) == -ETIMEDOUT);
        tell(userdata, "loud",
             process_run(&(ProcessSpec){ .argv = loud, .output_max = 65536 }, &result, NULL) == -EFBIG);
        tell(userdata, "missing", process_run(&(ProcessSpec) { .argv = missing }, &result, NULL) == -ENOENT);
}

/* One that was begun before does the work of the next call, and of no other. */
static void spare_child(void *userdata) {
        char *const argv[] = { (char *) "sh", (char *) "-c", (char *) "echo $$; cat", NULL };
        _cleanup_process_result_ ProcessResult result = {};
        ProcessSpare spare = {};
        ProcessSpec spec = { .argv = argv, .input = "input", .input_len = 5, .spare = &spare };
        Story *s = userdata;
        pid_t pid;

        assert_int_equal(process_spare_begin(&spare, argv), 0);
        pid = spare.pid;
        assert_int_equal(process_spare_begin(&spare, argv), 0);
        assert_int_equal(spare.pid, pid);
        assert_int_equal(process_run(&spec, &result, NULL), 0);
        assert_int_equal(atoi(result.output), pid);
        assert_string_equal(strchr(result.output, '\n'), "\ninput");
        assert_int_equal(spare.pid, 0);
        process_result_done(&result);

        assert_int_equal(process_run(&spec, &result, NULL), 0);
        assert_int_not_equal(atoi(result.output), pid);
        assert_int_equal(process_spare_begin(&spare, argv), 0);
        pid = spare.pid;
        process_spare_end(&spare);
        assert_int_equal(kill(pid, 0), -1);
        process_spare_end(&spare);
        tell(s, "spare", result.status);
}

static void children_are_run_to_their_end(void **state) {
        Story *s = *state;

        fiber_spawn(s->loop, child, s, NULL);
        story_run(s, "status3 ");
        fiber_spawn(s->loop, slow_child, s, NULL);
        story_run(s, "status3 slow1 loud1 missing1 ");
        fiber_spawn(s->loop, spare_child, s, NULL);
        story_run(s, "status3 slow1 loud1 missing1 spare0 ");
}

static void many_fibers_wait_at_once(void **state) {
        Story *s = *state;

        for (int i = 0; i < 500; i++)
                assert_int_equal(fiber_spawn(s->loop, waiter, s, NULL), 0);
        assert_int_equal(loop_run_once(s->loop, 0), 0);
        assert_int_equal(loop_n_fibers(s->loop), 500);
        fiber_queue_wake_all(&s->queue, 0);
        assert_int_equal(loop_run_once(s->loop, 0), 0);
        assert_int_equal(loop_n_fibers(s->loop), 0);
}

static void waiting_needs_a_fiber(void **state) {
        assert_int_equal(fiber_sleep(1), -EDEADLK);
        assert_int_equal(fiber_yield(), -EDEADLK);
        assert_null(fiber_self());
}

typedef struct Watched {
        IoWatch io;
        Story *story;
        struct Watched *other;  /* what it ends */
        int fds[2];
        sd_event_source *timer;
} Watched;

static void on_watched(IoWatch *w, uint32_t events) {
        Watched *me = container_of(w, Watched, io);
        char c;

        if (events & EPOLLIN && read(w->fd, &c, 1) == 1)
                strbuf_addf(&me->story->text, "%c ", c);
        if (me->other)
                loop_unwatch(me->story->loop, &me->other->io);
        if (me->timer)
                (void) sd_event_source_set_time_relative(me->timer, 1000);
}

static void watch_pipe(Story *s, Watched *w) {
        assert_int_equal(pipe2(w->fds, O_CLOEXEC | O_NONBLOCK), 0);
        w->story = s;
        w->io = (IoWatch) { .func = on_watched, .fd = w->fds[0] };
        assert_int_equal(loop_watch(s->loop, &w->io, EPOLLIN), 0);
}

static void unwatch_pipe(Story *s, Watched *w) {
        loop_unwatch(s->loop, &w->io);
        loop_unwatch(s->loop, &w->io);
        close(w->fds[0]);
        close(w->fds[1]);
}

/* --- a loop that slept --- */

static uint64_t clock_usec(void) {
        struct timespec ts;

        clock_gettime(CLOCK_MONOTONIC, &ts);
        return (uint64_t) ts.tv_sec * 1000000U + (uint64_t) ts.tv_nsec / 1000U;
}

static void sleeps(void *userdata) {
        Story *s = userdata;
        uint64_t before = clock_usec();

        assert_int_equal(fiber_sleep(100U * 1000U), 0);
        tell(s, "slept", clock_usec() - before >= 99U * 1000U);
        loop_exit(s->loop, 0);
}

static void on_morning(IoWatch *w, uint32_t events) {
        Watched *me = container_of(w, Watched, io);

        loop_unwatch(me->story->loop, w);
        assert_int_equal(fiber_spawn(me->story->loop, sleeps, me->story, NULL), 0);
}

/* A time limit that begins when a watch has ended a long sleep is as long as any. */
static void limits_begin_after_the_sleep(void **state) {
        Story *s = *state;
        Watched w = {};
        pid_t pid;

        watch_pipe(s, &w);
        w.io.func = on_morning;
        pid = fork();
        if (pid == 0) {
                usleep(300U * 1000U);
                _exit(write(w.fds[1], "x", 1) == 1 ? 0 : 1);
        }
        assert_int_equal(loop_run(s->loop), 0);
        assert_string_equal(s->text.data, "slept1 ");
        assert_int_equal(waitpid(pid, NULL, 0), pid);
        close(w.fds[0]);
        close(w.fds[1]);
}

static void watches_tell_what_comes(void **state) {
        Story *s = *state;
        Watched a = {}, b = {};

        watch_pipe(s, &a);
        watch_pipe(s, &b);
        assert_int_equal(write(a.fds[1], "xy", 2), 2);
        assert_int_equal(write(b.fds[1], "z", 1), 1);
        assert_int_equal(loop_run_once(s->loop, 0), 0);
        assert_string_equal(s->text.data, "x z ");
        assert_int_equal(loop_watch_change(s->loop, &a.io, 0), 0);
        assert_int_equal(loop_run_once(s->loop, 0), 0);
        assert_string_equal(s->text.data, "x z ");
        assert_int_equal(loop_watch_change(s->loop, &a.io, EPOLLIN), 0);
        assert_int_equal(loop_run_once(s->loop, 0), 0);
        assert_string_equal(s->text.data, "x z y ");
        unwatch_pipe(s, &a);
        unwatch_pipe(s, &b);
}

/* Two have something at the same time, and the one that is told first ends the other: it must not be told. */
static void an_ended_watch_is_not_told(void **state) {
        Story *s = *state;
        Watched a = {}, b = {};

        watch_pipe(s, &a);
        watch_pipe(s, &b);
        a.other = &b;
        b.other = &a;
        assert_int_equal(write(a.fds[1], "x", 1), 1);
        assert_int_equal(write(b.fds[1], "x", 1), 1);
        assert_int_equal(loop_run_once(s->loop, 0), 0);
        assert_int_equal(loop_run_once(s->loop, 0), 0);
        assert_string_equal(s->text.data, "x ");
        unwatch_pipe(s, &a);
        unwatch_pipe(s, &b);
}

static int on_timer(sd_event_source *source, uint64_t usec, void *userdata) {
        Story *s = userdata;

        strbuf_add(&s->text, "timer ");
        loop_exit(s->loop, 0);
        return 0;
}

/* One that is set behind the loop's back is late, not lost. */
static void a_timer_is_not_forgotten(void **state) {
        Story *s = *state;
        Watched a = {};

        assert_true(sd_event_add_time_relative(loop_event(s->loop), &a.timer, CLOCK_MONOTONIC, UINT64_MAX / 2, 0,
                                               on_timer, s) >= 0);
        watch_pipe(s, &a);
        assert_int_equal(loop_run_once(s->loop, 0), 0);
        assert_int_equal(write(a.fds[1], "x", 1), 1);
        assert_int_equal(loop_run(s->loop), 0);
        assert_string_equal(s->text.data, "x timer ");
        unwatch_pipe(s, &a);
        sd_event_source_disable_unref(a.timer);
}

static int on_flood(sd_event_source *source, int fd, uint32_t revents, void *userdata) {
        return 0;
}

/* A descriptor of sd-event's that can always be read, as of a peer that never stops to write, holds up no watch. */
static void a_flood_starves_nobody(void **state) {
        Story *s = *state;
        sd_event_source *flood = NULL;
        Watched a = {}, b = {};

        watch_pipe(s, &a);
        watch_pipe(s, &b);
        loop_unwatch(s->loop, &b.io);
        assert_int_equal(write(b.fds[1], "x", 1), 1);
        assert_true(sd_event_add_io(loop_event(s->loop), &flood, b.fds[0], EPOLLIN, on_flood, s) >= 0);
        for (int i = 0; i < 5; i++)
                assert_int_equal(loop_run_once(s->loop, 0), 0);
        assert_int_equal(write(a.fds[1], "y", 1), 1);
        for (int i = 0; i < 3; i++)
                assert_int_equal(loop_run_once(s->loop, 0), 0);
        assert_string_equal(s->text.data ?: "", "y ");
        sd_event_source_disable_unref(flood);
        unwatch_pipe(s, &a);
        unwatch_pipe(s, &b);
}

/* What is left to do at a program's end waits for events too. */
static void an_ended_loop_can_be_run_on(void **state) {
        Story *s = *state;
        Watched a = {};

        watch_pipe(s, &a);
        loop_exit(s->loop, 7);
        assert_int_equal(loop_run(s->loop), 7);
        assert_int_equal(write(a.fds[1], "x", 1), 1);
        assert_int_equal(loop_run_once(s->loop, 0), 0);
        assert_string_equal(s->text.data, "x ");
        unwatch_pipe(s, &a);
}

#define story(f) cmocka_unit_test_setup_teardown(f, story_begin, story_end)

int main(void) {
        static const struct CMUnitTest tests[] = {
                story(spawned_fibers_run_in_order),
                story(queues_wake_in_order_and_time_out),
                story(locks_exclude),
                story(cancelling_ends_all_waits),
                story(yielding_takes_turns),
                story(descriptors_are_waited_for),
                story(deferred_functions_run_once_after_the_fibers),
                story(limits_begin_after_the_sleep),
                story(watches_tell_what_comes),
                story(an_ended_watch_is_not_told),
                story(a_timer_is_not_forgotten),
                story(an_ended_loop_can_be_run_on), story(a_flood_starves_nobody),
                story(children_are_run_to_their_end),
                story(many_fibers_wait_at_once),
                story(waiting_needs_a_fiber),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
