/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What vm-events keeps, with a kernel that is made up: each event is a file of three numbers. What is counted is this
 * process, with a thread beside its first. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <linux/perf_event.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/fds.h"
#include "events.h"

long __wrap_syscall(long number, ...);

static uint64_t answers[3];     /* value, time enabled, time running */
static int refused = -1;        /* an event that the kernel does not have */
static int n_open;
static bool starts_threads;     /* whenever it is counted */

/* --- threads: each waits for the end of its test --- */

static pthread_t threads[128];
static unsigned n_threads;
static pthread_mutex_t gate = PTHREAD_MUTEX_INITIALIZER;

static void *wait_at_gate(void *userdata) {
        (void) pthread_mutex_lock(&gate);
        (void) pthread_mutex_unlock(&gate);
        return NULL;
}

static void start_thread(void) {
        assert_true(n_threads < ELEMENTSOF(threads));
        assert_int_equal(pthread_create(&threads[n_threads++], NULL, wait_at_gate, NULL), 0);
}

/* perf_event_open() is the only one. */
long __wrap_syscall(long number, ...) {
        const struct perf_event_attr *attr;
        va_list ap;
        int fd;

        va_start(ap, number);
        attr = va_arg(ap, const struct perf_event_attr *);
        assert_true(va_arg(ap, int) >= getpid());
        assert_int_equal(va_arg(ap, int), -1);
        va_end(ap);
        assert_true(attr->inherit);
        if (refused >= 0 && attr->type == (uint32_t) guest_events[refused].type &&
            attr->config == guest_events[refused].config) {
                errno = ENOENT;
                return -1;
        }
        if (starts_threads && n_threads == 1)
                start_thread();
        fd = memfd_create("event", MFD_CLOEXEC);
        assert_int_equal(pwrite(fd, answers, sizeof(answers), 0), sizeof(answers));
        n_open++;
        return fd;
}

static int setup(void **state) {
        memcpy(answers, (uint64_t[]) { 1000, 50, 50 }, sizeof(answers));
        refused = -1;
        n_open = 0;
        starts_threads = false;
        (void) pthread_mutex_lock(&gate);
        start_thread();
        return 0;
}

static int teardown(void **state) {
        (void) pthread_mutex_unlock(&gate);
        while (n_threads > 0)
                (void) pthread_join(threads[--n_threads], NULL);
        return 0;
}

#define WEB "vm@web.service"

static int enable(Counters *c, const char *unit, const char *first, const char *second, Error *e) {
        bool wanted[GUEST_EVENTS] = {};

        wanted[guest_event_find(first)] = true;
        if (second)
                wanted[guest_event_find(second)] = true;
        return counters_enable(c, unit, getpid(), wanted, e);
}

static void assert_reads(const Counters *c, const char *unit, const char *wanted) {
        _cleanup_strbuf_ StrBuf b = {};
        _cleanup_free_ char *text = NULL;

        for (size_t i = 0; i < c->n; i++)
                for (size_t k = 0; k < c->list[i].n_fds; k++)
                        assert_int_equal(lseek(c->list[i].fds[k], 0, SEEK_SET), 0);
        counters_read(c, unit, &b);
        text = strbuf_take(&b);
        assert_string_equal(text, wanted);
}

static void they_are_of_all_threads(void **state) {
        Counters c = { .notify_fd = -EBADF };

        assert_int_equal(enable(&c, WEB, "page_faults", "task_clock", NULL), 0);
        assert_int_equal(enable(&c, "vm@db.service", "page_faults", NULL, NULL), 0);
        assert_int_equal(n_open, 6);
        assert_reads(&c, WEB, "task_clock=2000\npage_faults=2000\n");
        assert_reads(&c, "vm@db.service", "page_faults=2000\n");
        assert_reads(&c, "vm@other.service", "");
        counters_done(&c);
}

static void what_took_turns_is_reckoned(void **state) {
        Counters c = { .notify_fd = -EBADF };

        memcpy(answers, (uint64_t[]) { 1000, 100, 25 }, sizeof(answers));
        assert_int_equal(enable(&c, WEB, "instructions", NULL, NULL), 0);
        assert_reads(&c, WEB, "instructions=8000\n");
        counters_done(&c);
        memcpy(answers, (uint64_t[]) { 0, 100, 0 }, sizeof(answers));
        assert_int_equal(enable(&c, WEB, "instructions", NULL, NULL), 0);
        assert_reads(&c, WEB, "instructions=0\n");
        counters_done(&c);
}

static void what_is_counted_goes_on(void **state) {
        Counters c = { .notify_fd = -EBADF };

        assert_int_equal(enable(&c, WEB, "task_clock", NULL, NULL), 0);
        assert_int_equal(enable(&c, WEB, "task_clock", "cpu_clock", NULL), 0);
        assert_int_equal(n_open, 4);
        counters_done(&c);
}

static void a_thread_that_comes_meanwhile_is_counted_once(void **state) {
        Counters c = { .notify_fd = -EBADF };

        starts_threads = true;
        assert_int_equal(enable(&c, WEB, "task_clock", NULL, NULL), 0);
        assert_int_equal(n_open, 2 + 3);
        assert_reads(&c, WEB, "task_clock=3000\n");
        counters_done(&c);
}

