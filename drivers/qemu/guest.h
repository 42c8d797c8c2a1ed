/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* A guest as the supervisor knows it, and the index of all guests.
 *
 * Nothing here is the only place of anything: guests come from the files in /etc and /run (index.h), the state of a
 * running one from QMP (monitor.h). A definition's tree is parsed when it is asked for and not kept. */

#include <sys/stat.h>

#include "base/error.h"
#include "base/macros.h"
#include "loop/fiber.h"
#include "loop/loop.h"
#include "model/definition.h"
#include "numbers.h"
#include "qmp.h"
#include "rpc/event.h"
#include "rpc/remote.h"

typedef struct QemuDriver QemuDriver;
typedef struct Guest Guest;

/* What we tell apart; guest_public_state() says what clients are told. */
typedef enum GuestState {
        GUEST_OFF,       /* no QEMU */
        GUEST_STARTING,  /* its unit is being started: the live definition is there, the first instruction was not run */
        GUEST_RUNNING,
        GUEST_PAUSED,
        GUEST_SHUTDOWN,  /* the guest has shut down, QEMU is about to end */
        GUEST_PANICKED,
        GUEST_SUSPENDED, /* ACPI S3 */
        GUEST_ENDING,    /* QEMU has gone, its unit is cleaning up */
        _GUEST_STATE_MAX,
        _GUEST_STATE_INVALID = -EINVAL,
} GuestState;

const char *guest_state_to_string(GuestState s);

/* Says which content of a file was read. */
typedef struct FileStamp {
        uint64_t mtime_nsec;
        uint64_t inode;
        uint64_t size;
} FileStamp;

static inline void file_stamp_of(const struct stat *st, FileStamp *ret) {
        ret->mtime_nsec = (uint64_t) st->st_mtim.tv_sec * 1000000000U + (uint64_t) st->st_mtim.tv_nsec;
        ret->inode = st->st_ino;
        ret->size = (uint64_t) st->st_size;
}

static inline bool file_stamp_equal(const FileStamp *a, const FileStamp *b) {
        return a->mtime_nsec == b->mtime_nsec && a->inode == b->inode && a->size == b->size;
}

/* The numbers of a definition that clients ask for again and again. */
typedef struct GuestFacts {
        uint64_t memory_kib;   /* most */
        uint64_t current_kib;
        unsigned vcpus_max;
        unsigned vcpus;
        bool valid;
} GuestFacts;

/* One run of QEMU, from the live definition's appearance to its removal. */
typedef struct GuestRun {
        int id;                     /* the number of this run */
        FileStamp live;             /* of the live definition */
        GuestFacts facts;           /* of the live definition */
        int dir_fd;                 /* RuntimeDirectory= of the unit, once it is there */
        sd_event_source *dir_watch;
        sd_event_source *retry;     /* connects again later */
        unsigned n_retries;
        uid_t uid;                  /* owner of that folder: QEMU's user */
        pid_t pid;                  /* QEMU, by SO_PEERCRED of its monitor; 0 before */
        QmpClient *qmp;
        uint64_t balloon_kib;       /* as QEMU said last; 0 unknown */
        int pause_reason;           /* of the STOP event to come, told by the event before it; 0: user */
        GuestState kept_state;      /* as an earlier supervisor left it (keep.h); _GUEST_STATE_INVALID: it left nothing */
        int kept_reason;
        int end_reason;             /* SHUTOFF_x as far as events told; SHUTOFF_UNKNOWN before */
        bool settled;               /* QEMU told its state, or cannot */
        bool quiet;                 /* was running when we came: its start is no news */
        bool started;               /* STARTED was emitted, or is no news */
        bool destroy;               /* a client wants its end */
} GuestRun;

/* The mark of a guest whose client has gone together with an earlier supervisor. */
#define AUTODESTROY_ORPHAN UINT64_MAX

