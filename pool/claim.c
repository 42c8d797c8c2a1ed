/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "claim.h"

#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/strings.h"
#include "load.h"

#define CLAIM_MAX 64U

/* What a folder is called: by its numbers, since its paths may be many. */
static char *id_of(const char *folder) {
        struct stat st;

        if (!folder || stat(folder, &st) < 0 || !S_ISDIR(st.st_mode))
                return NULL;
        return text_format("%" PRIx64 ":%" PRIx64, (uint64_t) st.st_dev, (uint64_t) st.st_ino);
}

static int open_folders(int *ret) {
        _cleanup_free_ char *path = text_format("%s/storage/folders", path_run());
        int r = path ? mkdir_p(path, 0700) : -ENOMEM;

        if (r < 0)
                return r;
        *ret = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        return *ret < 0 ? -errno : 0;
}

/* Is locked until this process ends, which is as long as the pool begins. A new file: the lock of an earlier start may
 * be that of a child which waits for a disk, and dies when that answers. */
static int publish(int folders, const char *name, const char *id) {
        int fd;

        (void) unlinkat(folders, name, 0);
        fd = openat(folders, name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
        if (fd < 0)
                return -errno;
        if (flock(fd, LOCK_EX) < 0 || write_all(fd, id, strlen(id)) < 0) {
                int r = -errno;

                close(fd);
                return r;
        }
        return 0;
}

static bool has_id(int fd, const char *id) {
        char text[CLAIM_MAX + 1];
        ssize_t n = pread(fd, text, CLAIM_MAX, 0);

        text[MAX(n, 0)] = '\0';
        return streq(text, id);
}

/* Numbers are used again: what the other one has is looked at once more. */
static bool is_active_on(const char *name, const char *id) {
        _cleanup_free_ char *live = pool_file(POOL_LIVE, name), *seen = NULL;
        _cleanup_definition_ Definition *d = NULL;
        _cleanup_pool_spec_ PoolSpec *s = NULL;

        if (!live || access(live, F_OK) < 0 || pool_load(name, true, &d, &s, NULL) < 0)
                return false;
        seen = id_of(s->target);
        return seen && streq(seen, id);
}

/* Those that have the same, where they are at their beginning too. No two wait for each other: who came later sees the
 * earlier one, and is not seen by that. */
static int find_others(int folders, const char *name, const char *id, char ***ret) {
        int again = fcntl(folders, F_DUPFD_CLOEXEC, 3), r = 0;
        DIR *d = again < 0 ? NULL : fdopendir(again);

        if (!d)
                return -errno;
        for (struct dirent *entry = readdir(d); entry && r >= 0; entry = readdir(d)) {
                _cleanup_close_ int fd = -EBADF;

                if (*entry->d_name == '.' || streq(entry->d_name, name))
                        continue;
                fd = openat(folders, entry->d_name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
                if (fd >= 0 && has_id(fd, id))
                        r = strv_add(ret, entry->d_name);
        }
        closedir(d);
        return r;
}

static int refuse_active(int folders, char *const *others, const PoolSpec *s, const char *id, Error *e) {
        for (; others && *others; others++) {
                _cleanup_close_ int fd = openat(folders, *others, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);

                if (fd < 0 || flock(fd, LOCK_SH) < 0 || !is_active_on(*others, id))
                        continue;
                return error_set(e, -EEXIST, ERROR_OPERATION_FAILED, ORIGIN_STORAGE,
                                 "Storage source conflict with pool: '%s': it has the folder '%s'", *others, s->target);
        }
        return 0;
}

int claim_folder(const PoolSpec *s, Error *e) {
        _cleanup_free_ char *id = id_of(s->target);
        _cleanup_strv_ char **others = NULL;
        _cleanup_close_ int folders = -EBADF;
        int r;

        if (!id)
                return 0;
        r = open_folders(&folders);
        if (r >= 0 && flock(folders, LOCK_EX) < 0)
                r = -errno;
        if (r >= 0)
                r = publish(folders, s->name, id);
        if (r >= 0)
                r = find_others(folders, s->name, id, &others);
        if (r < 0)
                return error_set_errno(e, r, ORIGIN_STORAGE, "cannot note which folder the pool '%s' has", s->name);
        (void) flock(folders, LOCK_UN);
        return refuse_active(folders, others, s, id, e);
}

void claim_forget(const char *name) {
        _cleanup_free_ char *path = text_format("%s/storage/folders/%s", path_run(), name);

        if (path)
                (void) unlink(path);
}