static void who_has_ended(void **state) {
        bool wanted[GUEST_EVENTS] = { [14] = true };
        Counters c = { .notify_fd = -EBADF };
        _cleanup_error_ Error e = ERROR_INIT;

        assert_int_equal(counters_enable(&c, WEB, 0x7ffffff0, wanted, &e), -ESRCH);
        assert_non_null(strstr(e.message, "No such process"));
        assert_int_equal(c.n, 0);
        counters_done(&c);
}

/* An Intel processor has cycles, and none that are stalled. */
static void all_or_none(void **state) {
        Counters c = { .notify_fd = -EBADF };
        _cleanup_error_ Error e = ERROR_INIT, gone = ERROR_INIT;

        refused = guest_event_find("stalled_cycles_frontend");
        assert_int_equal(enable(&c, WEB, "task_clock", NULL, NULL), 0);
        assert_int_equal(enable(&c, WEB, "cpu_cycles", "stalled_cycles_frontend", &e), -ENOENT);
        assert_int_equal(e.code, ERROR_SYSTEM_ERROR);
        assert_string_equal(e.message, "unable to open host cpu perf event for stalled_cycles_frontend: "
                                       "No such file or directory");
        assert_reads(&c, WEB, "task_clock=2000\n");
        assert_int_equal(enable(&c, WEB, "cmt", NULL, &gone), -EOPNOTSUPP);
        assert_int_equal(gone.code, ERROR_ARGUMENT_UNSUPPORTED);
        assert_string_equal(gone.detail, "unable to enable host cpu perf event for cmt");
        counters_done(&c);
}

static void they_go(void **state) {
        Counters c = { .notify_fd = -EBADF };
        bool unwanted[GUEST_EVENTS] = {};

        assert_int_equal(enable(&c, WEB, "page_faults", "task_clock", NULL), 0);
        assert_int_equal(enable(&c, "vm@db.service", "task_clock", NULL, NULL), 0);
        unwanted[guest_event_find("task_clock")] = true;
        counters_disable(&c, WEB, unwanted);
        assert_reads(&c, WEB, "page_faults=2000\n");
        counters_forget(&c, WEB);
        assert_reads(&c, WEB, "");
        assert_reads(&c, "vm@db.service", "task_clock=2000\n");
        assert_int_equal(c.n, 1);
        counters_done(&c);
}

/* What systemd is given is what the next process is given by it. */
static void the_next_process_has_them(void **state) {
        int pair[2], fds[MESSAGE_FDS_MAX];
        Counters c = {}, next = { .notify_fd = -EBADF };
        const char *name, *unit = "vm@a\\x2db:c.service";
        char text[512];
        unsigned n = 0;
        ssize_t len;

        assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
        c.notify_fd = pair[0];
        assert_int_equal(enable(&c, unit, "task_clock", NULL, NULL), 0);
        len = receive_fds(pair[1], text, sizeof(text) - 1, fds, MESSAGE_FDS_MAX, &n, 0);
        assert_true(len > 0);
        text[len] = 0;
        counters_done(&c);
        name = startswith(text, "FDSTORE=1\nFDPOLL=0\nFDNAME=");
        assert_non_null(name);
        assert_null(strchr(name, ':'));
        assert_int_equal(n, 2);
        for (unsigned i = 0; i < n; i++)
                assert_int_equal(counters_take(&next, name, fds[i]), 0);
        assert_reads(&next, unit, "task_clock=2000\n");
        assert_int_equal(counters_take(&next, "task_clock", 0), -EINVAL);
        assert_int_equal(counters_take(&next, "nonsense/" WEB, 0), -EINVAL);
        next.notify_fd = pair[0];
        counters_forget(&next, unit);
        len = recv(pair[1], text, sizeof(text) - 1, 0);
        text[len] = 0;
        assert_non_null(startswith(text, "FDSTOREREMOVE=1\nFDNAME=task_clock/vm@a\\x2db%c.service"));
        counters_done(&next);
        close(pair[0]);
        close(pair[1]);
}

static void requests_and_answers(void **state) {
        bool events[GUEST_EVENTS] = { [3] = true };
        _cleanup_free_ char *text = guest_events_request("enable", "web", 7, events);
        char answer[] = "done=read\ntask_clock=18446744073709551615\ncpu_cycles=7\n",
             bad[] = "error=argument unsupported: no\n", none[] = "";
        _cleanup_error_ Error e = ERROR_INIT;
        GuestEventValues v;

        assert_string_equal(text, "verb=enable\nguest=web\nprocess=7\nevent=cpu_cycles\n");
        assert_int_equal(guest_events_answer(answer, &v, NULL), 0);
        assert_true(v.counted[3] && v.value[3] == 7);
        assert_true(v.value[guest_event_find("task_clock")] == UINT64_MAX);
        assert_false(v.counted[0]);
        assert_true(guest_events_answer(bad, &v, &e) < 0);
        assert_int_equal(e.code, ERROR_ARGUMENT_UNSUPPORTED);
        assert_true(guest_events_answer(none, &v, NULL) < 0);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void) {
        const struct CMUnitTest tests[] = {
                TEST(they_are_of_all_threads), TEST(what_took_turns_is_reckoned), TEST(what_is_counted_goes_on),
                TEST(a_thread_that_comes_meanwhile_is_counted_once), TEST(who_has_ended),
                TEST(all_or_none), TEST(they_go), TEST(the_next_process_has_them), TEST(requests_and_answers),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
