/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Volumes in the making: hidden files beside them, which carry a mark of the host that makes them, because a network's
 * file system may be a pool of several hosts. One that no job of this host is at work on was left by a crash. */

#include <dirent.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/strings.h"
#include "storage/job.h"
#include "storage/owner.h"
#include "storage/scan.h"

char *volume_job_part(const VolumeJob *j) {
        _cleanup_free_ char *suffix = volume_part_suffix();
        const char *slash = strrchr(j->path, '/');

        return suffix ? text_format("%.*s/.%.200s%s", (int) (slash - j->path), j->path, slash + 1, suffix) : NULL;
}

static int add_part(const char *id, char ***parts) {
        _cleanup_volume_job_ VolumeJob *j = NULL;
        _cleanup_free_ char *part = NULL;

        /* one that ends just now has no part any more */
        if (volume_job_is_over(id) || volume_job_load(id, &j) < 0)
                return 0;
        part = volume_job_part(j);
        return part ? strv_add(parts, part) : -ENOMEM;
}

int volume_parts_at_work(const char *except, char ***ret) {
        _cleanup_strv_ char **ids = NULL, **parts = NULL;
        int r = volume_job_list(&ids);

        if (r < 0)
                return r;
        for (char **id = ids; id && *id; id++)
                if (!streq_ptr(*id, except) && add_part(*id, &parts) < 0)
                        return -ENOMEM;
        *ret = TAKE_PTR(parts);
        return 0;
}

static void closedirp(DIR **d) {
        if (*d)
                closedir(*d);
}

/* Jobs are root's, whoever removes their parts. */
static int parts_at_work(char ***ret) {
        _cleanup_owner_ bool acted = owner_pause();

        return volume_parts_at_work(NULL, ret);
}

int volume_parts_remove(const char *folder) {
        _cleanup_(closedirp) DIR *d = opendir(folder);
        _cleanup_strv_ char **parts = NULL;
        int r;

        if (!d)
                return -errno;
        for (struct dirent *entry = readdir(d); entry; entry = readdir(d)) {
                _cleanup_free_ char *path = NULL;

                if (!endswith(entry->d_name, VOLUME_PART_SUFFIX) || !volume_part_is_own(entry->d_name))
                        continue;
                path = text_format("%s/%s", folder, entry->d_name);
                r = parts || !path ? 0 : parts_at_work(&parts);
                if (!path || r < 0)
                        return path ? r : -ENOMEM;
                if (!strv_contains(parts, path))
                        (void) unlinkat(dirfd(d), entry->d_name, 0);
        }
        return 0;
}
