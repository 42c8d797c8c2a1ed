/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Pools by what they hold, and the guests that have disks there.
 *
 * A guest wants the pool's unit, and starts after it; it does not require it. Files and partitions, and the volumes of
 * a group that LVM has found by itself, are there without their pool too: a pool that somebody has stopped is started,
 * one that cannot be started costs no guest its start. (What a file system needs is its mount, which the guest requires
 * by RequiresMountsFor=, and so systemd does not stop guests with the pool.) An iSCSI target's disks come and go with
 * the session that the pool's unit makes, so that is required: it cannot be stopped under a guest that runs.
 *
 * What only a scan can tell, units of a SCSI host and multipath devices, belongs to no pool here. */

#include "plan/pools.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "base/fs.h"
#include "base/strings.h"
#include "plan-internal.h"
#include "plan/names.h"

typedef struct Place Place;

typedef struct PlaceKind {
        const char *type;
        char *(*where)(const xmlNode *pool, const char *name); /* what a path of it has; "": nothing known */
        bool (*holds)(const char *where, const char *path);
        bool is_folder;         /* one may lie in another: the innermost counts */
        const char *need;       /* of its unit, beside After= */
} PlaceKind;

struct Place {
        const PlaceKind *kind;
        char *name, *where;
};

struct PoolPlaces {
        Place *list;
        size_t n;
        uint64_t stamp;         /* of the files that it was read from */
};

/* --- places of each type --- */

/* Without empty names and dots; NULL for what has "..", which may be anywhere. */
static char *plain(const char *path) {
        _cleanup_strbuf_ StrBuf b = {};
        size_t n;

        if (!path || *path != '/')
                return NULL;
        for (path += strspn(path, "/"); *path; path += n, path += strspn(path, "/")) {
                n = strcspn(path, "/");
                if (n == 2 && path[0] == '.' && path[1] == '.')
                        return NULL;
                if (n == 1 && path[0] == '.')
                        continue;
                strbuf_addc(&b, '/');
                strbuf_addn(&b, path, n);
        }
        return strbuf_take(&b);
}

static char *where_folder(const xmlNode *pool, const char *name) {
        return plain(xml_get(pool, "target/path")) ?: strdup("");
}

static bool in_folder(const char *folder, const char *path) {
        const char *rest = startswith(path, folder);

        return rest && rest[0] == '/' && rest[1];
}

static char *where_group(const xmlNode *pool, const char *name) {
        return strdup(xml_get(pool, "source/name") ?: name);
}

/* /dev/GROUP/x, or /dev/mapper/GROUP-x, where hyphens of names are doubled. */
static bool in_group(const char *group, const char *path) {
        const char *rest = startswith(path, "/dev/mapper/");

        if (!rest) {
                rest = startswith(path, "/dev/");
                rest = rest ? startswith(rest, group) : NULL;
                return rest && rest[0] == '/' && rest[1];
        }
        for (; *group; group++, rest++) {
                if (*rest != *group || (*group == '-' && *++rest != '-'))
                        return false;
        }
        return rest[0] == '-' && rest[1] && rest[1] != '-';
}

static char *where_device(const xmlNode *pool, const char *name) {
        return strdup(xml_get(pool, "source/device/@path") ?: "");
}

/* /dev/sdb1, /dev/nvme0n1p1, /dev/disk/by-id/x-part1 */
static bool in_disk(const char *disk, const char *path) {
        const char *rest = startswith(path, disk), *number;

        if (!rest)
                return false;
        number = startswith(rest, "-part") ?: startswith(rest, "p") ?: rest;
        return *number && strspn(number, "0123456789") == strlen(number);
}

/* /dev/disk/by-path/ip-ADDRESS:PORT-iscsi-TARGET-lun-NUMBER, as udev calls them */
static bool in_target(const char *target, const char *path) {
        const char *rest = startswith(path, "/dev/disk/by-path/"), *found;

        for (found = rest ? strstr(rest, "-iscsi-") : NULL; found; found = strstr(found + 1, "-iscsi-")) {
                rest = startswith(found + strlen("-iscsi-"), target);
                if (rest && startswith(rest, "-lun-"))
                        return true;
        }
        return false;
}

static const PlaceKind place_kinds[] = {
        { "dir", where_folder, in_folder, true, "Wants" },   { "fs", where_folder, in_folder, true, "Wants" },
        { "netfs", where_folder, in_folder, true, "Wants" }, { "logical", where_group, in_group, false, "Wants" },
        { "disk", where_device, in_disk, false, "Wants" },   { "iscsi", where_device, in_target, false, "Requires" },
};

