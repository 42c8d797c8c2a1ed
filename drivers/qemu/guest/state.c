/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The states of a guest, and what clients are told when it goes from one to another. */

#include <time.h>

#include "guest/events.h"
#include "guest/guest.h"
#include "guest/keep.h"
#include "guest/live.h"
#include "guest/media.h"
#include "object/event.h"

#define SETTLE_TIMEOUT (2U * 1000000U)
#define CLEANUP_TIMEOUT (30U * 1000000U)

static const struct {
        const char *name;
        DomainState public;
} states[_GUEST_STATE_MAX] = {
        [GUEST_OFF] = { "off", DOMAIN_SHUTOFF },
        [GUEST_STARTING] = { "starting", DOMAIN_PAUSED },
        [GUEST_RUNNING] = { "running", DOMAIN_RUNNING },
        [GUEST_PAUSED] = { "paused", DOMAIN_PAUSED },
        [GUEST_SHUTDOWN] = { "shutdown", DOMAIN_SHUTDOWN },
        [GUEST_PANICKED] = { "panicked", DOMAIN_CRASHED },
        [GUEST_SUSPENDED] = { "suspended", DOMAIN_PMSUSPENDED },
        [GUEST_ENDING] = { "ending", DOMAIN_SHUTOFF },
};

const char *guest_state_to_string(GuestState s) {
        return s >= 0 && s < _GUEST_STATE_MAX ? states[s].name : NULL;
}

DomainState guest_public_state(const Guest *g, int *ret_reason) {
        if (ret_reason)
                *ret_reason = g->state == GUEST_STARTING ? PAUSED_STARTING_UP : g->reason;
        return states[g->state].public;
}

/* SHUTOFF_x to the detail of the STOPPED event. */
static int stopped_detail(int reason) {
        static const int details[] = {
                [SHUTOFF_UNKNOWN] = STOPPED_FAILED,
                [SHUTOFF_SHUTDOWN] = STOPPED_SHUTDOWN,
                [SHUTOFF_DESTROYED] = STOPPED_DESTROYED,
                [SHUTOFF_CRASHED] = STOPPED_FAILED, /* QEMU's death; a guest's panic comes as SHUTOFF_CRASHED too, see
                                                       below */
                [SHUTOFF_MIGRATED] = STOPPED_MIGRATED,
                [SHUTOFF_SAVED] = STOPPED_SAVED,
                [SHUTOFF_FAILED] = STOPPED_FAILED,
        };

        return reason >= 0 && (size_t) reason < ELEMENTSOF(details) ? details[reason] : STOPPED_FAILED;
}

static int suspended_detail(int reason) {
        return reason == PAUSED_IOERROR    ? SUSPENDED_IOERROR
               : reason == PAUSED_WATCHDOG ? SUSPENDED_WATCHDOG
                                           : SUSPENDED_PAUSED;
}

#define AGENT_DISCONNECTED 2
#define AGENT_DOMAIN_STARTED 1

/* Who waits for the agent learns that it may come. */
static void tell_agent(const Guest *g) {
        _cleanup_definition_ Definition *live = NULL;

        if (!object_event_is_wanted(&g->object, EVENT_AGENT_LIFECYCLE) || g->run->agent_open ||
            object_load(&g->object, OBJECT_LIVE, &live, NULL) < 0)
                return;
        XML_FOREACH(channel, definition_devices(live), "channel")
                if (xml_attr_is(xml_child(channel, "target"), "name", AGENT_CHANNEL))
                        emit_agent_lifecycle(g, AGENT_DISCONNECTED, AGENT_DOMAIN_STARTED);
}

/* The first state after the start of QEMU. */
static void tell_started(Guest *g) {
        g->run->started = true;
        if (g->run->quiet)
                return;
        media_tell_missing(g);
        tell_agent(g);
        if (g->state == GUEST_RUNNING)
                object_emit_lifecycle(&g->object, LIFECYCLE_RESUMED, RESUMED_UNPAUSED);
        object_emit_lifecycle(&g->object, LIFECYCLE_STARTED, STARTED_BOOTED);
        if (g->state == GUEST_PAUSED)
                object_emit_lifecycle(&g->object, LIFECYCLE_SUSPENDED, suspended_detail(g->reason));
}

