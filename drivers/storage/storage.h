/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The storage driver: pools as objects (lib/object), each the unit vm-pool@NAME.service; volumes as the lines of the
 * file that a pool's unit leaves (storage/table.h). Nothing here waits for a disk: pools are worked on in their units,
 * volumes in vm-volume@ID.service and vm-volume-worker@NAME.service, and a volume is looked at by a child.
 *
 *   driver.c       the kind, its files and its unit, lists and other calls that all objects have
 *   define.c       definitions: define, undefine, create
 *   guests.c       guests that have disks in a pool that changes
 *   conflict.c     two pools on one source
 *   place.c        where folders are
 *   run.c          start, stop, refresh, build, delete, search for sources
 *   mount.c        the file system of a pool: why it is not there, and when it has gone
 *   capabilities.c pool-capabilities
 *   volumes.c      the volumes of a pool, as far as they are known
 *   look.c         volumes looked at anew
 *   looker.c       the program that looks, and one in reserve
 *   find.c         volumes by name, key and path; lists
 *   show.c         documents and figures of pools and volumes
 *   job.c          work on volumes
 *   making.c       volumes in the making
 *   worker.c       ... that is over soon
 *   lane.c         the way to who does that
 *   make.c         create, clone, delete, resize, wipe
 *   stream.c       upload, download
 */

#include "dbus/systemd.h"
#include "object/call.h"
#include "object/event.h"
#include "loop/fiber.h"
#include "loop/process.h"
#include "object/unit.h"
#include "storage/job.h"
#include "storage/pool.h"
#include "storage/table.h"

/* What this daemon has learned since: a refresh that began before does not know it. */
typedef struct Change {
        uint64_t when;          /* CLOCK_BOOTTIME, nanoseconds */
        char *line;
} Change;

typedef struct Pool {
        Object object;
        PoolSpec *spec;         /* of the definition in force; NULL: not read yet */
        VolumeTable table;
        FileStamp stamp;        /* of the file that the table was read from */
        bool has_table;
        int table_fd;           /* to append to it; -EBADF: not open */
        off_t file_size;
        Change *changes;
        size_t n_changes;
        bool looking;           /* a look at its sizes goes on ... */
        FiberQueue looked;      /* ... whose end some wait for */
        uint64_t deaf_until;    /* CLOCK_BOOTTIME, nanoseconds: it did not answer, and is not asked again before */
        struct Making *making;  /* volumes that are being made, if that takes a while */
        char **writing;         /* names of volumes that are being made, changed, uploaded */
        char **reading;         /* downloaded, cloned: each as often as it is */
        struct Lane *lanes;     /* to the worker, without a job at the moment */
        unsigned n_lanes;
        FiberLock worker_lock;  /* held by who starts or stops the worker */
        unsigned worker_number; /* of workers that have ended */
        uint64_t worker_load;   /* bytes that are to be written by the worker */
} Pool;

typedef struct StorageDriver {
        DriverHost *host;
        ObjectIndex pools;
        ProcessSpare spare;     /* that looks next ... */
        sd_event_source *spare_timer;
        bool spare_wanted;      /* ... when the timer has run */
} StorageDriver;

extern const ObjectKind kind_pool;

#define CALL(NAME, f, ...) OBJECT_CALL(remote, REMOTE, &kind_pool, Pool, NAME, f, __VA_ARGS__)
#define ACTION(NAME, f, ...) OBJECT_ACTION(remote, REMOTE, &kind_pool, Pool, NAME, f, __VA_ARGS__)
#define PLAIN(NAME, f, ...) PLAIN_CALL(remote, REMOTE, &kind_pool, NAME, f, __VA_ARGS__)

extern const RpcTable storage_table_driver, storage_table_define, storage_table_run, storage_table_capabilities,
        storage_table_find, storage_table_show, storage_table_make, storage_table_stream;

/* virStoragePoolEventLifecycleType beside OBJECT_DEFINED and OBJECT_UNDEFINED */
enum { POOL_STARTED = 2, POOL_STOPPED, POOL_CREATED, POOL_DELETED };

static inline Pool *pool_of(const Object *o) {
        return container_of((Object *) o, Pool, object);
}

/* --- driver.c --- */

/* What the definition in force says; the pool's, until that changes. */
int pool_spec(Pool *p, const PoolSpec **ret, Error *e);

