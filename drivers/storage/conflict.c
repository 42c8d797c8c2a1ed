/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Two pools on one source: a second one would delete under the hands of the first what that is at work on. */

#include "storage.h"

#include "base/strings.h"
#include "storage/folder.h"

/* --- by what definitions say --- */

static bool same_device(const PoolSpec *a, const PoolSpec *b) {
        for (char **d = a->devices; d && *d; d++)
                if (strv_contains(b->devices, *d))
                        return true;
        return false;
}

bool pool_same_target(const PoolSpec *a, const PoolSpec *b) {
        _cleanup_free_ char *one = a->target ? folder_plain(a->target) : NULL,
                            *other = b->target ? folder_plain(b->target) : NULL;

        return streq_ptr(one, other);
}

static bool same_export(const PoolSpec *a, const PoolSpec *b) {
        return streq_ptr(a->host, b->host) && streq_ptr(a->dir, b->dir);
}

static bool same_group(const PoolSpec *a, const PoolSpec *b) {
        return streq_ptr(a->source_name ?: a->name, b->source_name ?: b->name);
}

static bool same_portal(const PoolSpec *a, const PoolSpec *b) {
        return streq_ptr(a->host, b->host) && same_device(a, b);
}

static bool same_adapter(const PoolSpec *a, const PoolSpec *b) {
        return streq_ptr(a->adapter, b->adapter);
}

static bool (*const same_source[_POOL_TYPE_MAX])(const PoolSpec *a, const PoolSpec *b) = {
        [POOL_DIR] = pool_same_target,
        [POOL_FS] = same_device,
        [POOL_NETFS] = same_export,
        [POOL_LOGICAL] = same_group,
        [POOL_DISK] = same_device,
        [POOL_ISCSI] = same_portal,
        [POOL_ISCSI_DIRECT] = same_portal,
        [POOL_SCSI] = same_adapter,
};

static bool has_folder(const PoolSpec *s) {
        return s->type <= POOL_NETFS && s->target;
}

/* Folders of files may not be two pools' either, whatever their types. */
static bool conflicts(const PoolSpec *a, const PoolSpec *b) {
        if (has_folder(a) && has_folder(b) && pool_same_target(a, b))
                return true;
        return a->type == b->type && same_source[a->type] && same_source[a->type](a, b);
}

/* names, targets: of all others whose volumes are files */
static int refuse_by_words(ObjectIndex *i, const PoolSpec *spec, char ***names, char ***targets, Error *e) {
        Object **list;
        int r = 0;
        size_t n;

        if (object_snapshot(i, NULL, &list, &n) < 0)
                return -ENOMEM;
        for (size_t k = 0; k < n && r >= 0; k++) {
                const PoolSpec *other;

                if (streq(list[k]->name, spec->name) || pool_spec(pool_of(list[k]), &other, NULL) < 0)
                        continue;
                if (conflicts(spec, other))
                        r = error_set(e, -EEXIST, ERROR_OPERATION_FAILED, ORIGIN_STORAGE,
                                      "Storage source conflict with pool: '%s'", list[k]->name);
                else if (has_folder(spec) && has_folder(other) && strv_add(names, list[k]->name) >= 0)
                        r = strv_add(targets, other->target);
        }
        object_release(list, n);
        return r;
}

/* --- by where folders are --- */

/* A folder that is there may lie in another pool's: libvirt's pools do, and virt-install makes a pool of any folder
 * with an image. But none is made there, where it would be one of the other's volumes. places: as place.c has them. */
static int refuse_place(char *const *names, char *const *targets, char *const *places, Error *e) {
        const char *own = places[0] + 1;
        bool there = *places[0] == '+';

        for (size_t k = 0; names[k]; k++) {
                if (streq(own, places[k + 1] + 1))
                        return error_set(e, -EEXIST, ERROR_OPERATION_FAILED, ORIGIN_STORAGE,
                                         "Storage source conflict with pool: '%s': its folder '%s' is the same",
                                         names[k], targets[k + 1]);
                if (!there && folder_is_inside(own, places[k + 1] + 1))
                        return error_set(e, -EEXIST, ERROR_OPERATION_FAILED, ORIGIN_STORAGE,
                                         "Storage source conflict with pool: '%s': '%s' would be made inside its "
                                         "folder '%s' (one that is there already is taken)",
                                         names[k], targets[0], targets[k + 1]);
        }
        return 0;
}

/* After the wait others may have been defined. */
static int refuse_again(ObjectIndex *i, const PoolSpec *spec, Error *e) {
        _cleanup_strv_ char **names = NULL, **targets = NULL;

        return refuse_by_words(i, spec, &names, &targets, e);
}

int pool_refuse_conflict(ObjectIndex *i, const PoolSpec *spec, bool stays, Error *e) {
        _cleanup_strv_ char **names = NULL, **targets = NULL, **places = NULL;
        int r = 0;

        if (has_folder(spec))
                r = strv_add(&targets, spec->target);
        if (r >= 0)
                r = refuse_by_words(i, spec, &names, &targets, e);
        if (r < 0 || stays || !names)
                return r;
        /* one that does not answer is no conflict that could be seen */
        if (pool_places(i, targets, &places) >= 0)
                r = refuse_place(names, targets, places, e);
        return r < 0 ? r : refuse_again(i, spec, e);
}
