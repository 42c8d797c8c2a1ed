/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Guests and their index: two balanced trees of libc (tsearch(3)), by name and by uuid. */

#include <search.h>

#include "base/fs.h"
#include "base/strings.h"
#include "driver.h"
#include "guest.h"
#include "monitor.h"

int guest_new(QemuDriver *d, const char *name, const uint8_t uuid[16], Guest **ret) {
        Guest *g;

        g = calloc(1, sizeof(*g));
        if (!g)
                return -ENOMEM;
        g->name = strdup(name);
        if (!g->name) {
                free(g);
                return -ENOMEM;
        }
        g->n_ref = 1;
        g->driver = d;
        g->id = -1;
        memcpy(g->uuid, uuid, 16);
        *ret = g;
        return 0;
}

Guest *guest_ref(Guest *g) {
        g->n_ref++;
        return g;
}

Guest *guest_unref(Guest *g) {
        if (!g || --g->n_ref > 0)
                return NULL;
        monitor_end_run(g);
        free(g->name);
        free(g);
        return NULL;
}

void guest_set_autodestroy(Guest *g, uint64_t mark) {
        g->driver->n_autodestroy += (mark != 0) - (g->autodestroy != 0);
        g->autodestroy = mark;
}

/* --- the index --- */

static int compare_names(const void *a, const void *b) {
        return strcmp(((const Guest *) a)->name, ((const Guest *) b)->name);
}

static int compare_uuids(const void *a, const void *b) {
        return memcmp(((const Guest *) a)->uuid, ((const Guest *) b)->uuid, 16);
}

static int tree_add(Guest *g, void **root, int (*compare)(const void *a, const void *b)) {
        Guest **p = tsearch(g, root, compare);

        if (!p)
                return -ENOMEM;
        return *p == g ? 0 : -EEXIST;
}

int guests_add(Guest *g) {
        QemuDriver *d = g->driver;
        int r;

        r = tree_add(g, &d->by_name, compare_names);
        if (r < 0)
                return r;
        r = tree_add(g, &d->by_uuid, compare_uuids);
        if (r < 0) {
                tdelete(g, &d->by_name, compare_names);
                return r;
        }
        d->n_guests++;
        guest_ref(g);
        return 0;
}

void guests_remove(Guest *g) {
        QemuDriver *d = g->driver;

        if (g->gone)
                return;
        tdelete(g, &d->by_name, compare_names);
        tdelete(g, &d->by_uuid, compare_uuids);
        d->n_guests--;
        g->gone = true;
        guest_set_autodestroy(g, 0);
        fiber_queue_wake_all(&g->waiters, 0);
        guest_unref(g);
}

int guests_rename(Guest *g, const char *name) {
        _cleanup_free_ char *copy = NULL;

        if (guests_by_name(g->driver, name))
                return -EEXIST;
        copy = strdup(name);
        if (!copy)
                return -ENOMEM;
        tdelete(g, &g->driver->by_name, compare_names);
        free(g->name);
        g->name = TAKE_PTR(copy);
        return tsearch(g, &g->driver->by_name, compare_names) ? 0 : -ENOMEM;
}

Guest *guests_by_name(const QemuDriver *d, const char *name) {
        Guest key = { .name = (char *) name };
        Guest **p = tfind(&key, &d->by_name, compare_names);

        return p ? *p : NULL;
}

Guest *guests_by_uuid(const QemuDriver *d, const uint8_t uuid[16]) {
        Guest key, **p;

        memcpy(key.uuid, uuid, 16);
        p = tfind(&key, &d->by_uuid, compare_uuids);
        return p ? *p : NULL;
}

Guest *guests_visible_by_uuid(const QemuDriver *d, const uint8_t uuid[16]) {
        Guest *g = guests_by_uuid(d, uuid);

        return g && guest_is_visible(g) ? g : NULL;
}

size_t guests_count(const QemuDriver *d) {
        return d->n_guests;
}

typedef struct Walk {
        void (*f)(Guest *g, void *userdata);
        void *userdata;
} Walk;

static void visit(const void *node, VISIT which, void *userdata) {
        Walk *w = userdata;

        if (which == postorder || which == leaf)
                w->f(*(Guest *const *) node, w->userdata);
}

void guests_foreach(const QemuDriver *d, void (*f)(Guest *g, void *userdata), void *userdata) {
        Walk w = { f, userdata };

        twalk_r(d->by_name, visit, &w);
}

typedef struct Snapshot {
        Guest **list;
        size_t n;
} Snapshot;

static void collect(Guest *g, void *userdata) {
        Snapshot *s = userdata;

        s->list[s->n++] = guest_ref(g);
}

