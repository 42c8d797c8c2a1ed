/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Lockspaces and leases in one process: two clients of the daemon, and locks of somebody else. */

#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/wait.h>

#include <cmocka.h>

#include "base/fs.h"
#include "base/strings.h"
#include "host/lock.h"
#include "lock.h"
#include "test-daemon.h"

typedef struct Step {
        TestDaemon *daemon;
        void (*func)(struct Step *s);
        LockDriver *driver;
        char *folder, *image;
        pid_t other;            /* a process that lives */
} Step;

static const LockClient *client(const char *name, pid_t pid) {
        static LockClient clients[8];
        static unsigned n;
        LockClient *c = &clients[n++ % 8];

        *c = (LockClient) { .registered = true, .owner = owner_of_pid(pid), .name = (char *) name };
        return c;
}

static void assert_fails(int r, int want, Error *e, const char *words) {
        assert_int_equal(r, want);
        if (words && (!e->message || !strstr(e->message, words)))
                fail_msg("%s: no '%s'", e->message ?: "no message", words);
        error_done(e);
        *e = ERROR_INIT;
}

static void on_images(Step *s) {
        LockDriver *d = s->driver;
        const LockClient *a = client("a", getpid()), *b = client("b", s->other);
        Error e = ERROR_INIT;

        assert_int_equal(lease_acquire(d, "", s->image, 0, a, &e), 0);
        assert_fails(lease_acquire(d, "", s->image, 0, b, &e), -EBUSY, &e, "is locked");
        assert_fails(lease_acquire(d, "", s->image, LEASE_SHARED, b, &e), -EBUSY, &e, "is locked");
        assert_int_equal(s->daemon->held, 1);
        lease_release(lease_find(d, "", s->image));
        assert_null(lease_find(d, "", s->image));
        assert_int_equal(s->daemon->held, 0);
        assert_int_equal(lease_acquire(d, "", s->image, LEASE_SHARED, a, &e), 0);
        assert_int_equal(lease_acquire(d, "", s->image, LEASE_SHARED, b, &e), 0);
        assert_fails(lease_acquire(d, "", s->image, 0, a, &e), -EBUSY, &e, "is locked");
        assert_true(lease_release_all(d, &a->owner));
        assert_false(lease_release_all(d, &a->owner));
        assert_non_null(lease_find(d, "", s->image));
        assert_true(lease_release_all(d, &b->owner));
        assert_fails(lease_acquire(d, "", "relative", 0, a, &e), -EINVAL, &e, "no absolute path");
        assert_fails(lease_acquire(d, "", s->folder, 0, a, &e), -EINVAL, &e, "a folder");
        assert_fails(lease_acquire(d, "", "/nowhere/x", 0, a, &e), -ENOENT, &e, "/nowhere/x");
        assert_fails(lockspace_make_resource(d, "", s->image, &e), -EINVAL, &e, "neither made nor removed");
        assert_fails(lockspace_remove_resource(d, "", s->image, &e), -EINVAL, &e, "neither made nor removed");
        assert_int_equal(access(s->image, F_OK), 0);
}

static void in_lockspaces(Step *s) {
        _cleanup_free_ char *space = text_format("%s/space", s->folder), *file = text_format("%s/res", space);
        LockDriver *d = s->driver;
        const LockClient *a = client("a", getpid());
        Error e = ERROR_INIT;
        int fd;

        assert_fails(lease_acquire(d, space, "res", LEASE_TEMPORARY, a, &e), -ENOENT, &e, "does not exist");
        assert_fails(lockspace_add(d, "", &e), -EEXIST, &e, "default lockspace");
        assert_fails(lockspace_add(d, s->image, &e), -ENOTDIR, &e, "is not a directory");
        assert_int_equal(lockspace_add(d, space, &e), 0);
        assert_fails(lockspace_add(d, space, &e), -EEXIST, &e, "already exists");
        assert_fails(lease_acquire(d, space, "res", 0, a, &e), -ENOENT, &e, "res");
        for (const char *const *name = (const char *const[]) { "../x", "..", "", ".", NULL }; *name; name++)
                assert_fails(lease_acquire(d, space, *name, LEASE_TEMPORARY, a, &e), -EINVAL, &e, "the name of a lock");

        /* temporary: gone with the last lock */
        assert_int_equal(lease_acquire(d, space, "res", LEASE_TEMPORARY, a, &e), 0);
        assert_int_equal(access(file, F_OK), 0);
        assert_fails(lockspace_remove_resource(d, space, "res", &e), -EBUSY, &e, "is locked");
        lease_release(lease_find(d, space, "res"));
        assert_int_equal(access(file, F_OK), -1);

        /* made to stay */
        assert_int_equal(lockspace_make_resource(d, space, "res", &e), 0);
        assert_int_equal(lease_acquire(d, space, "res", 0, a, &e), 0);
        lease_release(lease_find(d, space, "res"));
        assert_int_equal(access(file, F_OK), 0);

        /* another host's lock */
        assert_int_equal(lock_resource(space, "res", LOCK_CREATE, "web", &fd, &e), 0);
        assert_fails(lease_acquire(d, space, "res", LEASE_TEMPORARY, a, &e), -EBUSY, &e, "by guest 'web' on host");
        assert_fails(lockspace_remove_resource(d, space, "res", &e), -EBUSY, &e, "is locked");
        close(fd);
        assert_int_equal(lockspace_remove_resource(d, space, "res", &e), 0);
        assert_int_equal(access(file, F_OK), -1);
}

