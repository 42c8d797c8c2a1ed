/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Who works on an object: the one lock of an object, which knows what it is held for.
 *
 *   query     looks; with other queries at the same time, not beside a modify job
 *   modify    changes; alone
 *   destroy   ends the object; waits for nobody, and calls off what takes long
 *
 * Beside these there may be one asynchronous job, which outlives the call that began it (migration, dump, block jobs):
 * it says which of the others may run meanwhile, how far it is and how it ended, and how it is called off. Nothing of
 * all this outlives the process: what must is in files and units.
 *
 * Rows of calls name what they need (object/call.h); only work without a row uses these functions directly. */

#include "base/error.h"
#include "loop/fiber.h"

typedef struct Object Object;

typedef enum ObjectJobKind {
        OBJECT_QUERY,
        OBJECT_MODIFY,
        OBJECT_DESTROY,
        _OBJECT_JOB_MAX,
} ObjectJobKind;

/* What an asynchronous job permits meanwhile; destroy always. */
#define OBJECT_PERMITS(kind) (1U << (kind))

/* How an asynchronous job goes, as virDomainGetJobInfo() and virDomainGetJobStats() tell it. Zero: there is none. */
typedef enum ObjectJobStatus {
        OBJECT_JOB_NONE,
        OBJECT_JOB_BOUNDED,     /* its end can be foretold */
        OBJECT_JOB_UNBOUNDED,
        OBJECT_JOB_COMPLETED,
        OBJECT_JOB_FAILED,
        OBJECT_JOB_CANCELLED,
} ObjectJobStatus; /* VIR_DOMAIN_JOB_x, equal numbers */

typedef struct ObjectProgress {
        ObjectJobStatus status;
        int operation;                  /* VIR_DOMAIN_JOB_OPERATION_x */
        uint64_t started_usec;          /* CLOCK_MONOTONIC */
        uint64_t elapsed_msec;          /* once it has ended; before: since started_usec */
        uint64_t remaining_msec;        /* 0: not known */
        uint64_t total, processed;      /* bytes */
} ObjectProgress;

typedef struct ObjectAsync {
        const char *word;               /* for error texts: "migration" */
        int operation;                  /* VIR_DOMAIN_JOB_OPERATION_x */
        unsigned permits;               /* OBJECT_PERMITS(...) | ... */
        /* Asks it to end soon; its owner then calls object_async_end(). In a fiber. NULL: cannot be called off. */
        int (*abort)(Object *o, void *userdata, Error *e);
        void *userdata;
} ObjectAsync;

/* The asynchronous job and the one before it: of the few objects that ever had one. */
typedef struct ObjectAsyncJob {
        ObjectAsync now;                /* word NULL: none */
        ObjectProgress progress;        /* of that one */
        ObjectProgress last;            /* of the one before that, complete */
} ObjectAsyncJob;

/* Embedded in Object. Zero is idle. */
typedef struct ObjectJob {
        unsigned n_queries;
        const char *modifier;           /* the call that modifies, for error texts; NULL: none */
        ObjectAsyncJob *async;          /* NULL: there never was one */
        FiberQueue waiters;
} ObjectJob;

/* With the object. */
void object_job_done(Object *o);

/* Waits until the object is free for it, 30 seconds at most: -ETIMEDOUT with code 68, naming who holds it. what: name
 * of the call (borrowed until the end). In a fiber. Whoever has waited looks again whether the object is gone. */
int object_job_begin(Object *o, ObjectJobKind kind, const char *what, Error *e);
void object_job_end(Object *o, ObjectJobKind kind);

/* Begins the asynchronous job, within a modify job, which the caller ends as usual. -EBUSY with code 55 where there is
 * one. */
int object_async_begin(Object *o, const ObjectAsync *async, Error *e);
/* The figures to fill in while it goes on; NULL where there is none. */
ObjectProgress *object_async_progress(Object *o);
/* Its end: object_job_last() tells of it until the next one ends. Takes no fiber. */
void object_async_end(Object *o, ObjectJobStatus status);
/* Asks it to end: -EINVAL with code 55 where there is none, or it cannot be called off. */
int object_async_abort(Object *o, Error *e);

/* How far it is, elapsed_msec filled in; status OBJECT_JOB_NONE where there is none. */
ObjectProgress object_job_now(const Object *o);
/* The same of the last one that ended; status OBJECT_JOB_NONE where there was none. keep: tell of it the next time
 * too. */
ObjectProgress object_job_last(Object *o, bool keep);
