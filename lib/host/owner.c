/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "host/owner.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "base/fs.h"
#include "base/strings.h"

int owner_of(const char *path, char **ret) {
        struct stat st;

        if (stat(path, &st) < 0)
                return -errno;
        *ret = text_format("%u:%u:%s", st.st_uid, st.st_gid, path);
        return *ret ? 0 : -ENOMEM;
}

int owner_give(const char *path, uid_t uid, gid_t gid) {
        return chown(path, uid, gid) < 0 ? -errno : 0;
}

int owner_return(const char *value) {
        unsigned uid, gid;
        int at = 0, r;

        if (sscanf(value, "%u:%u:%n", &uid, &gid, &at) != 2 || at == 0)
                return -EINVAL;
        r = owner_give(value + at, uid, gid);
        return r == -ENOENT ? 0 : r;
}

static int make_above(const char *path) {
        _cleanup_free_ char *copy = strdup(path);

        if (!copy)
                return -ENOMEM;
        for (char *slash = strchr(copy + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
                *slash = 0;
                if (mkdir(copy, 0755) < 0 ? errno != EEXIST : chmod(copy, 0755) < 0) /* whatever the umask is */
                        return -errno;
                *slash = '/';
        }
        return 0;
}

int folder_make(const char *path, uid_t uid, gid_t gid) {
        _cleanup_close_ int fd = -EBADF;
        int r;

        r = make_above(path);
        if (r < 0)
                return r;
        if (mkdir(path, 0700) < 0 && errno != EEXIST)
                return -errno;
        fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (fd < 0 || fchown(fd, uid, gid) < 0 || fchmod(fd, 0700) < 0)
                return -errno;
        return 0;
}

int folder_remove(const char *path) {
        struct dirent *d;
        DIR *dir;
        int fd;

        fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (fd < 0)
                return errno == ENOENT ? 0 : -errno;
        dir = fdopendir(fd);
        if (!dir) {
                close(fd);
                return -ENOMEM;
        }
        while ((d = readdir(dir)))
                if (!streq(d->d_name, ".") && !streq(d->d_name, ".."))
                        (void) unlinkat(dirfd(dir), d->d_name, 0);
        closedir(dir);
        return rmdir(path) < 0 ? -errno : 0;
}
