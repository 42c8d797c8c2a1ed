/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "host/mount.h"

#include <inttypes.h>
#include <mntent.h>
#include <sys/mount.h>

#include "base/strings.h"

/* The mount that path is on is the last one listed whose place is path or a folder above it. */
bool mount_has_quota(const char *path) {
        FILE *f = setmntent("/proc/self/mounts", "re");
        struct mntent *m;
        bool found = false;
        size_t best = 0;

        while (f && (m = getmntent(f))) {
                size_t n = strlen(m->mnt_dir);

                if (strncmp(path, m->mnt_dir, n) != 0 || (n > 1 && path[n] && path[n] != '/') || n < best)
                        continue;
                best = n;
                found = strstr(m->mnt_opts, "usrquota") != NULL;
        }
        if (f)
                endmntent(f);
        return found;
}

int mount_bounded(const char *folder, uid_t uid, gid_t gid, uint64_t bytes, unsigned files) {
        _cleanup_free_ char *options =
                text_format("mode=0750,uid=%u,gid=%u,size=%" PRIu64 ",nr_inodes=%u", uid, gid, bytes, files);

        if (!options)
                return -ENOMEM;
        return mount("tmpfs", folder, "tmpfs", MS_NOSUID | MS_NODEV | MS_NOEXEC, options) < 0 ? -errno : 0;
}

int mount_grow(const char *folder, uint64_t bytes) {
        _cleanup_free_ char *options = text_format("size=%" PRIu64, bytes);

        if (!options)
                return -ENOMEM;
        return mount(NULL, folder, NULL, MS_REMOUNT | MS_NOSUID | MS_NODEV | MS_NOEXEC, options) < 0 ? -errno : 0;
}

int mount_remove(const char *folder) {
        if (umount2(folder, MNT_DETACH | UMOUNT_NOFOLLOW) < 0)
                return errno == EINVAL || errno == ENOENT ? 0 : -errno;
        return 0;
}
