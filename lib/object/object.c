/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Objects and their index: two trees (base/tree.h), by name within a parent and by uuid. */

#include "base/strings.h"
#include "object/kind.h"
#include "plan/pools.h"

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
        free(o->live_stamp);
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

static Object *by_name(const TreeNode *n) {
        return container_of((TreeNode *) n, Object, by_name);
}

static Object *by_uuid(const TreeNode *n) {
        return container_of((TreeNode *) n, Object, by_uuid);
}

static int compare_names(const TreeNode *a, const TreeNode *b) {
        const Object *x = by_name(a), *y = by_name(b);

        if (x->parent != y->parent)
                return x->parent < y->parent ? -1 : 1;
        return strcmp(x->name, y->name);
}

static int compare_uuids(const TreeNode *a, const TreeNode *b) {
        return memcmp(by_uuid(a)->uuid, by_uuid(b)->uuid, 16);
}

void object_index_init(ObjectIndex *i, const ObjectKind *kind, DriverHost *host, void *driver) {
        *i = (ObjectIndex) { .kind = kind, .host = host, .driver = driver };
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
        i->by_name = i->by_uuid = NULL;
        for (size_t k = 0; k < n; k++)
                if (!list[k]->gone)
                        let_go(list[k]);
        object_release(list, n);
        i->pools = pool_places_free(i->pools);
}

int object_index_add(Object *o) {
        ObjectIndex *i = o->index;

        if (has_names(i->kind) && !tree_add(&i->by_name, &o->by_name, compare_names))
                return -EEXIST;
        if (has_uuids(i->kind) && !tree_add(&i->by_uuid, &o->by_uuid, compare_uuids)) {
                if (has_names(i->kind))
                        tree_remove(&i->by_name, &o->by_name, compare_names);
                return -EEXIST;
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
                tree_remove(&i->by_name, &o->by_name, compare_names);
        if (has_uuids(i->kind))
                tree_remove(&i->by_uuid, &o->by_uuid, compare_uuids);
        let_go(o);
}

int object_index_rename(Object *o, const char *name) {
        char *copy;

        if (object_by_name(o->index, o->parent, name))
                return -EEXIST;
        copy = strdup(name);
        if (!copy)
                return -ENOMEM;
        tree_remove(&o->index->by_name, &o->by_name, compare_names);
        free(o->name);
        o->name = copy;
        (void) tree_add(&o->index->by_name, &o->by_name, compare_names);
        return 0;
}

Object *object_by_name(const ObjectIndex *i, const Object *parent, const char *name) {
        Object key = { .name = (char *) name, .parent = (Object *) parent };
        TreeNode *n = has_names(i->kind) ? tree_find(i->by_name, &key.by_name, compare_names) : NULL;

        return n ? by_name(n) : NULL;
}

Object *object_by_uuid(const ObjectIndex *i, const uint8_t uuid[16]) {
        TreeNode *n = NULL;
        Object key;

        memcpy(key.uuid, uuid, 16);
        if (has_uuids(i->kind))
                n = tree_find(i->by_uuid, &key.by_uuid, compare_uuids);
        return n ? by_uuid(n) : NULL;
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

static void visit_name(TreeNode *n, void *userdata) {
        Walk *w = userdata;

        w->f(by_name(n), w->userdata);
}

static void visit_uuid(TreeNode *n, void *userdata) {
        Walk *w = userdata;

        w->f(by_uuid(n), w->userdata);
}

void object_foreach(const ObjectIndex *i, void (*f)(Object *o, void *userdata), void *userdata) {
        Walk w = { f, userdata };

        if (has_names(i->kind))
                tree_walk(i->by_name, visit_name, &w);
        else
                tree_walk(i->by_uuid, visit_uuid, &w);
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