/* *ret_where NULL: none that could be told. -ENOMEM. */
static int place_of(const Definition *pool, const PlaceKind **ret_kind, char **ret_where) {
        const char *type = xml_attr(definition_root(pool), "type") ?: "";
        _cleanup_free_ char *where = NULL;

        *ret_where = NULL;
        for (size_t i = 0; i < ELEMENTSOF(place_kinds); i++) {
                if (!streq(place_kinds[i].type, type))
                        continue;
                where = place_kinds[i].where(definition_root(pool), definition_name(pool));
                if (!where)
                        return -ENOMEM;
                *ret_kind = &place_kinds[i];
                *ret_where = *where ? TAKE_PTR(where) : NULL;
        }
        return 0;
}

/* --- all of them --- */

PoolPlaces *pool_places_free(PoolPlaces *p) {
        if (!p)
                return NULL;
        for (size_t i = 0; i < p->n; i++) {
                free(p->list[i].name);
                free(p->list[i].where);
        }
        free(p->list);
        free(p);
        return NULL;
}

static int add_place(PoolPlaces *p, const Definition *d) {
        _cleanup_free_ char *where = NULL, *name = NULL;
        const PlaceKind *kind = NULL;
        Place *list;
        int r = place_of(d, &kind, &where);

        if (r < 0 || !where)
                return r;
        name = strdup(definition_name(d));
        list = name ? reallocarray(p->list, p->n + 1, sizeof *list) : NULL;
        if (!list)
                return -ENOMEM;
        p->list = list;
        p->list[p->n++] = (Place) { kind, TAKE_PTR(name), TAKE_PTR(where) };
        return 0;
}

static int add_file(PoolPlaces *p, const char *folder, const char *file) {
        _cleanup_free_ char *path = text_format("%s/%s", folder, file);
        _cleanup_definition_ Definition *d = NULL;
        int r = path ? definition_load_as(&document_pool, path, 0, &d, NULL) : -ENOMEM;

        /* A broken one has a unit that says so. */
        return r < 0 ? (r == -ENOMEM ? r : 0) : add_place(p, d);
}

static char *folder_of_pools(void) {
        return text_format("%s/%s", path_etc(), plan_kind_of_unit(&unit_pool)->folder);
}

static bool is_definition(const struct dirent *entry) {
        return endswith(entry->d_name, ".xml") && entry->d_name[0] != '.';
}

static int compare_places(const void *a, const void *b) {
        return strcmp(((const Place *) a)->name, ((const Place *) b)->name);
}

int pool_places_load(PoolPlaces **ret) {
        _cleanup_pool_places_ PoolPlaces *p = calloc(1, sizeof *p);
        _cleanup_free_ char *folder = folder_of_pools();
        struct dirent *entry;
        int r = 0;
        DIR *d;

        if (!p || !folder)
                return -ENOMEM;
        d = opendir(folder);
        while (d && r >= 0 && (entry = readdir(d)))
                if (is_definition(entry))
                        r = add_file(p, folder, entry->d_name);
        if (d)
                (void) closedir(d);
        if (r < 0)
                return r;
        if (p->n > 0)
                qsort(p->list, p->n, sizeof *p->list, compare_places);
        *ret = TAKE_PTR(p);
        return 0;
}

/* The pool whose folder is the innermost one around that of x; the first by name that has the same. */
static const Place *around(const PoolPlaces *p, const Place *x) {
        const Place *found = NULL;

        for (size_t i = 0; i < p->n; i++) {
                const Place *other = &p->list[i];

                if (other == x || !other->kind->is_folder)
                        continue;
                if (streq(other->where, x->where))
                        return other;
                if (in_folder(other->where, x->where) && (!found || strlen(found->where) < strlen(other->where)))
                        found = other;
        }
        return found;
}

void pool_places_tell(const PoolPlaces *p, void (*say)(const char *name, const char *text)) {
        for (size_t i = 0; i < p->n; i++) {
                const Place *x = &p->list[i], *other = x->kind->is_folder ? around(p, x) : NULL;
                _cleanup_free_ char *text = NULL;

                if (!other)
                        continue;
                if (streq(other->where, x->where))
                        text = text_format("'%s' is the folder of the storage pool '%s' too: only one of them can be "
                                           "active", x->where, other->name);
                else
                        text = text_format("'%s' lies in the folder of the storage pool '%s', which has it as a volume",
                                           x->where, other->name);
                if (text)
                        say(x->name, text);
        }
}

static uint64_t mix(uint64_t h, uint64_t value) {
        return (h ^ value) * 0x100000001b3U;
}

/* The order in which a folder lists its entries does not matter. */
static uint64_t stamp_of_files(void) {
        _cleanup_free_ char *folder = folder_of_pools();
        DIR *d = folder ? opendir(folder) : NULL;
        uint64_t all = 1;
        struct dirent *entry;
        struct stat st;

        while (d && (entry = readdir(d)))
                if (is_definition(entry) && fstatat(dirfd(d), entry->d_name, &st, 0) >= 0) {
                        uint64_t h = mix(mix(0xcbf29ce484222325U, st.st_ino), (uint64_t) st.st_size);

                        h = mix(mix(h, (uint64_t) st.st_mtim.tv_sec), (uint64_t) st.st_mtim.tv_nsec);
                        all += mix(h, st.st_dev);
                }
        if (d)
                (void) closedir(d);
        return all;
}

