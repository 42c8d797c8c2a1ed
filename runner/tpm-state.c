/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tpm-state.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "base/fs.h"
#include "base/strings.h"

#define STATE_MAX (1U << 20)

static int own_all(const char *folder, uid_t uid, gid_t gid) {
        struct dirent *d;
        int fd = open(folder, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
        int r = 0;

        if (!dir)
                return -errno;
        if (fchown(fd, uid, gid) < 0)
                r = -errno;
        while (r >= 0 && (d = readdir(dir)))
                if (!streq(d->d_name, ".") && !streq(d->d_name, "..") &&
                    fchownat(fd, d->d_name, uid, gid, AT_SYMLINK_NOFOLLOW) < 0)
                        r = -errno;
        closedir(dir);
        return r;
}

bool tpm_state_exists(const TpmState *s, bool old) {
        _cleanup_free_ char *path = NULL;
        struct stat st;

        if (s->is_file)
                return stat(s->path, &st) >= 0 && st.st_size > 0;
        path = text_format("%s/%s", s->path, old ? "tpm-00.permall" : "tpm2-00.permall");
        return path && access(path, F_OK) >= 0;
}

int tpm_file_own(const char *path, uid_t uid, gid_t gid) {
        _cleanup_close_ int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600);
        struct stat st;

        if (fd < 0 || fstat(fd, &st) < 0)
                return -errno;
        if (!S_ISREG(st.st_mode))
                return -EINVAL;
        return fchown(fd, uid, gid) < 0 ? -errno : 0;
}

int tpm_state_own(const TpmState *s, uid_t uid, gid_t gid) {
        return s->is_file ? tpm_file_own(s->path, uid, gid) : own_all(s->path, uid, gid);
}

int tpm_state_copy(const char *from, const char *to) {
        _cleanup_close_ int fd = open(to, O_WRONLY | O_TRUNC | O_CLOEXEC | O_NOFOLLOW);
        _cleanup_free_ char *data = NULL;
        size_t len = 0;
        int r;

        if (fd < 0)
                return -errno;
        r = file_read(from, STATE_MAX, &data, &len);
        if (r >= 0)
                r = write_all(fd, data, len);
        return r < 0 ? r : fsync(fd) < 0 ? -errno : 0;
}
