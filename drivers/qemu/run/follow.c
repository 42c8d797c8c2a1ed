/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "base/log.h"
#include "base/strings.h"
#include "object/unit.h"
#include "plan/names.h"
#include "run/follow.h"

#define FIRST_USEC (200U * 1000U)
#define LAST_USEC (10U * 1000000U)
#define CLEANUP_TIMEOUT (30U * 1000000U)

typedef struct Follow {
        Guest *guest;
        int id;                 /* of the run */
        uint64_t after;
} Follow;

static bool is_over(const Follow *f) {
        const Guest *g = f->guest;

        return g->object.gone || !g->run || g->run->id != f->id || g->run->qmp;
}

/* Nothing of the unit runs, and its files are there: somebody has killed vm-cleanup as well. */
static void make_up_for_cleanup(Guest *g) {
        _cleanup_free_ char *instance = NULL, *unit = NULL;
        _cleanup_error_ Error e = ERROR_INIT;
        JobResult result = JOB_DONE;
        int r;

        r = unit_instance(&unit_guest, g->object.name, &instance);
        unit = r >= 0 ? text_format("vm-cleanup@%s.service", instance) : NULL;
        if (!unit)
                return;
        log_warning("domain '%s': nobody has cleaned up behind it, starting %s", g->object.name, unit);
        r = systemd_run_job(g->driver->systemd, "StartUnit", unit, CLEANUP_TIMEOUT, &result, &e);
        if (r < 0 || result != JOB_DONE)
                log_warning("%s did not clean up: %s", unit, r < 0 ? error_text(&e, r) : job_result_to_string(result));
        (void) object_refresh(&g->driver->guests, g->object.name, false);
}

static void unit_is_gone(Follow *f) {
        Guest *g = f->guest;

        (void) object_refresh(&g->driver->guests, g->object.name, false);
        if (is_over(f))
                return;
        if (g->state != GUEST_ENDING)
                guest_enter(g, GUEST_ENDING, g->run->destroy ? SHUTOFF_DESTROYED : g->run->end_reason);
        guest_settle(g);
        make_up_for_cleanup(g);
}

/* Its QEMU does not answer, so nobody knows why it is in the state that was seen last. */
static void unit_is_there(Guest *g, const char *state) {
        if (g->state == GUEST_STARTING && g->run->quiet && streq(state, "active"))
                guest_enter(g, GUEST_RUNNING, RUNNING_UNKNOWN);
        else if (g->state == GUEST_RUNNING)
                guest_enter(g, GUEST_RUNNING, RUNNING_UNKNOWN);
        guest_settle(g);
}

/* 1: go on. */
static int look(Follow *f, const char *unit) {
        _cleanup_free_ char *state = NULL;
        int r;

        r = systemd_unit_string(f->guest->driver->systemd, unit, "Unit", "ActiveState", &state, NULL);
        if (is_over(f) || (r < 0 && r != -ENOENT))
                return 0;
        if (r == -ENOENT || streq(state, "inactive") || streq(state, "failed")) {
                unit_is_gone(f);
                return 0;
        }
        unit_is_there(f->guest, state);
        return 1;
}

static void follow_main(void *userdata) {
        Follow *f = userdata;
        _cleanup_free_ char *unit = NULL;
        uint64_t after = f->after;
        int r;

        r = object_unit(&f->guest->object, &unit, NULL);
        while (r >= 0 && !is_over(f)) {
                if (after > 0 && fiber_sleep(after) < 0)
                        break;
                if (is_over(f) || look(f, unit) == 0)
                        break;
                after = after < FIRST_USEC ? FIRST_USEC : MIN(2 * after, (uint64_t) LAST_USEC);
        }
        if (f->guest->run && f->guest->run->id == f->id) {
                f->guest->run->followed = false;
                guest_settle(f->guest);
        }
        guest_unref(f->guest);
        free(f);
}

void follow_unit(Guest *g, uint64_t after) {
        Follow *f;

        if (g->run->followed)
                return;
        f = malloc(sizeof(*f));
        if (!f)
                return;
        *f = (Follow) { .guest = guest_ref(g), .id = g->run->id, .after = after };
        g->run->followed = fiber_spawn(g->driver->host->loop, follow_main, f, NULL) >= 0;
        if (g->run->followed)
                return;
        guest_unref(f->guest);
        free(f);
}
