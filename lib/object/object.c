/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Objects and their index: two balanced trees of libc (tsearch(3)), by name within a parent and by uuid. */

#include <search.h>

#include "base/strings.h"
#include "object/kind.h"

static bool has_names(const ObjectKind *k) {
        return k->wire.name_at != OBJECT_NO_MEMBER;
}

static bool has_uuids(const ObjectKind *k) {
        return k->wire.uuid_at != OBJECT_NO_MEMBER;
}

/* --- one object --- */

int object_new(ObjectIndex *i, Object *parent, const char *name, const uint8_t uuid[16], Object **ret) {
        Object *o = calloc(1, i->kind->size);

        if (!o)
                return -ENOMEM;
        if (name && !(o->name = strdup(name))) {
                free(o);
                return -ENOMEM;
        }
        o->n_ref = 1;
        o->index = i;
        o->parent = parent ? object_ref(parent) : NULL;
        if (uuid)
                memcpy(o->uuid, uuid, 16);
        if (i->kind->init)
                i->kind->init(o);
        *ret = o;
        return 0;
}

Object *object_ref(Object *o) {
        o->n_ref++;
        return o;
}

Object *object_unref(Object *o) {
        if (!o || --o->n_ref > 0)
                return NULL;
        if (object_kind(o)->done)
                object_kind(o)->done(o);
        object_unref(o->parent);
        object_job_done(o);
        free(o->name);
        free(o);
        return NULL;
}

const ObjectKind *object_kind(const Object *o) {
        return o->index->kind;
}

bool object_is_active(const Object *o) {
        return !object_kind(o)->is_active || object_kind(o)->is_active(o);
}

bool object_is_visible(const Object *o) {
        return !o->gone && (!object_kind(o)->is_visible || object_kind(o)->is_visible(o));
}

const char *object_label(const Object *o, char buffer[37]) {
        if (o->name)
                return o->name;
        uuid_format(o->uuid, buffer);
        return buffer;
}

/* --- the index --- */

static int compare_names(const void *a, const void *b) {
        const Object *x = a, *y = b;

        if (x->parent != y->parent)
                return x->parent < y->parent ? -1 : 1;
        return strcmp(x->name, y->name);
}

static int compare_uuids(const void *a, const void *b) {
        return memcmp(((const Object *) a)->uuid, ((const Object *) b)->uuid, 16);
}

void object_index_init(ObjectIndex *i, const ObjectKind *kind, DriverHost *host, void *driver) {
        *i = (ObjectIndex) { .kind = kind, .host = host, .driver = driver };
}

static void free_nothing(void *p) {
}

/* One that is in neither tree any more. */
static void let_go(Object *o) {
        o->index->n--;
        o->gone = true;
        if (object_kind(o)->gone)
                object_kind(o)->gone(o);
        fiber_queue_wake_all(&o->waiters, 0);
        fiber_queue_wake_all(&o->job.waiters, 0);
        object_unref(o);
}

/* The trees go as a whole: to take thousands out one by one, each with a tree in balance, is what a daemon's end would
 * mostly be. */
void object_index_done(ObjectIndex *i) {
        Object **list = NULL;
        size_t n = 0;

        if (!i->kind)
                return;
        if (object_snapshot(i, NULL, &list, &n) < 0)
                n = 0;
        tdestroy(i->by_name, free_nothing);
        tdestroy(i->by_uuid, free_nothing);
        i->by_name = i->by_uuid = NULL;
        for (size_t k = 0; k < n; k++)
                if (!list[k]->gone)
                        let_go(list[k]);
        object_release(list, n);
}

static int tree_add(Object *o, void **root, int (*compare)(const void *a, const void *b)) {
        Object **p = tsearch(o, root, compare);

        if (!p)
                return -ENOMEM;
        return *p == o ? 0 : -EEXIST;
}

int object_index_add(Object *o) {
        ObjectIndex *i = o->index;
        int r = 0;

        if (has_names(i->kind))
                r = tree_add(o, &i->by_name, compare_names);
        if (r < 0)
                return r;
        if (has_uuids(i->kind))
                r = tree_add(o, &i->by_uuid, compare_uuids);
        if (r < 0) {
                if (has_names(i->kind))
                        tdelete(o, &i->by_name, compare_names);
                return r;
        }
        i->n++;
        object_ref(o);
        return 0;
}

void object_index_remove(Object *o) {
        ObjectIndex *i = o->index;

        if (o->gone)
                return;
        if (has_names(i->kind))
                tdelete(o, &i->by_name, compare_names);
        if (has_uuids(i->kind))
                tdelete(o, &i->by_uuid, compare_uuids);
        let_go(o);
}