struct Guest {
        unsigned n_ref;
        QemuDriver *driver;
        char *name;
        uint8_t uuid[16];
        int id;                     /* -1: not active */
        GuestState state;
        int reason;                 /* RUNNING_x, PAUSED_x ... as fits the state */
        bool persistent;            /* definition in /etc */
        bool transient;             /* definition in /run */
        bool gone;                  /* no longer in the index; only references keep it */
        FileStamp stamp;            /* of the persistent definition */
        GuestFacts facts;           /* of the inactive definition */
        bool kept;                  /* NAME.state is there, see keep.h */
        uint64_t autodestroy;       /* connection_id() + 1 of the client whose end ends the guest; 0 none */
        GuestRun *run;
        FiberLock lock;             /* held by calls that change the definition or start the guest */
        FiberQueue waiters;         /* woken at each change of state or settled */
};

/* n_ref 1, not in the index. */
int guest_new(QemuDriver *d, const char *name, const uint8_t uuid[16], Guest **ret);
Guest *guest_ref(Guest *g);
Guest *guest_unref(Guest *g);
DEFINE_CLEANUP(Guest *, guest_unref);
#define _cleanup_guest_ _cleanup_(guest_unrefp)

static inline bool guest_is_active(const Guest *g) {
        return g->state != GUEST_OFF && g->state != GUEST_ENDING;
}

/* A transient guest is gone for clients as soon as its QEMU is, although its unit has yet to clean up. */
static inline bool guest_is_visible(const Guest *g) {
        return g->persistent || g->state != GUEST_ENDING;
}

DomainState guest_public_state(const Guest *g, int *ret_reason);

/* mark: as Guest.autodestroy. */
void guest_set_autodestroy(Guest *g, uint64_t mark);

/* The index. Names and uuids are unique. */
int guests_add(Guest *g);                     /* takes a reference; -EEXIST */
void guests_remove(Guest *g);                 /* sets gone, drops the reference */
int guests_rename(Guest *g, const char *name); /* -EEXIST */
Guest *guests_by_name(const QemuDriver *d, const char *name); /* borrowed */
Guest *guests_by_uuid(const QemuDriver *d, const uint8_t uuid[16]);
Guest *guests_by_id(const QemuDriver *d, int id);
Guest *guests_visible_by_uuid(const QemuDriver *d, const uint8_t uuid[16]); /* NULL as well where it is not visible */
/* All, sorted by name; f must not add or remove any. */
void guests_foreach(const QemuDriver *d, void (*f)(Guest *g, void *userdata), void *userdata);
size_t guests_count(const QemuDriver *d);

/* All guests, sorted by name, each with a reference; *ret is free()d after the references are dropped. */
int guests_snapshot(const QemuDriver *d, Guest ***ret, size_t *ret_n);
void guests_release(Guest **list, size_t n);

/* --- state --- */

/* Goes to a state, tells clients what that means to them, wakes who waits. Going where it is already changes the
 * reason only. */
void guest_enter(Guest *g, GuestState state, int reason);
/* The state is as good as it will get; wakes who waits. */
void guest_settle(Guest *g);
/* Waits until QEMU was asked at least once since we came (at most two seconds). Within a fiber. */
void guest_wait_settled(Guest *g);

/* --- files --- */

/* Paths of the guest's files; owned by the caller, NULL on OOM. */
char *guest_path_persistent(const char *name);
char *guest_path_transient(const char *name);
char *guest_path_live(const char *name);
char *guest_path_run(const char *name, const char *suffix); /* "last", "error", "request" */

/* The definition to be used at the next start, and the one of the running QEMU (-ENOENT where it is not active). */
int guest_load_inactive(Guest *g, Definition **ret, Error *e);
int guest_load_live(Guest *g, Definition **ret, Error *e);
/* What the next start uses: the transient one where there is one, as vm-prepare takes it. */
int guest_load_next(Guest *g, Definition **ret, Error *e);
/* The live one when active, else the other. */
int guest_load_current(Guest *g, Definition **ret, Error *e);

/* The facts that go with the same. */
int guest_facts(Guest *g, bool live, GuestFacts *ret, Error *e);

/* --- the wire --- */

/* Fills a reply's domain: malloc()ed name. */
int guest_to_wire(const Guest *g, remote_nonnull_domain *ret);
/* The same with a borrowed name, for events. */
remote_nonnull_domain guest_for_event(const Guest *g);
