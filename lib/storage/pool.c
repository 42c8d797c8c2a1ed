/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What can be done with pools of each type. */

#include <fcntl.h>
#include <sys/stat.h>

#include "base/fs.h"
#include "base/strings.h"
#include "devices.h"
#include "storage/open.h"
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

/* The folder above may be somebody's, who would have a folder of root's given to himself. */
static int own_target(const PoolSpec *s, bool made, Error *e) {
        struct stat st;
        _cleanup_close_ int fd = path_open(s->target, &st);
        char path[32];

        if (fd < 0)
                return error_set_errno(e, fd, ORIGIN_STORAGE, "cannot stat '%s'", s->target);
        if (!S_ISDIR(st.st_mode))
                return error_set(e, -ENOTDIR, ERROR_INTERNAL, ORIGIN_STORAGE, "'%s' is not a folder", s->target);
        if ((s->uid != (uid_t) -1 || s->gid != (gid_t) -1) && fchownat(fd, "", s->uid, s->gid, AT_EMPTY_PATH) < 0)
                return error_set_errno(e, -errno, ORIGIN_STORAGE, "cannot chown '%s'", s->target);
        (void) snprintf(path, sizeof path, "/proc/self/fd/%i", fd);
        if ((made || s->mode != (unsigned) -1) &&
            chmod(path, s->mode != (unsigned) -1 ? s->mode : POOL_MODE_DEFAULT) < 0)
                return error_set_errno(e, -errno, ORIGIN_STORAGE, "cannot set mode of '%s'", s->target);
        return 0;
}

int pool_make_target(const PoolSpec *s, Error *e) {
        _cleanup_free_ char *parent = NULL;
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
        return own_target(s, made, e);
}
