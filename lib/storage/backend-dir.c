/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Pools that are folders, and what those on file systems of their own have in common with them. */

#include <sys/stat.h>

#include "backend.h"
#include "base/denied.h"
#include "base/strings.h"
#include "storage/owner.h"
#include "storage/scan.h"

static int cannot_open(const char *path, int r, Error *e) {
        _cleanup_free_ char *refuses = r == -EACCES || r == -EPERM ? path_refuses(path) : NULL;

        if (refuses)
                return error_set_errno(e, r, ORIGIN_STORAGE, "cannot open directory '%s': %s refuses", path, refuses);
        return error_set_errno(e, r, ORIGIN_STORAGE, "cannot open directory '%s'", path);
}

int backend_folder_scan(const PoolSpec *s, const VolumeTable *known, VolumeTable *t, char ***notes, Error *e) {
        int r = scan_folder(s->target, known, t, notes);

        return r < 0 ? cannot_open(s->target, r, e) : 0;
}

int backend_folder_build(const PoolSpec *s, uint32_t flags, Error *e) {
        return pool_make_target(s, e);
}

int backend_folder_remove(const PoolSpec *s, uint32_t flags, Error *e) {
        if (rmdir(s->target) < 0 && errno != ENOENT)
                return error_set_errno(e, -errno, ORIGIN_STORAGE, "failed to remove pool '%s'", s->target);
        return 0;
}

static int start(const PoolSpec *s, Error *e) {
        struct stat st;

        /* the look at it will tell whether its owner may */
        if (stat(s->target, &st) < 0)
                return owner_may_help(-errno) ? 0 : cannot_open(s->target, -errno, e);
        if (!S_ISDIR(st.st_mode))
                return error_set_errno(e, -ENOTDIR, ORIGIN_STORAGE, "cannot open directory '%s'", s->target);
        return 0;
}

const PoolBackend backend_dir = {
        .type = POOL_DIR,
        .volumes_are_files = true,
        .start = start,
        .build = backend_folder_build,
        .remove = backend_folder_remove,
        .scan = backend_folder_scan,
};
