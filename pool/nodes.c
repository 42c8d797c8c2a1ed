/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Nodes of devices that only their pool can tell: disks of SCSI hosts and of iSCSI targets are called by their place
 * ("unit:0:0:1"), and udev may give them any name. A guest's unit is to open its own alone, and the unit is written
 * before anybody has seen the disk, so the pool makes a link that has the names that the definition says. */

#include "nodes.h"

#include <dirent.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/guest-files.h"
#include "base/strings.h"

static int link_to(const char *path, const char *device) {
        _cleanup_free_ char *new = text_format("%s.new", path);

        if (!new)
                return -ENOMEM;
        (void) unlink(new);
        if (symlink(device, new) < 0)
                return -errno;
        return rename(new, path) < 0 ? -errno : 0;
}

static int make_links(const char *pool, const VolumeTable *t) {
        int r = 0;

        for (size_t i = 0; i < t->n && r >= 0; i++) {
                _cleanup_volume_ Volume *v = NULL;
                _cleanup_free_ char *path = NULL;

                r = volume_table_get(t, i, &v);
                if (r < 0 || v->type != VOLUME_BLOCK || !v->path)
                        continue;
                path = pool_node(pool, v->name);
                r = path ? link_to(path, v->path) : -ENOMEM;
        }
        return r;
}

/* t: NULL removes all. */
static void remove_links(const char *pool, const char *folder, const VolumeTable *t) {
        DIR *d = opendir(folder);

        for (struct dirent *entry = d ? readdir(d) : NULL; entry; entry = readdir(d))
                if (*entry->d_name != '.' && (!t || volume_table_find(t, entry->d_name) < 0))
                        (void) unlinkat(dirfd(d), entry->d_name, 0);
        if (d)
                closedir(d);
}

int nodes_show(const char *pool, const VolumeTable *t, Error *e) {
        _cleanup_free_ char *folder = pool_node(pool, NULL);
        int r = folder ? mkdir_p(folder, 0755) : -ENOMEM;

        if (r >= 0) {
                remove_links(pool, folder, t);
                r = make_links(pool, t);
        }
        return r < 0 ? error_set_errno(e, r, ORIGIN_STORAGE, "cannot make links in '%s'", folder ?: "") : 0;
}

void nodes_forget(const char *pool) {
        _cleanup_free_ char *folder = pool_node(pool, NULL);

        if (!folder)
                return;
        remove_links(pool, folder, NULL);
        (void) rmdir(folder);
}
