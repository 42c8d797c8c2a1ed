/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What can be done with pools of each type. */

#include <fcntl.h>
#include <linux/fs.h>
#include <linux/magic.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/vfs.h>

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

static int set_nocow(int fd, bool nocow) {
        int flags = 0;

        if (ioctl(fd, FS_IOC_GETFLAGS, &flags) < 0)
                return -errno;
        flags = nocow ? flags | FS_NOCOW_FL : flags & ~FS_NOCOW_FL;
        return ioctl(fd, FS_IOC_SETFLAGS, &flags) < 0 ? -errno : 0;
}

int pool_set_cow(const PoolSpec *s, int fd, Error *e) {
        bool said = s->cow != (unsigned) -1;
        struct statfs fs;
        int r;

        if (fstatfs(fd, &fs) < 0 || (unsigned long) fs.f_type != BTRFS_SUPER_MAGIC)
                return said ? error_set(e, -EOPNOTSUPP, ERROR_CONFIG_UNSUPPORTED, ORIGIN_STORAGE,
                                        "unable to control COW flag on '%s', not btrfs", s->target)
                            : 0;
        r = set_nocow(fd, !said || !s->cow);
        return r < 0 && said ? error_set_errno(e, r, ORIGIN_STORAGE, "unable to set COW flag on '%s'", s->target) : 0;
}

static int set_cow_at(const PoolSpec *s, int path_fd, Error *e) {
        _cleanup_close_ int fd = path_reopen(path_fd, O_RDONLY | O_DIRECTORY);

        /* one that root may not open is no btrfs */
        return pool_set_cow(s, fd, e);
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
        /* what is mounted there later has flags of its own */
        return s->type == POOL_DIR ? set_cow_at(s, fd, e) : 0;
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