static void tell_running(Guest *g, GuestState from) {
        if (from == GUEST_SUSPENDED) {
                object_emit_lifecycle(&g->object, LIFECYCLE_STARTED, STARTED_WAKEUP);
                emit_pmwakeup(g);
        } else
                object_emit_lifecycle(&g->object, LIFECYCLE_RESUMED, RESUMED_UNPAUSED);
}

static void tell_stopped(Guest *g, GuestState from) {
        int detail = from == GUEST_PANICKED ? STOPPED_CRASHED : stopped_detail(g->reason);

        object_emit_lifecycle(&g->object, LIFECYCLE_STOPPED, detail);
}

static void tell(Guest *g, GuestState from) {
        bool up = g->state == GUEST_RUNNING || g->state == GUEST_PAUSED;

        if (g->run && !g->run->started) {
                if (up)
                        tell_started(g);
                else if (g->run->quiet && g->state != GUEST_STARTING)
                        g->run->started = true; /* found asleep or the like: its start is no news, what follows is */
                return;
        }
        switch (g->state) {
        case GUEST_RUNNING:
                tell_running(g, from);
                break;
        case GUEST_PAUSED:
                object_emit_lifecycle(&g->object, LIFECYCLE_SUSPENDED, suspended_detail(g->reason));
                break;
        case GUEST_SHUTDOWN:
                object_emit_lifecycle(&g->object, LIFECYCLE_SHUTDOWN,
                               g->reason == SHUTDOWN_USER ? SHUTDOWN_GUEST : SHUTDOWN_FINISHED);
                break;
        case GUEST_PANICKED:
                object_emit_lifecycle(&g->object, LIFECYCLE_CRASHED, 0);
                break;
        case GUEST_SUSPENDED:
                object_emit_lifecycle(&g->object, LIFECYCLE_PMSUSPENDED, 0);
                emit_pmsuspend(g);
                break;
        case GUEST_ENDING:
                tell_stopped(g, from);
                break;
        case GUEST_OFF:
                if (from != GUEST_ENDING)
                        tell_stopped(g, from);
                break;
        case GUEST_STARTING:
        case _GUEST_STATE_MAX:
        case _GUEST_STATE_INVALID:
                break;
        }
}

void guest_enter(Guest *g, GuestState state, int reason) {
        GuestState from = g->state;

        g->state = state;
        g->reason = reason;
        if (g->run && (state == GUEST_RUNNING || state == GUEST_PAUSED))
                keep_save(g);
        if (from == state)
                return;
        tell(g, from);
        if (state == GUEST_OFF || state == GUEST_ENDING)
                g->id = -1;
        fiber_queue_wake_all(&g->object.waiters, 0);
}

void guest_settle(Guest *g) {
        if (!g->run || g->run->settled)
                return;
        g->run->settled = true;
        fiber_queue_wake_all(&g->object.waiters, 0);
}

static uint64_t now_usec(void) {
        struct timespec t;

        clock_gettime(CLOCK_MONOTONIC, &t);
        return (uint64_t) t.tv_sec * 1000000U + (uint64_t) t.tv_nsec / 1000U;
}

void guest_wait_settled(Guest *g) {
        uint64_t end = now_usec() + SETTLE_TIMEOUT;

        while (!g->object.gone && g->run && !g->run->settled) {
                uint64_t now = now_usec();

                if (now >= end || fiber_queue_wait(&g->object.waiters, end - now) < 0)
                        return;
        }
}

/* Clients know of an end when QEMU is gone, its unit goes milliseconds later. As long as systemd holds the unit for
 * active a start would be done at once, and nothing started. */
int guest_wait_for_cleanup(Guest *g) {
        uint64_t end = now_usec() + CLEANUP_TIMEOUT;

        while (!g->object.gone && g->state == GUEST_ENDING) {
                uint64_t now = now_usec();
                int r = now >= end ? -ETIMEDOUT : fiber_queue_wait(&g->object.waiters, end - now);

                if (r < 0)
                        return r;
        }
        return 0;
}
