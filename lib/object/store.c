/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The index follows the files. refresh() looks at an object as a whole, so events may come in any order. */

#include <dirent.h>
#include <fcntl.h>
#include <sys/inotify.h>

#include "base/fs.h"
#include "base/log.h"
#include "base/strings.h"
#include "known.h"
#include "object/event.h"
#include "object/store.h"

#define DEFINITION_MAX (4U * 1024U * 1024U)
#define HEAD_SIZE 4096U

struct ObjectStore {
        sd_event_source *watches[_STORE_PLACE_MAX];
        KnownFiles *known;      /* these two: while the first scan lasts */
        char **others;          /* files that are no definitions */
};

/* --- names of files --- */

static char *folder_of(const ObjectKind *k, StorePlace place) {
        const char *folder = k->store->folders[place];

        return folder ? text_format("%s/%s", place == STORE_PERSISTENT ? path_etc() : path_run(), folder) : NULL;
}

char *object_path(const ObjectKind *k, StorePlace place, const char *key) {
        _cleanup_free_ char *folder = folder_of(k, place);

        return folder ? text_format("%s/%s.xml", folder, key) : NULL;
}

const char *object_key(const Object *o, char buffer[37]) {
        if (!object_kind(o)->store->uuid_files)
                return o->name;
        uuid_format(o->uuid, buffer);
        return buffer;
}

static Object *find_key(const ObjectIndex *i, const char *key) {
        uint8_t uuid[16];

        if (!i->kind->store->uuid_files)
                return object_by_name(i, NULL, key);
        return uuid_parse(key, uuid) >= 0 ? object_by_uuid(i, uuid) : NULL;
}

/* KEY of KEY.xml; NULL for other files. */
static char *key_of_file(const char *file) {
        const char *suffix = endswith(file, ".xml");

        return file[0] != '.' && suffix && suffix > file ? strndup(file, (size_t) (suffix - file)) : NULL;
}

/* --- the beginning of a file --- */

typedef struct FileIdentity {
        char *name;
        uint8_t uuid[16];
} FileIdentity;

/* The unusual document: by the parser. */
static int identify_whole(const ObjectKind *k, const char *path, FileIdentity *ret, Error *e) {
        _cleanup_free_ char *text = NULL;
        bool has_uuid = false;
        size_t len;
        int r;

        r = file_read(path, DEFINITION_MAX, &text, &len);
        if (r < 0)
                return error_set_errno(e, r, k->origin, "cannot read %s", path);
        r = definition_peek_as(k->store->document, text, len, path, &ret->name, ret->uuid, &has_uuid, e);
        if (r >= 0 && !has_uuid && ret->name)
                uuid_from_name(ret->name, ret->uuid);
        return r;
}

static bool identity_agrees(const ObjectKind *k, const FileIdentity *i, const char *key) {
        uint8_t uuid[16];

        if (!k->store->uuid_files)
                return i->name && streq(i->name, key);
        return uuid_parse(key, uuid) >= 0 && memcmp(uuid, i->uuid, 16) == 0;
}

/* A document that is unusual, or another's. */
static int identity_settle(const ObjectKind *k, StorePlace place, const char *key, bool is_found, FileIdentity *found) {
        _cleanup_free_ char *path = object_path(k, place, key);
        _cleanup_error_ Error e = ERROR_INIT;
        int r = path ? 0 : -ENOMEM;

        if (r >= 0 && !is_found)
                r = identify_whole(k, path, found, &e);
        if (r < 0)
                log_warning("%s, ignoring this definition", error_text(&e, r));
        else if (!identity_agrees(k, found, key)) {
                log_warning("%s: the %s is '%s', not that of the file, ignoring this definition", path,
                            found->name ? "name" : "uuid", found->name ? found->name : "another");
                r = -EBADMSG;
        }
        return r;
}

static int identity_read(const ObjectKind *k, StorePlace place, const char *key, const char *head, size_t len,
                         uint8_t ret[16]) {
        bool has_name = k->wire.name_at != OBJECT_NO_MEMBER, is_found;
        FileIdentity found = {};
        int r = 0;

        is_found = peek_identity(k->store->document->root, has_name, head, len, &found.name, found.uuid);
        if (!is_found || !identity_agrees(k, &found, key))
                r = identity_settle(k, place, key, is_found, &found);
        memcpy(ret, found.uuid, 16);
        free(found.name);
        return r;
}

/* Reads a head from a file of this folder (AT_FDCWD: of this path); known is what the index has, which is kept without
 * reading where the stamp is the same. */
