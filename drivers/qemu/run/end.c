/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Ending guests: at a client's wish, and with a client. */

#include <signal.h>

#include "base/log.h"
#include "guest/keep.h"
#include "object/unit.h"
#include "run/end.h"

#define POLITE_TIMEOUT (10U * 1000000U)  /* vm-run gives QEMU three seconds */
#define DESTROY_TIMEOUT (30U * 1000000U)
#define LOOK_USEC (200U * 1000U)

static bool is_ended(const Guest *g) {
        return g->object.gone || !guest_is_active(g);
}

/* Its process tells of its end, where it is known; else the unit is asked. */
static bool has_ended(Guest *g, const char *unit, bool known) {
        if (known && is_ended(g))
                return true;
        if (known && g->run && g->run->pid_fd >= 0)
                return false;
        return systemd_unit_is_active(g->driver->systemd, unit, NULL) == 0;
}

/* Waits until there is no QEMU any more. */
static int wait_for_end(Guest *g, const char *unit, bool known, uint64_t timeout) {
        for (uint64_t t = 0; t < timeout; t += LOOK_USEC) {
                int r;

                if (has_ended(g, unit, known))
                        return 0;
                r = fiber_queue_wait(&g->object.waiters, LOOK_USEC);
                if (r < 0 && r != -ETIMEDOUT)
                        return r;
        }
        return -ETIMEDOUT;
}

/* vm-run kills QEMU at once; where there is no vm-run yet, the unit is on its way up and its job is taken back. */
static int ask_for_end(Guest *g, const char *unit, Error *e) {
        JobResult result;
        int r;

        r = systemd_kill_main(g->driver->systemd, unit, SIGUSR1, e);
        if (r != -ESRCH)
                return r;
        if (e)
                error_done(e);
        return systemd_run_job(g->driver->systemd, "StopUnit", unit, DESTROY_TIMEOUT, &result, e);
}

/* What a guest can make of vm-run is no matter to systemd, which kills all that runs in the unit. */
static int end_unit(Guest *g, const char *unit, bool known, Error *e) {
        int r;

        r = ask_for_end(g, unit, e);
        if (r < 0)
                return r;
        r = wait_for_end(g, unit, known, POLITE_TIMEOUT);
        if (r != -ETIMEDOUT)
                return r;
        log_warning("domain '%s' did not end in time, killing all of %s", g->object.name, unit);
        r = systemd_kill_all(g->driver->systemd, unit, NULL);
        if (r >= 0)
                r = wait_for_end(g, unit, known, DESTROY_TIMEOUT);
        return r == -ESRCH ? 0 : r;
}

static int force_end(Guest *g, const char *unit, Error *e) {
        int r;

        if (g->run)
                g->run->destroy = true;
        r = end_unit(g, unit, guest_is_active(g), e);
        if (r < 0)
                return error_set(e, r, ERROR_OPERATION_FAILED, ORIGIN_QEMU, "domain '%s' did not end in time",
                                 g->object.name);
        return 0;
}

/* A unit that waits for what it needs, a pool or another guest, is not active yet, but would be. */
static int is_up_or_coming(Guest *g, const char *unit, Error *e) {
        int r = systemd_unit_is_active(g->driver->systemd, unit, e);

        return r == 0 ? systemd_unit_has_job(g->driver->systemd, unit, e) : r;
}

int guest_end(Guest *g, Error *e) {
        _cleanup_free_ char *unit = NULL;
        int r;

        r = object_unit(&g->object, &unit, e);
        if (r >= 0 && !guest_is_active(g)) {
                r = g->state == GUEST_ENDING ? 0 : is_up_or_coming(g, unit, e);
                if (r == 0)
                        return object_error_inactive(&g->object, e);
        }
        return r < 0 ? r : force_end(g, unit, e);
}

/* --- the end of a client that asked for it --- */

typedef struct AutodestroyArgs {
        QemuDriver *driver;
        uint64_t mark;
} AutodestroyArgs;

/* A guest without a run may be on its way up: stopping its unit takes the job back. */
static void end_orphan(Guest *g) {
        _cleanup_free_ char *unit = NULL;

        guest_wait_settled(g);
        if ((guest_is_active(g) || g->autodestroy == AUTODESTROY_ORPHAN) && object_unit(&g->object, &unit, NULL) >= 0)
                (void) force_end(g, unit, NULL);
        if (!g->run) {
                guest_set_autodestroy(g, 0);
                keep_save(g);
        }
}

static void autodestroy_fiber(void *userdata) {
        AutodestroyArgs *a = userdata;
        Object **list;
        size_t n;

        if (object_snapshot(&a->driver->guests, NULL, &list, &n) >= 0) {
                for (size_t i = 0; i < n; i++)
                        if (guest_of(list[i])->autodestroy == a->mark)
                                end_orphan(guest_of(list[i]));
                object_release(list, n);
        }
        a->driver->host->hold(a->driver->host, -1);
        free(a);
}

void guests_autodestroy(QemuDriver *d, uint64_t mark) {
        AutodestroyArgs *a;

        if (d->n_autodestroy == 0)
                return;
        a = malloc(sizeof(*a));
        if (!a)
                return;
        *a = (AutodestroyArgs) { d, mark };
        if (fiber_spawn(d->host->loop, autodestroy_fiber, a, NULL) < 0) {
                free(a);
                return;
        }
        d->host->hold(d->host, 1);
}
