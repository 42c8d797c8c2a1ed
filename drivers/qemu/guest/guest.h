/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* A guest as the supervisor knows it.
 *
 * Nothing here is the only place of anything: guests come from the files in /etc and /run (run/index.h), the state of a
 * running one from QMP (run/monitor.h). A definition's tree is parsed when it is asked for and not kept. */

#include <jansson.h>

#include "base/guest-files.h"
#include "guest/driver.h"
#include "guest/numbers.h"
#include "loop/fiber.h"
#include "object/store.h"

typedef struct QmpClient QmpClient;

/* What we tell apart; guest_public_state() says what clients are told. */
typedef enum GuestState {
        GUEST_OFF, /* no QEMU */
        GUEST_STARTING, /* its unit is being started: the live definition is there, the first instruction was not run */
        GUEST_RUNNING,
        GUEST_PAUSED,
        GUEST_SHUTDOWN, /* the guest has shut down, QEMU is about to end */
        GUEST_PANICKED,
        GUEST_SUSPENDED, /* ACPI S3 */
        GUEST_ENDING, /* QEMU has gone, its unit is cleaning up */
        _GUEST_STATE_MAX,
        _GUEST_STATE_INVALID = -EINVAL,
} GuestState;

const char *guest_state_to_string(GuestState s);

/* The numbers of a definition that clients ask for again and again. */
typedef struct GuestFacts {
        uint64_t memory_kib;   /* most */
        uint64_t current_kib;
        unsigned vcpus_max;
        unsigned vcpus : 28;
        bool valid : 1;
        bool kvm : 1;
        bool counted : 1;      /* events of it are (<perf>) */
        bool monitored : 1;    /* parts of caches, or of the way to memory, are (<monitor>) */
} GuestFacts;

/* The removal of a device that somebody waits for. */
typedef enum UnplugState { UNPLUG_ASKED, UNPLUG_GONE, UNPLUG_REFUSED } UnplugState;
typedef struct Unplug {
        const char *alias;      /* NULL: nobody waits */
        Fiber *fiber;           /* once it sleeps */
        UnplugState state;
} Unplug;

/* One run of QEMU, from the live definition's appearance to its removal. */
typedef struct GuestRun {
        int id;                     /* the number of this run */
        GuestFacts facts;           /* of the live definition */
        int dir_fd;                 /* RuntimeDirectory= of the unit, once it is there */
        sd_event_source *dir_watch;
        sd_event_source *retry;     /* connects again later */
        unsigned n_retries;
        uid_t uid;                  /* owner of that folder: QEMU's user */
        pid_t pid;                  /* QEMU, by SO_PEERCRED of its monitor; 0 before */
        int pid_fd;                 /* the same as a pidfd */
        sd_event_source *pid_watch; /* its end, once the connection has ended */
        QmpClient *qmp;
        uint64_t balloon_kib;       /* as QEMU said last; 0 unknown */
        int pause_reason;           /* of the STOP event to come, told by the event before it; 0: user */
        GuestState kept_state; /* as an earlier supervisor left it (keep.h); _GUEST_STATE_INVALID: it left nothing */
        int kept_reason;
        int end_reason;             /* SHUTOFF_x as far as events told; SHUTOFF_UNKNOWN before */
        Unplug unplug;
        char qemu_version[32];      /* "10.0.2"; empty until somebody asked */
        unsigned *by_number;        /* images whose threshold was set by their number, ended by 0; may be NULL */
        char *unplug_paused;        /* alias of what was asked to go last while the guest was paused */
        bool settled;               /* QEMU told its state, or cannot */
        bool quiet;                 /* was running when we came: its start is no news */
        bool started;               /* STARTED was emitted, or is no news */
        bool destroy;               /* a client wants its end */
        bool rebooting;             /* a client wants it: the power off to come is no end */
        bool mute;                  /* has yet to answer what was asked long ago */
        bool agent_open;            /* something in the guest has opened the agent's channel */
        bool no_marks;              /* no image has a threshold, as far as we know */
        bool followed;              /* its unit is asked about, see run/follow.h */
} GuestRun;

#define AGENT_TIMEOUT_BLOCK (-2) /* virDomainAgentResponseTimeoutValues */
#define AGENT_TIMEOUT_DEFAULT (-1)

/* The mark of a guest whose client has gone together with an earlier supervisor. */
#define AUTODESTROY_ORPHAN UINT64_MAX

struct Guest {
        Object object;
        QemuDriver *driver;
        int id;                     /* -1: not active */
        GuestState state;
        int reason;                 /* RUNNING_x, PAUSED_x ... as fits the state */
        int agent_timeout;          /* of commands to its agent, see run/agent.h; AGENT_TIMEOUT_BLOCK: nobody said */
        bool kept;                  /* NAME.state is there, see guest/keep.h */
        GuestFacts facts;           /* of the inactive definition */
        uint64_t autodestroy;       /* guest_mark() of the client whose end ends the guest; 0 none */
        FiberLock agent_lock;
        GuestRun *run;
};

/* With what malloc() needs, 256 bytes: a host may have thousands. What only a running one needs is in its GuestRun. */
_Static_assert(sizeof(Guest) <= 248, "a guest that does not run takes too much memory");

static inline Guest *guest_of(const Object *o) {
        return container_of((Object *) o, Guest, object);
}

static inline Guest *guest_ref(Guest *g) {
        object_ref(&g->object);
        return g;
}

static inline Guest *guest_unref(Guest *g) {
        if (g)
                object_unref(&g->object);
        return NULL;
}
DEFINE_CLEANUP(Guest *, guest_unref);
#define _cleanup_guest_ _cleanup_(guest_unrefp)

static inline Guest *guest_by_name(const QemuDriver *d, const char *name) {
        Object *o = object_by_name(&d->guests, NULL, name);

        return o ? guest_of(o) : NULL;
}

static inline bool guest_is_active(const Guest *g) {
        return g->state != GUEST_OFF && g->state != GUEST_ENDING;
}

/* A transient guest is gone for clients as soon as its QEMU is, although its unit has yet to clean up. */
static inline bool guest_is_visible(const Guest *g) {
        return g->object.persistent || g->state != GUEST_ENDING;
}

DomainState guest_public_state(const Guest *g, int *ret_reason);

/* The mark of a client's connection. */
static inline uint64_t guest_mark(const Connection *c) {
        return connection_id(c) + 1;
}
/* mark: as Guest.autodestroy. */
void guest_set_autodestroy(Guest *g, uint64_t mark);

/* --- state --- */

/* Goes to a state, tells clients what that means to them, wakes who waits. Going where it is already changes the
 * reason only. */
void guest_enter(Guest *g, GuestState state, int reason);
/* The state is as good as it will get; wakes who waits. */
void guest_settle(Guest *g);
/* Waits until QEMU was asked at least once since we came (at most two seconds). Within a fiber. */
void guest_wait_settled(Guest *g);
/* Waits until nothing of an end is under way; -ETIMEDOUT after half a minute. The guest may be gone then. */
int guest_wait_for_cleanup(Guest *g);

/* --- definitions --- */

/* The numbers of the live or of the inactive definition. */
int guest_facts(Guest *g, bool live, GuestFacts *ret, Error *e);

/* What the balloon holds now, in KiB: QEMU is asked once and tells each change; before, and without QEMU or a balloon,
 * what the definition says. */
uint64_t guest_balloon_kib(const Guest *g, const GuestFacts *facts);

/* A guest in an event: its name is borrowed. */
remote_nonnull_domain guest_for_event(const Guest *g);
