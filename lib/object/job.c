/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Jobs. Fibers are not preempted, so a look at the counts and their change are one step. */

#include <time.h>

#include "object/kind.h"
#include "object/store.h"

#define BEGIN_TIMEOUT (30U * 1000000U)

static uint64_t now_usec(void) {
        struct timespec t;

        clock_gettime(CLOCK_MONOTONIC, &t);
        return (uint64_t) t.tv_sec * 1000000U + (uint64_t) t.tv_nsec / 1000U;
}

/* The asynchronous job that is under way, if one is. */
static const ObjectAsync *async_of(const ObjectJob *j) {
        return j->async && j->async->now.word ? &j->async->now : NULL;
}

/* Who stands in the way; NULL where nobody does. */
static const char *obstacle(const ObjectJob *j, ObjectJobKind kind) {
        const ObjectAsync *async = async_of(j);

        if (kind == OBJECT_DESTROY)
                return NULL;
        if (j->modifier)
                return j->modifier;
        if (kind == OBJECT_MODIFY && j->n_queries > 0)
                return "a query";
        return async && !(async->permits & OBJECT_PERMITS(kind)) ? async->word : NULL;
}

static int error_busy(Object *o, const char *holder, int r, Error *e) {
        char buffer[37];

        return error_set(e, r, ERROR_OPERATION_TIMEOUT, object_kind(o)->origin,
                         "cannot acquire state change lock of %s '%s' (held by %s)", object_kind(o)->word,
                         object_label(o, buffer), holder);
}

int object_job_begin(Object *o, ObjectJobKind kind, const char *what, Error *e) {
        uint64_t end = now_usec() + BEGIN_TIMEOUT;
        const ObjectAsync *async;
        const char *holder;

        while ((holder = obstacle(&o->job, kind)) && !o->gone) {
                uint64_t now = now_usec();
                int r = now >= end ? -ETIMEDOUT : fiber_queue_wait(&o->job.waiters, end - now);

                if (r == -ETIMEDOUT)
                        return error_busy(o, obstacle(&o->job, kind) ?: holder, r, e);
                if (r < 0)
                        return r;
        }
        if (o->gone)
                return object_error_gone(o, e);
        async = async_of(&o->job);
        if (kind == OBJECT_QUERY)
                o->job.n_queries++;
        else if (kind == OBJECT_MODIFY)
                o->job.modifier = what ? what : "a change";
        else if (async && async->abort)
                (void) async->abort(o, async->userdata, NULL);
        return 0;
}

void object_job_end(Object *o, ObjectJobKind kind) {
        if (kind == OBJECT_QUERY)
                o->job.n_queries--;
        else if (kind == OBJECT_MODIFY)
                o->job.modifier = NULL;
        fiber_queue_wake_all(&o->job.waiters, 0);
        if (kind == OBJECT_MODIFY)
                object_look_again(o);
}

int object_async_begin(Object *o, const ObjectAsync *async, Error *e) {
        const ObjectAsync *now = async_of(&o->job);

        if (now)
                return object_refuse(o, e, "%s is under way", now->word);
        if (!o->job.async)
                o->job.async = calloc(1, sizeof(*o->job.async));
        if (!o->job.async)
                return -ENOMEM;
        o->job.async->now = *async;
        o->job.async->progress = (ObjectProgress) {
                .status = OBJECT_JOB_UNBOUNDED, .operation = async->operation, .started_usec = now_usec() };
        return 0;
}

ObjectProgress *object_async_progress(Object *o) {
        return async_of(&o->job) ? &o->job.async->progress : NULL;
}

void object_async_end(Object *o, ObjectJobStatus status) {
        ObjectAsyncJob *j = o->job.async;

        if (!async_of(&o->job))
                return;
        j->last = object_job_now(o);
        j->last.status = status;
        j->last.remaining_msec = 0;
        j->now = (ObjectAsync) {};
        j->progress = (ObjectProgress) {};
        fiber_queue_wake_all(&o->job.waiters, 0);
}

int object_async_abort(Object *o, Error *e) {
        const ObjectAsync *now = async_of(&o->job);

        if (!now)
                return object_refuse(o, e, "no job is active on the %s", object_kind(o)->word);
        if (!now->abort)
                return object_refuse(o, e, "cannot abort %s", now->word);
        return now->abort(o, now->userdata, e);
}

ObjectProgress object_job_now(const Object *o) {
        ObjectProgress p = o->job.async ? o->job.async->progress : (ObjectProgress) {};

        if (async_of(&o->job))
                p.elapsed_msec = (now_usec() - p.started_usec) / 1000U;
        return p;
}

ObjectProgress object_job_last(Object *o, bool keep) {
        ObjectProgress p = o->job.async ? o->job.async->last : (ObjectProgress) {};

        if (!keep && o->job.async)
                o->job.async->last = (ObjectProgress) {};
        return p;
}

void object_job_done(Object *o) {
        free(o->job.async);
}
