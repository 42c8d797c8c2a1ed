/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "host/owner.h"

#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sys/stat.h>

#include "base/fs.h"
#include "base/strings.h"

/* A folder on the way may be somebody's who would have another file given away, now or when it is given back: so it is
 * the file that was looked at, whatever its path leads to since. */
typedef struct Owned {
        uid_t uid;
        gid_t gid;
        uint64_t device, inode; /* 0: not known */
        const char *path;
} Owned;

int owner_of(const char *path, char **ret) {
        struct stat st;

        if (stat(path, &st) < 0)
                return -errno;
        *ret = text_format("%u:%u:%" PRIu64 ":%" PRIu64 ":%s", st.st_uid, st.st_gid, (uint64_t) st.st_dev,
                           (uint64_t) st.st_ino, path);
        return *ret ? 0 : -ENOMEM;
}

/* Before version 0.2 it was "UID:GID:PATH". */
static int parse(const char *value, Owned *ret) {
        int at = 0;

        *ret = (Owned) {};
        if (sscanf(value, "%u:%u:%" SCNu64 ":%" SCNu64 ":%n", &ret->uid, &ret->gid, &ret->device, &ret->inode, &at) !=
            4 || at == 0) {
                ret->device = ret->inode = 0;
                if (sscanf(value, "%u:%u:%n", &ret->uid, &ret->gid, &at) != 2 || at == 0)
                        return -EINVAL;
        }
        ret->path = value + at;
        return 0;
}

static int give(const Owned *o, uid_t uid, gid_t gid) {
        _cleanup_close_ int fd = open(o->path, O_PATH | O_CLOEXEC | (o->inode == 0 ? O_NOFOLLOW : 0));
        struct stat st;

        if (fd < 0 || fstat(fd, &st) < 0)
                return -errno;
        if (o->inode == 0 ? S_ISLNK(st.st_mode) : st.st_dev != o->device || st.st_ino != o->inode)
                return -ESTALE;
        return fchownat(fd, "", uid, gid, AT_EMPTY_PATH) < 0 ? -errno : 0;
}

int owner_give(const char *value, uid_t uid, gid_t gid) {
        Owned o;
        int r = parse(value, &o);

        return r < 0 ? r : give(&o, uid, gid);
}

int owner_return(const char *value) {
        Owned o;
        int r = parse(value, &o);

        if (r >= 0)
                r = give(&o, o.uid, o.gid);
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

static bool is_dot(const char *name) {
        return streq(name, ".") || streq(name, "..");
}

/* A folder in it goes up into it, under a name that nobody has, as often as there is one: however deep they are, two
 * are open. */
static int lift(int above, int fd, const char *name, uint64_t number) {
        char up[32];

        (void) snprintf(up, sizeof up, "unitvirt-%" PRIu64, number);
        return renameat2(fd, name, above, up, RENAME_NOREPLACE) < 0 && errno != ENOENT ? -errno : 0;
}

static int empty_folder(int above, const char *name, uint64_t *number) {
        int fd = openat(above, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
        struct dirent *d;
        int r = 0;

        if (!dir) {
                closep(&fd);
                return -ENOTDIR;
        }
        while (r >= 0 && (d = readdir(dir)))
                if (!is_dot(d->d_name) && unlinkat(fd, d->d_name, 0) < 0 && errno != ENOENT)
                        r = lift(above, fd, d->d_name, (*number)++);
        closedir(dir);
        return r >= 0 && unlinkat(above, name, AT_REMOVEDIR) < 0 ? -errno : r;
}

/* One round; how much has gone. */
static unsigned remove_some(int fd, uint64_t *number) {
        int again = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        DIR *dir = again >= 0 ? fdopendir(again) : NULL;
        unsigned gone = 0;
        struct dirent *d;

        if (!dir) {
                closep(&again);
                return 0;
        }
        while ((d = readdir(dir)))
                if (!is_dot(d->d_name) &&
                    (unlinkat(fd, d->d_name, 0) >= 0 || empty_folder(fd, d->d_name, number) >= 0))
                        gone++;
        closedir(dir);
        return gone;
}

int folder_remove(const char *path) {
        _cleanup_close_ int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        uint64_t number = 0;

        if (fd < 0)
                return errno == ENOENT ? 0 : -errno;
        while (remove_some(fd, &number) > 0)
                ;
        return rmdir(path) < 0 ? -errno : 0;
}