const PoolPlaces *pool_places_now(PoolPlaces **known) {
        uint64_t stamp = stamp_of_files();

        if (*known && (*known)->stamp == stamp)
                return *known;
        *known = pool_places_free(*known);
        if (pool_places_load(known) < 0)
                return NULL;
        (*known)->stamp = stamp;
        return *known;
}

/* --- guests --- */

static int add_order(Plan *p, const Place *place, const char *need) {
        _cleanup_free_ char *unit = NULL;
        int r;

        r = unit_name_for(&unit_pool, place->name, &unit);
        if (r >= 0 && need)
                r = plan_add(p, PLAN_UNIT, need, unit);
        return r < 0 ? r : plan_add(p, PLAN_UNIT, "After", unit);
}

/* The length of the innermost folder that a pool has around the path, and how many pools have that one. */
static size_t innermost(const PoolPlaces *places, const char *path, size_t *ret_n) {
        size_t longest = 0;

        *ret_n = 0;
        for (size_t i = 0; i < places->n; i++) {
                const Place *x = &places->list[i];
                size_t n = strlen(x->where);

                if (!x->kind->is_folder || n < longest || !x->kind->holds(x->where, path))
                        continue;
                *ret_n = n > longest ? 1 : *ret_n + 1;
                longest = n;
        }
        return longest;
}

/* Of several pools on one folder only one can be active, and whose turn it is, nobody has said: then it is only an
 * order. A disk that may be missing (startupPolicy) requires nothing. */
static int order_path(Plan *p, const PoolPlaces *places, const char *given, bool optional) {
        _cleanup_free_ char *path = plain(given);
        size_t folder, n;
        int r = 0;

        if (!path)
                return 0;
        folder = innermost(places, path, &n);
        for (size_t i = 0; r >= 0 && i < places->n; i++) {
                const Place *x = &places->list[i];

                if (x->kind->holds(x->where, path) && (!x->kind->is_folder || strlen(x->where) == folder))
                        r = add_order(p, x, x->kind->is_folder && n > 1 ? NULL : optional ? "Wants" : x->kind->need);
        }
        return r;
}

static int order_source(Plan *p, const PoolPlaces *places, const xmlNode *source, bool optional) {
        static const char *const names[] = { "file", "dev", "dir" };
        int r = 0;

        for (size_t i = 0; r >= 0 && i < ELEMENTSOF(names); i++)
                if (xml_attr(source, names[i]))
                        r = order_path(p, places, xml_attr(source, names[i]), optional);
        return r < 0 || !xml_find(source, "dataStore/source")
                       ? r
                       : order_source(p, places, xml_find(source, "dataStore/source"), optional);
}

int plan_after_pools(Plan *p, const Definition *d, const PoolPlaces *places) {
        int r = 0;

        if (!places || places->n == 0 || definition_kind(d) != &document_domain)
                return 0;
        XML_FOREACH(disk, definition_devices(d), "disk") {
                const char *policy = xml_get(disk, "source/@startupPolicy");
                bool optional = policy && !streq(policy, "mandatory");

                for (const xmlNode *l = disk; r >= 0 && l; l = xml_child(l, "backingStore"))
                        if (xml_child(l, "source"))
                                r = order_source(p, places, xml_child(l, "source"), optional);
        }
        return r;
}

/* --- what a change of a pool is about --- */

/* A name that is the same in any document: not one that has to be, or may be, written otherwise there. */
static bool is_written_one_way(const char *s) {
        for (; *s; s++)
                if ((unsigned char) *s < ' ' || (unsigned char) *s > '~' || strchr("&<>'\"", *s))
                        return false;
        return true;
}

bool pool_place_may_be_in(const Definition *pool, const char *guest) {
        _cleanup_free_ char *where = NULL;
        const PlaceKind *kind = NULL;
        const char *word;

        if (place_of(pool, &kind, &where) < 0)
                return true;
        if (!where)
                return false;
        /* slashes may be more in the guest's, hyphens are doubled in some */
        word = strrchr(where, '/');
        word = word ? word + 1 : where;
        return !is_written_one_way(word) || (!kind->is_folder && strchr(word, '-')) || strstr(guest, word);
}

bool pool_places_equal(const Definition *a, const Definition *b) {
        _cleanup_free_ char *one = NULL, *other = NULL;
        const PlaceKind *kind = NULL, *kind_other = NULL;

        if (!a || !b || place_of(a, &kind, &one) < 0 || place_of(b, &kind_other, &other) < 0)
                return false;
        return kind == kind_other && streq_ptr(one, other);
}
