/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Mount points that systemd has made in the folder which is every guest's root directory, and does not take away. Where
 * a file of the host has become a folder since, or the other way round, no guest that needs it would start any more. */

#include "leftovers.h"

#include <ftw.h>
#include <sys/stat.h>

#include "base/fs.h"
#include "base/log.h"
#include "base/strings.h"

#define DEPTH_MAX 16

static char *root_folder(void) {
        return text_format("%s/root", path_run());
}

/* Behind the path of that folder comes the path on the host. */
static bool is_stale(const char *on_host, bool folder) {
        struct stat st;

        if (stat(on_host, &st) < 0)
                return errno == ENOENT || errno == ENOTDIR;
        return S_ISDIR(st.st_mode) != folder;
}

static int visit(const char *path, const struct stat *st, int type, struct FTW *at) {
        _cleanup_free_ char *root = root_folder();
        const char *on_host = root ? startswith(path, root) : NULL;

        if (!on_host || at->level == 0 || !is_stale(on_host, S_ISDIR(st->st_mode)))
                return 0;
        if (remove(path) >= 0)
                log_info("removed the mount point %s", path);
        else if (errno != ENOTEMPTY && errno != EEXIST)
                log_warning_errno(-errno, "cannot remove the mount point %s: %m", path);
        return 0;
}

/* A mount point that a running guest has is taken from it by this: it was for a file that is not there any more. */
void mount_points_mend(void) {
        _cleanup_free_ char *root = root_folder();

        if (root)
                (void) nftw(root, visit, DEPTH_MAX, FTW_DEPTH | FTW_PHYS | FTW_MOUNT);
}