void pool_emit_refresh(Pool *p);

/* --- define.c --- */

/* In canonical form, the caller's; NULL where it cannot be read. */
Definition *pool_definition(Pool *p, ObjectVersion which);

/* --- guests.c --- */

/* Has the units of guests ordered behind the pool that their disks lie in, after its definition was before (NULL: there
 * was none) and is after (NULL: none any more). Lets others have their turn; what cannot be written is made good by
 * the next start or daemon-reload. */
void pool_correct_guests(ObjectIndex *i, const Definition *before, const Definition *after);

/* --- conflict.c --- */

/* Code 9 where a pool of another name has the source or the folder that spec names, or where the folder would be made
 * inside of another pool's. stays: the folder is its own already; then only what the definitions say counts. Waits,
 * and spec has to stay meanwhile. */
int pool_refuse_conflict(ObjectIndex *i, const PoolSpec *spec, bool stays, Error *e);
/* By their words. */
bool pool_same_target(const PoolSpec *a, const PoolSpec *b);

/* --- place.c --- */

/* For each path "+PLACE", or "-PLACE" where nothing is there (storage/folder.h). Negative errno where that cannot be
 * said at once. Waits. */
int pool_places(ObjectIndex *i, char *const *paths, char ***ret);

/* --- run.c --- */

/* Starts the unit, or fails with its words. Waits. */
int pool_start(Pool *p, bool transient, Error *e);
/* What was read of the definition, in canonical form, for the unit's start; stamp as it was before, may be NULL. */
void pool_hand_over(const Definition *d, const char *stamp);
/* The pool's unit looks at all of it anew, if need be as the folder's owner. Waits. */
int pool_reload(Pool *p, Error *e);
/* flags: of virStoragePoolCreate(): what is to be built before the start. */
int pool_request_build(Pool *p, uint32_t flags, Error *e);

/* --- mount.c --- */

/* After a start that failed with r: where that was the mount, the error says so, and why, as far as that can be seen.
 * Returns r. Waits. */
int pool_explain_mount(Pool *p, int r, Error *e);
/* Of a pool on a file system of its own; NULL for others. The caller's. */
char *pool_mount_unit(Pool *p);
/* After the pool has ended. -ECANCELED. Waits. */
int pool_wait_unmounted(Systemd *systemd, const char *unit);

/* --- volumes.c --- */

/* The volumes of an active pool, as its file says now. Code 55 where it is not active. */
int pool_volumes(Pool *p, VolumeTable **ret, Error *e);
void pool_forget_volumes(Pool *p);
/* Takes in what was learned: lines of storage/table.h. Nothing where nothing is known of the pool. */
int pool_learn_lines(Pool *p, char *text);
/* Takes in what a look at the whole pool, begun then, has found, but for what was learned since. *ret_parts: there are
 * volumes in the making, or what was left of some. */
int pool_learn_all(Pool *p, char *text, uint64_t begun, bool *ret_parts);
/* What is known stays, and says that it is old. */
void pool_set_stale(Pool *p);
/* Is the file as this daemon left it? */
bool pool_file_is_own(const Pool *p);
/* CLOCK_BOOTTIME, nanoseconds. */
uint64_t pool_clock(void);
bool pool_is_writing(const Pool *p, const char *name);
bool pool_is_reading(const Pool *p, const char *name);
int pool_busy_begin(char ***list, const char *name);
void pool_busy_end(char **list, const char *name);
/* Code 55 for a volume that something else is working on. */
int pool_refuse_busy(const Pool *p, const char *name, bool also_readers, Error *e);

/* --- making.c --- */

typedef struct Making Making;

/* A job begins: a volume that it makes is one of the pool's from now on. */
int making_begin(Pool *p, const VolumeJob *j);
/* It has ended. True: what the table has of the volume is only what it was to become, until more is learned. */
bool making_end(Pool *p, const char *name);
/* Nothing could be learned. */
void making_unlist(Pool *p, const char *name);
/* After the table was read. */
void making_show_all(Pool *p);
bool pool_is_making(Pool *p, const char *name);
/* How much it has by now, as far as that can be seen. Waits. */
int making_look(Pool *p, Volume *v, Error *e);

/* --- look.c --- */