/* Whoever ends without a word has no locks. */
static void of_the_dead(Step *s) {
        LockDriver *d = s->driver;
        Error e = ERROR_INIT;

        assert_int_equal(lease_acquire(d, "", s->image, 0, client("b", s->other), &e), 0);
        kill(s->other, SIGKILL);
}

/* What systemd would keep: the fixture has no other descriptor to give. */
static int kept = -EBADF;

static int host_stored(DriverHost *host, const char *name) {
        return startswith(name, "lock-") ? TAKE_FD(kept) : -EBADF;
}

static void leave_one(Step *s) {
        LockDriver *d = s->driver;
        const LockClient *b = client("b of\nmine", s->other);
        Error e = ERROR_INIT;

        assert_int_equal(lease_acquire(d, "", s->image, 0, b, &e), 0);
        assert_int_equal(lockspace_add(d, s->folder, &e), 0);
        kept = fcntl(d->leases->fd, F_DUPFD_CLOEXEC, 3);
        assert_true(kept >= 0);
        driver_lock.leave(d, 1);
}

static void find_one(Step *s) {
        LockDriver *d = s->driver;
        const Lease *l = lease_find(d, "", s->image);
        Error e = ERROR_INIT;

        assert_non_null(l);
        assert_int_equal(l->owner.pid, s->other);
        assert_false(l->shared || l->temporary);
        assert_true(d->last_id >= l->id);
        assert_fails(lockspace_add(d, s->folder, &e), -EEXIST, &e, "already exists");
        assert_fails(lease_acquire(d, "", s->image, 0, client("a", getpid()), &e), -EBUSY, &e, "is locked");
        lease_release(lease_find(d, "", s->image));
        assert_int_equal(lease_acquire(d, "", s->image, 0, client("a", getpid()), &e), 0);
}

static void find_none(Step *s) {
        Error e = ERROR_INIT;

        assert_null(s->driver->leases);
        assert_int_equal(lease_acquire(s->driver, "", s->image, 0, client("a", getpid()), &e), 0);
}

static void run_step(void *userdata) {
        Step *s = userdata;

        s->func(s);
}

static void setup(Step *s, TestDaemon *d) {
        test_daemon_init(d, &driver_lock);
        test_daemon_start(d);
        test_daemon_write(d, "images/a.img", "image");
        *s = (Step) {
                .daemon = d,
                .driver = d->state,
                .folder = strdup(d->folder),
                .image = test_daemon_path(d, "images/a.img"),
                .other = fork(),
        };
        if (s->other == 0) {
                pause();
                _exit(0);
        }
}

static void done(Step *s) {
        kill(s->other, SIGKILL);
        (void) waitpid(s->other, NULL, 0);
        free(s->folder);
        free(s->image);
        test_daemon_stop(s->daemon);
        test_daemon_done(s->daemon);
}

static void run(void (*func)(Step *s)) {
        TestDaemon d;
        Step s;

        setup(&s, &d);
        s.func = func;
        test_daemon_fiber(&d, run_step, &s);
        done(&s);
}

static void test_images(void **state) {
        run(on_images);
}

static void test_lockspaces(void **state) {
        run(in_lockspaces);
}

static void test_dead_owner(void **state) {
        TestDaemon d;
        Step s;

        setup(&s, &d);
        s.func = of_the_dead;
        test_daemon_fiber(&d, run_step, &s);
        while (s.driver->leases)
                assert_int_equal(loop_run_once(d.loop, 1000000), 0);
        assert_int_equal(d.held, 0);
        done(&s);
}

/* alive: the owner is, when the next process comes. */
static void next_process(bool alive) {
        TestDaemon d;
        Step s;

        setup(&s, &d);
        d.host.stored = host_stored;
        s.func = leave_one;
        test_daemon_fiber(&d, run_step, &s);
        test_daemon_stop(&d);
        if (!alive) {
                kill(s.other, SIGKILL);
                assert_int_equal(waitpid(s.other, NULL, 0), s.other);
        }
        test_daemon_start(&d);
        s.driver = d.state;
        s.func = alive ? find_one : find_none;
        test_daemon_fiber(&d, run_step, &s);
        done(&s);
}

static void test_next_process(void **state) {
        next_process(true);
        next_process(false);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_images),
                cmocka_unit_test(test_lockspaces),
                cmocka_unit_test(test_dead_owner),
                cmocka_unit_test(test_next_process),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