int guests_snapshot(const QemuDriver *d, Guest ***ret, size_t *ret_n) {
        Snapshot s = {};

        s.list = calloc(d->n_guests + 1, sizeof(*s.list));
        if (!s.list)
                return -ENOMEM;
        guests_foreach(d, collect, &s);
        *ret = s.list;
        *ret_n = s.n;
        return 0;
}

void guests_release(Guest **list, size_t n) {
        for (size_t i = 0; list && i < n; i++)
                guest_unref(list[i]);
        free(list);
}

typedef struct IdSearch {
        int id;
        Guest *found;
} IdSearch;

static void match_id(Guest *g, void *userdata) {
        IdSearch *s = userdata;

        if (g->id == s->id)
                s->found = g;
}

Guest *guests_by_id(const QemuDriver *d, int id) {
        IdSearch s = { .id = id };

        if (id >= 0)
                guests_foreach(d, match_id, &s);
        return s.found;
}

/* --- files --- */

static char *path_below(const char *top, const char *folder, const char *name, const char *suffix) {
        return text_format("%s/%s/%s.%s", top, folder, name, suffix);
}

char *guest_path_persistent(const char *name) {
        return path_below(path_etc(), "qemu", name, "xml");
}

char *guest_path_transient(const char *name) {
        return path_below(path_run(), "qemu/transient", name, "xml");
}

char *guest_path_live(const char *name) {
        return path_below(path_run(), "qemu", name, "xml");
}

char *guest_path_run(const char *name, const char *suffix) {
        return path_below(path_run(), "qemu", name, suffix);
}

static int load(char *path, unsigned flags, Definition **ret, Error *e) {
        _cleanup_free_ _unused_ char *owned = path;

        if (!path)
                return -ENOMEM;
        return definition_load(path, flags, ret, e);
}

int guest_load_live(Guest *g, Definition **ret, Error *e) {
        if (!g->run)
                return -ENOENT;
        return load(guest_path_live(g->name), DEFINITION_UNCHECKED, ret, e);
}

/* A transient guest that runs and was defined persistently as well has both; the persistent one is what comes next. */
int guest_load_inactive(Guest *g, Definition **ret, Error *e) {
        if (g->persistent)
                return load(guest_path_persistent(g->name), DEFINITION_UNCHECKED, ret, e);
        if (g->transient)
                return load(guest_path_transient(g->name), DEFINITION_UNCHECKED, ret, e);
        return guest_load_live(g, ret, e);
}

int guest_load_next(Guest *g, Definition **ret, Error *e) {
        return load(g->transient ? guest_path_transient(g->name) : guest_path_persistent(g->name), DEFINITION_UNCHECKED,
                    ret, e);
}

int guest_load_current(Guest *g, Definition **ret, Error *e) {
        return guest_is_active(g) ? guest_load_live(g, ret, e) : guest_load_inactive(g, ret, e);
}

static void facts_read(const Definition *d, GuestFacts *ret) {
        const xmlNode *root = definition_root(d);
        uint64_t bytes, n;
        const xmlNode *m;

        *ret = (GuestFacts) { .valid = true, .vcpus_max = 1, .vcpus = 1 };
        m = xml_child(root, "memory");
        if (m && size_parse(xml_text(m), xml_attr(m, "unit"), 1024, &bytes) >= 0)
                ret->memory_kib = bytes / 1024;
        ret->current_kib = ret->memory_kib;
        m = xml_child(root, "currentMemory");
        if (m && size_parse(xml_text(m), xml_attr(m, "unit"), 1024, &bytes) >= 0)
                ret->current_kib = MIN(bytes / 1024, ret->memory_kib);
        if (xml_get_u64(root, "vcpu", &n) >= 0)
                ret->vcpus_max = ret->vcpus = (unsigned) n;
        if (xml_get_u64(root, "vcpu/@current", &n) >= 0)
                ret->vcpus = (unsigned) n;
}

int guest_facts(Guest *g, bool live, GuestFacts *ret, Error *e) {
        GuestFacts *cache = live && g->run ? &g->run->facts : &g->facts;
        _cleanup_definition_ Definition *d = NULL;
        int r;

        if (!cache->valid) {
                r = live && g->run ? guest_load_live(g, &d, e) : guest_load_inactive(g, &d, e);
                if (r < 0)
                        return r;
                facts_read(d, cache);
        }
        *ret = *cache;
        return 0;
}

/* --- the wire --- */

int guest_to_wire(const Guest *g, remote_nonnull_domain *ret) {
        ret->name = strdup(g->name);
        if (!ret->name)
                return -ENOMEM;
        memcpy(ret->uuid, g->uuid, 16);
        ret->id = guest_is_active(g) ? g->id : -1;
        return 0;
}

remote_nonnull_domain guest_for_event(const Guest *g) {
        remote_nonnull_domain dom = { .name = g->name, .id = guest_is_active(g) ? g->id : -1 };

        memcpy(dom.uuid, g->uuid, 16);
        return dom;
}