static int head_read_at(const ObjectKind *k, StorePlace place, int folder, const char *file, const char *key,
                        const FileStamp *known, const uint8_t *known_uuid, StoreHead *ret) {
        _cleanup_close_ int fd = -EBADF;
        char buffer[HEAD_SIZE];
        struct stat st;
        ssize_t n;
        int r;

        *ret = (StoreHead) { .id = -1 };
        fd = openat(folder, file, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
        if (fd < 0)
                return errno == ENOENT ? 0 : -errno;
        if (fstat(fd, &st) < 0)
                return -errno;
        if (!S_ISREG(st.st_mode))
                return 0;
        file_stamp_of(&st, &ret->stamp);
        if (known && file_stamp_equal(known, &ret->stamp)) {
                memcpy(ret->uuid, known_uuid, 16);
                ret->there = true;
                return 0;
        }
        n = read(fd, buffer, sizeof(buffer));
        if (n < 0)
                return -errno;
        if (place == STORE_LIVE)
                ret->id = peek_id(k->store->document->root, buffer, (size_t) n);
        r = identity_read(k, place, key, buffer, (size_t) n, ret->uuid);
        ret->there = r >= 0;
        return r;
}

static int head_read(const ObjectKind *k, StorePlace place, const char *key, const FileStamp *known,
                     const uint8_t *known_uuid, StoreHead *ret) {
        _cleanup_free_ char *path = object_path(k, place, key);

        *ret = (StoreHead) { .id = -1 };
        if (!path)
                return k->store->folders[place] ? -ENOMEM : 0;
        return head_read_at(k, place, AT_FDCWD, path, key, known, known_uuid, ret);
}

/* What the last daemon knew of a file that has not changed since. */
static bool head_recall(const KnownFiles *f, int folder, const char *file, const char *key, StoreHead *ret) {
        const uint8_t *uuid;
        struct stat st;

        *ret = (StoreHead) { .id = -1, .there = true };
        if (!f || fstatat(folder, file, &st, 0) < 0 || !S_ISREG(st.st_mode))
                return false;
        file_stamp_of(&st, &ret->stamp);
        uuid = known_files_find(f, key, &ret->stamp);
        if (uuid)
                memcpy(ret->uuid, uuid, 16);
        return uuid;
}

/* --- one object --- */

static int add_object(ObjectIndex *i, const char *key, const uint8_t uuid[16], Object **ret) {
        _cleanup_object_ Object *o = NULL;
        int r;

        r = object_new(i, NULL, i->kind->wire.name_at != OBJECT_NO_MEMBER ? key : NULL, uuid, &o);
        if (r >= 0)
                r = object_index_add(o);
        if (r == -EEXIST)
                log_warning("%s '%s' has the uuid of another one, ignoring it", i->kind->word, key);
        if (r < 0)
                return r;
        *ret = o;
        return 0;
}

static void take_persistent(Object *o, const StoreHead *h, bool tell) {
        const ObjectStoreKind *s = object_kind(o)->store;
        bool was = o->persistent;

        if (was && h->there && file_stamp_equal(&o->stamp, &h->stamp))
                return;
        o->persistent = h->there;
        o->stamp = h->stamp;
        if (s->changed && (was || h->there))
                s->changed(o);
        if (!tell || (!was && !h->there))
                return;
        object_emit_lifecycle(o, h->there ? OBJECT_DEFINED : OBJECT_UNDEFINED, h->there && was ? s->updated_detail : 0);
}

void object_set_live_stamp(Object *o, const FileStamp *stamp) {
        free(o->live_stamp);
        o->live_stamp = stamp ? malloc(sizeof(*stamp)) : NULL;
        if (o->live_stamp)
                *o->live_stamp = *stamp;
}

static void take_live(Object *o, const StoreHead *h, bool at_start) {
        const ObjectStoreKind *s = object_kind(o)->store;

        if (o->live == h->there && (!h->there || (o->live_stamp && file_stamp_equal(o->live_stamp, &h->stamp))))
                return;
        if (s->live)
                s->live(o, h, at_start);
        o->live = h->there;
        object_set_live_stamp(o, h->there ? &h->stamp : NULL);
}

static void replace(Object *o) {
        if (object_kind(o)->store->replaced)
                object_kind(o)->store->replaced(o);
        object_index_remove(o);
}

static bool agrees(const StoreHead *h, const Object *o) {
        return !h->there || memcmp(h->uuid, o->uuid, 16) == 0;
}

/* The three heads of a key. A persistent definition that is unreadable now keeps what was known of it. */
static void heads_read(const ObjectKind *k, const char *key, const Object *o, StoreHead ret[static _STORE_PLACE_MAX]) {
        const uint8_t *uuid = o ? o->uuid : NULL;

        if (head_read(k, STORE_PERSISTENT, key, o && o->persistent ? &o->stamp : NULL, uuid, &ret[STORE_PERSISTENT]) <
            0) {
                ret[STORE_PERSISTENT] = (StoreHead) { .there = o && o->persistent };
                if (o) {
                        ret[STORE_PERSISTENT].stamp = o->stamp;
                        memcpy(ret[STORE_PERSISTENT].uuid, o->uuid, 16);
                }
        }
        if (head_read(k, STORE_TRANSIENT, key, NULL, NULL, &ret[STORE_TRANSIENT]) < 0)
                ret[STORE_TRANSIENT].there = false;
        if (head_read(k, STORE_LIVE, key, o && o->live ? o->live_stamp : NULL, uuid, &ret[STORE_LIVE]) < 0)
                ret[STORE_LIVE].there = false;
}

static Object *refresh(ObjectIndex *i, const char *key, bool tell, bool at_start) {
        StoreHead h[_STORE_PLACE_MAX];
        Object *o = find_key(i, key);
        const StoreHead *any;

        heads_read(i->kind, key, o, h);
        any = h[STORE_LIVE].there         ? &h[STORE_LIVE]
              : h[STORE_PERSISTENT].there ? &h[STORE_PERSISTENT]
              : h[STORE_TRANSIENT].there  ? &h[STORE_TRANSIENT]
                                          : NULL;
        if (o && any && memcmp(any->uuid, o->uuid, 16) != 0) {
                replace(o);
                o = NULL;
        }
        if (!o) {
                if (!any || add_object(i, key, any->uuid, &o) < 0)
                        return NULL;
                if (i->kind->store->added)
                        i->kind->store->added(o);
        }
        take_live(o, &h[STORE_LIVE], at_start);
        take_persistent(o, agrees(&h[STORE_PERSISTENT], o) ? &h[STORE_PERSISTENT] : &(StoreHead) {}, tell);
        o->transient = h[STORE_TRANSIENT].there && agrees(&h[STORE_TRANSIENT], o);
        if (!o->persistent && !o->transient && !o->live) {
                object_index_remove(o);
                return NULL;
        }
        return o;
}

Object *object_refresh(ObjectIndex *i, const char *key, bool quietly) {
        return refresh(i, key, !quietly, false);
}

/* --- all objects --- */

typedef void (*FoundFile)(ObjectIndex *i, StorePlace place, int folder, const char *file);

static void for_each_file(ObjectIndex *i, StorePlace place, FoundFile f) {
        _cleanup_free_ char *path = folder_of(i->kind, place);
        struct dirent *entry;
        DIR *dir;

        dir = path ? opendir(path) : NULL;
        if (!dir)
                return;
        while ((entry = readdir(dir)))
                if (entry->d_name[0] != '.')
                        f(i, place, dirfd(dir), entry->d_name);
        closedir(dir);
}

static void found_in_run(ObjectIndex *i, StorePlace place, int folder, const char *file) {
        _cleanup_free_ char *key = key_of_file(file);

        if (key && !find_key(i, key))
                (void) refresh(i, key, false, true);
}

/* All of /run was read before, so an object that is not known yet has this one file. */
static void found_in_etc(ObjectIndex *i, StorePlace place, int folder, const char *file) {
        _cleanup_free_ char *key = key_of_file(file);
        StoreHead h;
        Object *o;

        if (!key || find_key(i, key))
                return;
        if (!head_recall(i->store->known, folder, file, key, &h) &&
            (head_read_at(i->kind, place, folder, file, key, NULL, NULL, &h) < 0 || !h.there))
                return;
        if (add_object(i, key, h.uuid, &o) >= 0)
                take_persistent(o, &h, false);
}

static void found_other(ObjectIndex *i, StorePlace place, int folder, const char *file) {
        if (!endswith(file, ".xml"))
                i->kind->store->other(i, place, file, true);
}

/* "web.xml.x1y2z3.new": a daemon that was killed was writing it (file_write_atomic()). */
static void remove_stray(ObjectIndex *i, StorePlace place, int folder, const char *file) {
        _cleanup_free_ char *path = folder_of(i->kind, place);

        if (path && unlinkat(folder, file, 0) >= 0)
                log_notice("removed %s/%s: it was being written when the daemon ended", path, file);
}

/* Files of others are kept for later: they are told when all definitions are known. */
static void found_persistent(ObjectIndex *i, StorePlace place, int folder, const char *file) {
        if (endswith(file, ".xml"))
                found_in_etc(i, place, folder, file);
        else if (file_is_temporary(file, ".xml"))
                remove_stray(i, place, folder, file);
        else if (i->kind->store->other && strv_add(&i->store->others, file) < 0)
                log_oom();
}

/* Thousands are not active, with nothing in /run, and tens are: each of the former costs one file that is looked at,
 * and opened where the last daemon did not know it. The folder with the thousands is read once. */
static void first_scan(ObjectIndex *i) {
        i->store->known = known_files_load(i->kind);
        for_each_file(i, STORE_LIVE, found_in_run);
        for_each_file(i, STORE_TRANSIENT, found_in_run);
        for_each_file(i, STORE_PERSISTENT, found_persistent);
        for (char *const *file = i->store->others; file && *file; file++)
                i->kind->store->other(i, STORE_PERSISTENT, *file, true);
        for (StorePlace p = 0; p < _STORE_PLACE_MAX && i->kind->store->other; p++)
                if (p != STORE_PERSISTENT)
                        for_each_file(i, p, found_other);
        i->store->known = known_files_free(i->store->known);
        strv_free(i->store->others);
        i->store->others = NULL;
}

static void found_again(ObjectIndex *i, StorePlace place, int folder, const char *file) {
        _cleanup_free_ char *key = key_of_file(file);

        if (key)
                (void) refresh(i, key, false, false);
}

static void rescan(ObjectIndex *i) {
        Object **list;
        char buffer[37];
        size_t n;

        for (StorePlace p = 0; p < _STORE_PLACE_MAX; p++)
                for_each_file(i, p, found_again);
        if (object_snapshot(i, NULL, &list, &n) < 0)
                return;
        for (size_t k = 0; k < n; k++)
                if (!list[k]->gone)
                        (void) refresh(i, object_key(list[k], buffer), true, false);
        object_release(list, n);
}

/* What we wrote ourselves is news to nobody. */
static bool is_as_known(ObjectIndex *i, const char *key) {
        _cleanup_free_ char *path = object_path(i->kind, STORE_PERSISTENT, key);
        const Object *o = find_key(i, key);
        FileStamp stamp;
        struct stat st;

        if (!o || !o->persistent || !path || stat(path, &st) < 0 || !S_ISREG(st.st_mode))
                return false;
        file_stamp_of(&st, &stamp);
        return file_stamp_equal(&o->stamp, &stamp);
}

/* Who changes an object writes and removes its definition, and says so when all of it is done: seen in between it
 * would be told twice, or as something else. What others did meanwhile is looked for afterwards. */
static bool is_being_changed(ObjectIndex *i, const char *key) {
        Object *o = find_key(i, key);

        if (!o || !o->job.modifier)
                return false;
        o->unseen = true;
        return true;
}

void object_look_again(Object *o) {
        char buffer[37];

        if (!o->unseen || !o->index || !o->index->store)
                return;
        o->unseen = false;
        (void) refresh(o->index, object_key(o, buffer), true, false);
}

static StorePlace place_of(const ObjectStore *s, const sd_event_source *source) {
        StorePlace p = 0;

        while (p < _STORE_PLACE_MAX - 1 && s->watches[p] != source)
                p++;
        return p;
}

static int on_inotify(sd_event_source *s, const struct inotify_event *event, void *userdata) {
        ObjectIndex *i = userdata;
        StorePlace place = place_of(i->store, s);
        _cleanup_free_ char *key = NULL;

        if (event->mask & IN_Q_OVERFLOW) {
                rescan(i);
                return 0;
        }
        if (event->len == 0)
                return 0;
        key = key_of_file(event->name);
        if (!key && event->mask & IN_MOVED_TO && event->name[0] != '.' && i->kind->store->other)
                i->kind->store->other(i, place, event->name, false);
        if (key && !(place == STORE_PERSISTENT && (is_as_known(i, key) || is_being_changed(i, key))))
                (void) refresh(i, key, true, false);
        return 0;
}

static int watch(ObjectIndex *i, StorePlace place, Error *e) {
        _cleanup_free_ char *path = folder_of(i->kind, place);
        int r;

        if (!path)
                return i->kind->store->folders[place] ? -ENOMEM : 0;
        r = mkdir_p(path, place == STORE_TRANSIENT ? 0700 : 0755);
        if (r < 0)
                return error_set_errno(e, r, i->kind->origin, "cannot make %s", path);
        r = sd_event_add_inotify(loop_event(i->host->loop), &i->store->watches[place], path,
                                 IN_CLOSE_WRITE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE | IN_ONLYDIR, on_inotify, i);
        return r < 0 ? error_set_errno(e, r, i->kind->origin, "cannot watch %s", path) : 0;
}

int object_store_start(ObjectIndex *i, Error *e) {
        int r = 0;

        i->store = calloc(1, sizeof(*i->store));
        if (!i->store)
                return -ENOMEM;
        for (StorePlace p = 0; p < _STORE_PLACE_MAX && r >= 0; p++)
                r = watch(i, p, e);
        if (r < 0) {
                object_store_stop(i);
                return r;
        }
        /* Watched first, read then: nothing falls between. */
        first_scan(i);
        return 0;
}

void object_store_stop(ObjectIndex *i) {
        if (!i->store)
                return;
        known_files_save(i);
        for (StorePlace p = 0; p < _STORE_PLACE_MAX; p++)
                sd_event_source_disable_unref(i->store->watches[p]);
        free(i->store);
        i->store = NULL;
}

/* --- writing --- */

int object_write_text(const ObjectKind *k, StorePlace place, const char *key, const char *text, FileStamp *ret_stamp,
                      Error *e) {
        _cleanup_free_ char *path = object_path(k, place, key);
        struct stat st;
        int r;

        if (!path)
                return -ENOMEM;
        r = file_write_atomic(path, text, strlen(text), 0600, place == STORE_PERSISTENT ? 0 : FILE_WRITE_NOSYNC);
        if (r >= 0 && ret_stamp)
                r = stat(path, &st) < 0 ? -errno : 0;
        if (r < 0)
                return error_set_errno(e, r, k->origin, "cannot write %s", path);
        if (ret_stamp)
                file_stamp_of(&st, ret_stamp);
        return 0;
}

int object_write(const ObjectKind *k, StorePlace place, const char *key, const Definition *d, FileStamp *ret_stamp,
                 Error *e) {
        _cleanup_free_ char *text = NULL, *whole = NULL;
        int r;

        r = definition_format(d, DEFINITION_FORMAT_SECURE | (place == STORE_LIVE ? 0 : DEFINITION_FORMAT_INACTIVE),
                              &text);
        if (r < 0)
                return -ENOMEM;
        if (place != STORE_PERSISTENT || !k->store->header)
                return object_write_text(k, place, key, text, ret_stamp, e);
        whole = text_format("%s%s", k->store->header, text);
        return whole ? object_write_text(k, place, key, whole, ret_stamp, e) : -ENOMEM;
}

int object_unlink(const ObjectKind *k, StorePlace place, const char *key, Error *e) {
        _cleanup_free_ char *path = object_path(k, place, key);

        if (!path)
                return k->store->folders[place] ? -ENOMEM : 0;
        if (unlink(path) < 0 && errno != ENOENT)
                return error_set_errno(e, -errno, k->origin, "cannot remove %s", path);
        if (place == STORE_PERSISTENT)
                (void) fsync_parent(path);
        return 0;
}

/* --- reading --- */

static int load(const Object *o, StorePlace place, Definition **ret, Error *e) {
        char buffer[37];
        _cleanup_free_ char *path = object_path(object_kind(o), place, object_key(o, buffer));

        return path ? definition_load_as(object_kind(o)->store->document, path, DEFINITION_UNCHECKED, ret, e) : -ENOMEM;
}

int object_load(const Object *o, ObjectVersion version, Definition **ret, Error *e) {
        if (version == OBJECT_CURRENT)
                version = object_is_active(o) && o->live ? OBJECT_LIVE : OBJECT_INACTIVE;
        if (version == OBJECT_LIVE)
                return o->live ? load(o, STORE_LIVE, ret, e) : -ENOENT;
        if (version == OBJECT_NEXT)
                return load(o, o->transient ? STORE_TRANSIENT : STORE_PERSISTENT, ret, e);
        /* A transient one that is active and was defined as well has both: the persistent one is what comes next. */
        return o->persistent  ? load(o, STORE_PERSISTENT, ret, e)
               : o->transient ? load(o, STORE_TRANSIENT, ret, e)
                              : object_load(o, OBJECT_LIVE, ret, e);
}
