/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What can be done with pools of each type. */

#include <sys/stat.h>

#include "base/fs.h"
#include "base/strings.h"
#include "devices.h"
#include "storage/pool.h"

static const PoolBackend *const backends[_POOL_TYPE_MAX] = {
        [POOL_DIR] = &backend_dir,
        [POOL_FS] = &backend_fs,
        [POOL_NETFS] = &backend_netfs,
        [POOL_LOGICAL] = &backend_logical,
        [POOL_ISCSI] = &backend_iscsi,
        [POOL_SCSI] = &backend_scsi,
        [POOL_MPATH] = &backend_mpath,
};

const PoolBackend *pool_backend(PoolType type) {
        if (type == POOL_DISK)
                return pool_devices()->disk;
        if (type == POOL_ISCSI_DIRECT)
                return pool_devices()->iscsi_direct;
        return backends[type];
}

int pool_make_target(const PoolSpec *s, Error *e) {
        _cleanup_free_ char *parent = NULL;
        struct stat st;
        char *slash;
        bool made;

        if (!s->target)
                return 0;
        parent = strdup(s->target);
        if (!parent)
                return -ENOMEM;
        slash = strrchr(parent, '/');
        if (slash && slash > parent) {
                int r;

                *slash = '\0';
                r = mkdir_p(parent, 0755);
                if (r < 0)
                        return error_set_errno(e, r, ORIGIN_STORAGE, "failed to create path '%s'", parent);
        }
        made = mkdir(s->target, 0700) >= 0;
        if (!made && errno != EEXIST)
                return error_set_errno(e, -errno, ORIGIN_STORAGE, "failed to create directory '%s'", s->target);
        if (stat(s->target, &st) < 0)
                return error_set_errno(e, -errno, ORIGIN_STORAGE, "cannot stat '%s'", s->target);
        if (!S_ISDIR(st.st_mode))
                return error_set(e, -ENOTDIR, ERROR_INTERNAL, ORIGIN_STORAGE, "'%s' is not a folder", s->target);
        if ((s->uid != (uid_t) -1 || s->gid != (gid_t) -1) && chown(s->target, s->uid, s->gid) < 0)
                return error_set_errno(e, -errno, ORIGIN_STORAGE, "cannot chown '%s'", s->target);
        if ((made || s->mode != (unsigned) -1) &&
            chmod(s->target, s->mode != (unsigned) -1 ? s->mode : POOL_MODE_DEFAULT) < 0)
                return error_set_errno(e, -errno, ORIGIN_STORAGE, "cannot set mode of '%s'", s->target);
        return 0;
}
