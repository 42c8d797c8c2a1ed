/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <dirent.h>

#include "base/fs.h"
#include "base/strings.h"
#include "guest/savefile.h"

static char *managed_save_path(const Guest *g) {
        return text_format("%s/qemu/save/%s.save", path_lib(), g->object.name);
}

bool has_managed_save(const Guest *g) {
        _cleanup_free_ char *path = managed_save_path(g);

        return path && access(path, F_OK) == 0;
}

int remove_managed_save(const Guest *g, Error *e) {
        _cleanup_free_ char *path = managed_save_path(g);

        if (!path)
                return -ENOMEM;
        if (unlink(path) < 0 && errno != ENOENT)
                return error_set_errno(e, -errno, ORIGIN_QEMU, "cannot remove managed save file %s", path);
        return 0;
}

static char *metadata_folder(const Guest *g, const char *kind) {
        return text_format("%s/qemu/%s/%s", path_lib(), kind, g->object.name);
}

unsigned count_metadata(const Guest *g, const char *kind) {
        _cleanup_free_ char *path = metadata_folder(g, kind);
        struct dirent *entry;
        unsigned n = 0;
        DIR *dir;

        dir = path ? opendir(path) : NULL;
        if (!dir)
                return 0;
        while ((entry = readdir(dir)))
                n += entry->d_name[0] != '.' && endswith(entry->d_name, ".xml");
        closedir(dir);
        return n;
}

int remove_metadata(const Guest *g, const char *kind, Error *e) {
        _cleanup_free_ char *path = metadata_folder(g, kind);
        struct dirent *entry;
        int r = 0;
        DIR *dir;

        if (!path)
                return -ENOMEM;
        dir = opendir(path);
        if (!dir)
                return errno == ENOENT ? 0 : error_set_errno(e, -errno, ORIGIN_QEMU, "cannot open %s", path);
        while (r >= 0 && (entry = readdir(dir)))
                if (entry->d_name[0] != '.' && endswith(entry->d_name, ".xml") &&
                    unlinkat(dirfd(dir), entry->d_name, 0) < 0)
                        r = error_set_errno(e, -errno, ORIGIN_QEMU, "cannot remove %s/%s", path, entry->d_name);
        closedir(dir);
        if (r >= 0)
                (void) rmdir(path);
        return r;
}