/* How long a look at a volume may take, microseconds. */
#define LOOK_TIMEOUT (5ULL * 1000 * 1000)
/* A pool that did not answer is not asked again for a minute. */
void pool_set_deaf(Pool *p);
bool pool_is_deaf(const Pool *p);
/* Looks at a volume (NULL: only the pool's sizes) in a child and takes in what it finds. -ENOENT: it is gone.
 * -ETIMEDOUT and others: what was known stays; a pool that did not answer is not asked again for a minute. Waits. */
int pool_look(Pool *p, const char *name, const char *path, Error *e);
/* The pool's sizes alone. Who waits, waits a moment only: what has not come by then is as it was known, and is taken in
 * when it comes. */
int pool_look_at_sizes(Pool *p);
/* Looks at all of a pool whose volumes are files. After a failure what was known is stale. *ret_parts is as above.
 * Waits. */
int pool_look_at_all(Pool *p, bool *ret_parts, Error *e);

/* --- find.c --- */

/* The volume of a call's argument, with the caller's right to what the procedure does. *ret_pool has a reference. */
int volume_find(Call *c, const remote_nonnull_storage_vol *v, uint32_t flags, Pool **ret_pool, Volume **ret, Error *e);
int volume_check_access(Call *c, const Pool *p, const char *key, uint32_t flags, Error *e);
int volume_to_wire(const Pool *p, const Volume *v, remote_nonnull_storage_vol *ret);
/* Error 50. */
int volume_none(const char *what, const char *value, Error *e);

/* --- job.c --- */

/* Random: "clone-0123456789abcdef". NULL without memory. */
char *job_id(JobVerb verb);
/* Work on a volume that is there, and what is known of it. Zero is none. */
typedef struct Work {
        Pool *pool;             /* with a reference */
        VolumeJob *job;
        Volume *volume;
} Work;
void work_done(Work *w);
#define _cleanup_work_ _cleanup_(work_done)
/* Looks the volume up, and refuses what others are at work on; the job knows the volume then, and flags. *w is the
 * caller's to free after a failure too. */
int work_begin(Call *c, const remote_nonnull_storage_vol *v, uint32_t flags, JobVerb verb, Work *w, Error *e);

/* Work on a volume of a pool: hands the job to the worker or to a unit of its own, and waits for its end. The volume is
 * busy meanwhile, and known anew afterwards. id: of the unit, where its name matters before; else NULL. */
int pool_job(StorageDriver *d, Pool *p, VolumeJob *j, const char *id, Error *e);
/* Removes its files. */
void job_forget(const char *id);
/* Takes away what a job has left that has no result and nobody at work on it. Returns its error. Waits. */
int job_cut_off(StorageDriver *d, const char *id, Error *e);
/* Jobs that an earlier daemon began go on: their volumes are busy until they end. */
void jobs_adopt(StorageDriver *d);

/* --- worker.c --- */

/* Hands a job to the worker of the pool, if it is one that is over soon, and waits for its end. 1: it is done, and *ret
 * says what has become of the volume, in lines of storage/table.h, or is NULL. 0: it is for a unit of its own, and has
 * not been begun. Errors are the job's. */
int worker_run(Pool *p, VolumeJob *j, char **ret, Error *e);
/* Waits until a worker has done what it was given before, or has ended. 0; -ECANCELED. */
int worker_wait(Pool *p, const char *instance, Error *e);

/* --- lane.c --- */

typedef struct Lane Lane;

/* A lane over a connection to a worker, of which fd is taken, also on failure; number: the worker's, for lane_worker().
 * Errno, -ENOMEM. */
int lane_new(Loop *loop, int fd, unsigned number, Lane **ret);
/* One of the pool that has no job; NULL: there is none. Now it is the caller's. */
Lane *lane_of(Pool *p);
/* Hands the job over and waits for the answer: its length, 0 where the worker hung up in the middle, -ECANCELED;
 * another errno where it has not begun. */
ssize_t lane_exchange(Lane *l, const VolumeJob *j, char *buffer, size_t size);
/* Of the file of its job. */
const char *lane_id(const Lane *l);
unsigned lane_worker(const Lane *l);
/* The job has its answer: the lane is for the next. */
void lane_give_back(Pool *p, Lane *l);
/* It is of no more use; keep_job: the file of its job is the next daemon's. */
void lane_end(Lane *l, bool keep_job);
/* All that have no job. */
void pool_close_lanes(Pool *p);