int object_index_rename(Object *o, const char *name) {
        _cleanup_free_ char *copy = strdup(name);
        char *old = o->name;

        if (!copy)
                return -ENOMEM;
        if (object_by_name(o->index, o->parent, name))
                return -EEXIST;
        tdelete(o, &o->index->by_name, compare_names);
        o->name = copy;
        if (tsearch(o, &o->index->by_name, compare_names)) {
                TAKE_PTR(copy);
                free(old);
                return 0;
        }
        /* The node that was deleted just now makes room for this one. */
        o->name = old;
        (void) tsearch(o, &o->index->by_name, compare_names);
        return -ENOMEM;
}

Object *object_by_name(const ObjectIndex *i, const Object *parent, const char *name) {
        Object key = { .name = (char *) name, .parent = (Object *) parent }, **p;

        p = has_names(i->kind) ? tfind(&key, &i->by_name, compare_names) : NULL;
        return p ? *p : NULL;
}

Object *object_by_uuid(const ObjectIndex *i, const uint8_t uuid[16]) {
        Object key, **p;

        memcpy(key.uuid, uuid, 16);
        p = has_uuids(i->kind) ? tfind(&key, &i->by_uuid, compare_uuids) : NULL;
        return p ? *p : NULL;
}

int object_for_identity(const ObjectIndex *i, const char *name, const uint8_t uuid[16], Object **ret, Error *e) {
        Object *o = object_by_uuid(i, uuid), *other = name ? object_by_name(i, NULL, name) : NULL;
        char text[37];

        if (o && name && !streq(o->name, name)) {
                uuid_format(uuid, text);
                return error_set(e, -EEXIST, ERROR_OPERATION_FAILED, i->kind->subject,
                                 "%s '%s' is already defined with uuid %s", i->kind->word, o->name, text);
        }
        if (!o && other) {
                uuid_format(other->uuid, text);
                return error_set(e, -EEXIST, ERROR_OPERATION_FAILED, i->kind->subject,
                                 "%s '%s' already exists with uuid %s", i->kind->word, name, text);
        }
        *ret = o;
        return 0;
}

/* --- all of them --- */

typedef struct Walk {
        void (*f)(Object *o, void *userdata);
        void *userdata;
} Walk;

static void visit(const void *node, VISIT which, void *userdata) {
        Walk *w = userdata;

        if (which == postorder || which == leaf)
                w->f(*(Object *const *) node, w->userdata);
}

void object_foreach(const ObjectIndex *i, void (*f)(Object *o, void *userdata), void *userdata) {
        Walk w = { f, userdata };

        twalk_r(has_names(i->kind) ? i->by_name : i->by_uuid, visit, &w);
}

typedef struct Snapshot {
        const Object *parent;
        Object **list;
        size_t n;
} Snapshot;

static void collect(Object *o, void *userdata) {
        Snapshot *s = userdata;

        if (!s->parent || o->parent == s->parent)
                s->list[s->n++] = object_ref(o);
}

int object_snapshot(const ObjectIndex *i, const Object *parent, Object ***ret, size_t *ret_n) {
        Snapshot s = { .parent = parent };

        s.list = calloc(i->n + 1, sizeof(*s.list));
        if (!s.list)
                return -ENOMEM;
        object_foreach(i, collect, &s);
        *ret = s.list;
        *ret_n = s.n;
        return 0;
}

void object_release(Object **list, size_t n) {
        for (size_t k = 0; list && k < n; k++)
                object_unref(list[k]);
        free(list);
}

/* --- errors --- */

int object_none_uuid(const ObjectKind *k, const uint8_t uuid[16], const char *name, Error *e) {
        char text[37];

        uuid_format(uuid, text);
        return error_set(e, -ENOENT, k->none, k->origin, "no %s with matching uuid '%s'%s%s%s", k->word, text,
                         name ? " (" : "", name ? name : "", name ? ")" : "");
}

int object_none_name(const ObjectKind *k, const char *name, Error *e) {
        if (k->none_name)
                return error_set(e, -ENOENT, k->none, k->origin, "%s '%s'", k->none_name, name);
        return error_set(e, -ENOENT, k->none, k->origin, "no %s with matching name '%s'", k->word, name);
}

int object_error_gone(const Object *o, Error *e) {
        const ObjectKind *k = object_kind(o);

        return has_uuids(k) ? object_none_uuid(k, o->uuid, o->name, e) : object_none_name(k, o->name, e);
}

int object_error_inactive(const Object *o, Error *e) {
        return object_refuse(o, e, "%s", object_kind(o)->inactive_text ?: "object is not active");
}

int object_refuse(const Object *o, Error *e, const char *format, ...) {
        _cleanup_free_ char *text = TEXT_OF_ARGUMENTS(format);

        return error_set(e, -EINVAL, ERROR_OPERATION_INVALID, object_kind(o)->subject, "%s",
                         text ? text : "out of memory");
}
