/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What all drivers have: objects with names and uuids, and their index.
 *
 * A driver's struct begins with an Object:
 *
 *     typedef struct Network {
 *             Object object;
 *             ...
 *     } Network;
 *
 * and its ObjectKind (object/kind.h) says everything that the layer must know about such things. Names and uuids are
 * unique in an index; names within a parent where objects have one (a volume in its pool). */

#include <sys/stat.h>

#include "base/error.h"
#include "base/macros.h"
#include "base/tree.h"
#include "loop/fiber.h"
#include "object/job.h"
#include "rpc/driver.h"

typedef struct Object Object;
typedef struct ObjectIndex ObjectIndex;
typedef struct ObjectKind ObjectKind;
typedef struct ObjectStore ObjectStore;

/* Says which content of a file was read. Nobody can set a ctime. */
typedef struct FileStamp {
        uint64_t mtime_nsec, ctime_nsec;
        uint64_t inode;
        uint64_t size;
} FileStamp;

static inline uint64_t time_to_nsec(struct timespec t) {
        return (uint64_t) t.tv_sec * 1000000000U + (uint64_t) t.tv_nsec;
}

static inline void file_stamp_of(const struct stat *st, FileStamp *ret) {
        ret->mtime_nsec = time_to_nsec(st->st_mtim);
        ret->ctime_nsec = time_to_nsec(st->st_ctim);
        ret->inode = st->st_ino;
        ret->size = (uint64_t) st->st_size;
}

static inline bool file_stamp_equal(const FileStamp *a, const FileStamp *b) {
        return a->mtime_nsec == b->mtime_nsec && a->ctime_nsec == b->ctime_nsec && a->inode == b->inode &&
               a->size == b->size;
}

/* There are thousands of some kinds: what few of them need is behind a pointer. */
struct Object {
        unsigned n_ref;
        bool persistent : 1;    /* there is a definition in /etc */
        bool transient : 1;     /* a definition in /run that no other one stands behind */
        bool live : 1;          /* a live definition is there */
        bool gone : 1;          /* no longer in the index; only references keep it */
        bool unseen : 1;        /* its definition was touched while somebody was about to change it */
        ObjectIndex *index;
        TreeNode by_name, by_uuid;
        Object *parent;         /* with a reference; NULL for kinds without */
        char *name;             /* NULL for kinds without */
        uint8_t uuid[16];       /* zero for kinds without */
        FileStamp stamp;        /* of the persistent definition */
        FileStamp *live_stamp;  /* NULL: there is no live one */
        ObjectJob job;
        FiberQueue waiters;     /* for changes of the driver's own; woken when it goes, too */
};

/* One for each kind and driver; usually a member of the driver's state. */
struct ObjectIndex {
        const ObjectKind *kind;
        DriverHost *host;
        void *driver;           /* the driver's state */
        TreeNode *by_name, *by_uuid;
        size_t n;
        ObjectStore *store;     /* for kinds with definition files, from object_store_start() on */
        struct PoolPlaces *pools; /* where pools lie, for the units of guests; NULL: not looked at yet */
};

void object_index_init(ObjectIndex *i, const ObjectKind *kind, DriverHost *host, void *driver);
/* Removes all objects. They must not be held by anybody who runs on. */
void object_index_done(ObjectIndex *i);

/* --- one object --- */

/* A zeroed struct of kind->size with one reference, not in the index yet. name is NULL, uuid NULL where the kind has
 * none. -ENOMEM. */
int object_new(ObjectIndex *i, Object *parent, const char *name, const uint8_t uuid[16], Object **ret);
Object *object_ref(Object *o);
/* Takes NULL, returns NULL. kind->done() is called with the last reference. */
Object *object_unref(Object *o);
DEFINE_CLEANUP(Object *, object_unref);
#define _cleanup_object_ _cleanup_(object_unrefp)

const ObjectKind *object_kind(const Object *o);
/* kind->is_active() and is_visible(), true for kinds without. */
bool object_is_active(const Object *o);
bool object_is_visible(const Object *o);
/* "name", or the uuid for kinds without names: for texts. The buffer is used for the latter. */
const char *object_label(const Object *o, char buffer[37]);

/* --- the index; what it returns is borrowed, so take a reference before anything that waits --- */

int object_index_add(Object *o);                        /* takes a reference; -EEXIST, -ENOMEM */
void object_index_remove(Object *o);                    /* sets gone, wakes who waits, drops the reference */
int object_index_rename(Object *o, const char *name);   /* -EEXIST, -ENOMEM: the old name stays */
Object *object_by_name(const ObjectIndex *i, const Object *parent, const char *name);
Object *object_by_uuid(const ObjectIndex *i, const uint8_t uuid[16]);

/* The object that a new definition of this name and uuid replaces, borrowed; NULL for a new one. -EEXIST and code 9
 * where the name or the uuid is another object's. Changes nothing. */
int object_for_identity(const ObjectIndex *i, const char *name, const uint8_t uuid[16], Object **ret, Error *e);

/* All, sorted by name (by uuid for kinds without names); f must not add or remove any. */
void object_foreach(const ObjectIndex *i, void (*f)(Object *o, void *userdata), void *userdata);

/* All (of a parent: parent not NULL), sorted likewise, each with a reference. */
int object_snapshot(const ObjectIndex *i, const Object *parent, Object ***ret, size_t *ret_n);
void object_release(Object **list, size_t n);

/* --- errors, in libvirt's words; each returns a negative errno --- */

/* kind->none: "no WORD with matching uuid 'UUID' (NAME)"; name may be NULL. */
int object_none_uuid(const ObjectKind *k, const uint8_t uuid[16], const char *name, Error *e);
/* kind->none: "no WORD with matching name 'NAME'". */
int object_none_name(const ObjectKind *k, const char *name, Error *e);
/* The same for an object that has gone. */
int object_error_gone(const Object *o, Error *e);
/* Code 55 with kind->inactive_text ("domain is not running"). */
int object_error_inactive(const Object *o, Error *e);
/* Code 55 with a text, of kind->subject. */
int object_refuse(const Object *o, Error *e, const char *format, ...) _printf_(3, 4);
