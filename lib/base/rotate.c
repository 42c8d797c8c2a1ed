/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/rotate.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "base/fs.h"
#include "base/strings.h"

static char *backup_path(const char *path, unsigned n) {
        return text_format("%s.%u", path, n);
}

static int open_file(RotatingFile *f, int how) {
        struct stat st;
        int fd;

        fd = open(f->path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOCTTY | O_NOFOLLOW | O_NONBLOCK | how, 0600);
        if (fd < 0)
                return -errno;
        if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode)) {
                close(fd);
                return -EINVAL;
        }
        closep(&f->fd);
        f->fd = fd;
        f->inode = st.st_ino;
        f->offset = (uint64_t) st.st_size;
        return 0;
}

int rotate_open(RotatingFile *f, const char *path, const RotateLimits *limits, bool truncate, Error *e) {
        int r;

        *f = (RotatingFile) { .path = strdup(path), .limits = *limits, .fd = -EBADF };
        if (!f->path)
                return -ENOMEM;
        r = open_file(f, truncate ? O_TRUNC : 0);
        for (unsigned i = 0; r >= 0 && truncate && i < limits->max_backups; i++) {
                _cleanup_free_ char *old = backup_path(path, i);

                if (old)
                        (void) unlink(old);
        }
        if (r >= 0)
                return 0;
        rotate_close(f);
        return error_set_errno(e, r, ORIGIN_LOGGING, "Unable to open file: %s", path);
}

void rotate_close(RotatingFile *f) {
        closep(&f->fd);
        f->fd = -EBADF;
        for (unsigned i = 0; f->backups && i < f->limits.max_backups; i++)
                closep(&f->backups[i]);
        free(f->backups);
        f->backups = NULL;
        free(f->path);
        f->path = NULL;
}

int rotate_adopt(RotatingFile *f, int fd, const int *backups, unsigned n, uint64_t max_size) {
        struct stat st;

        *f = (RotatingFile) { .limits = { max_size, n }, .fd = fd, .backups = calloc(MAX(n, 1U), sizeof(int)) };
        if (!f->backups) {
                f->limits.max_backups = 0;
                return -ENOMEM;
        }
        if (n > 0)
                memcpy(f->backups, backups, n * sizeof(int));
        if (fstat(fd, &st) < 0)
                return -errno;
        f->inode = st.st_ino;
        f->offset = (uint64_t) st.st_size;
        return 0;
}

static int copy_all(int from, int to) {
        char data[65536];
        off_t at = 0;
        ssize_t n;
        int r = ftruncate(to, 0) < 0 ? -errno : 0;

        while (r >= 0 && (n = pread(from, data, sizeof data, at)) != 0) {
                r = n < 0 ? -errno : write_all(to, data, (size_t) n);
                at += n;
        }
        return r;
}

static int roll_in_place(RotatingFile *f) {
        int r = 0;

        for (unsigned i = f->limits.max_backups; r >= 0 && i > 0; i--)
                r = copy_all(i > 1 ? f->backups[i - 2] : f->fd, f->backups[i - 1]);
        /* a backup that cannot be written is no reason to grow for ever */
        if (ftruncate(f->fd, 0) < 0)
                return -errno;
        f->offset = 0;
        return r;
}

/* The newest last, so that a crash in between loses nothing but the oldest. */
static int roll(RotatingFile *f) {
        if (f->backups)
                return roll_in_place(f);
        for (unsigned i = f->limits.max_backups; i > 0; i--) {
                _cleanup_free_ char *to = backup_path(f->path, i - 1),
                                    *from = i > 1 ? backup_path(f->path, i - 2) : strdup(f->path);

                if (!to || !from)
                        return -ENOMEM;
                if (rename(from, to) < 0 && errno != ENOENT)
                        return -errno;
        }
        return open_file(f, O_TRUNC);
}

/* As much as fits, up to the end of a line where there is one. */
static size_t fitting(const RotatingFile *f, const char *data, size_t len) {
        uint64_t room = f->limits.max_size > f->offset ? f->limits.max_size - f->offset : 0;
        const char *end;

        if (f->limits.max_size == 0 || len <= room)
                return len;
        end = room > 0 ? memrchr(data, '\n', room) : NULL;
        if (end)
                return (size_t) (end - data) + 1;
        /* a line of its own file, as far as that holds it */
        return f->offset > 0 ? 0 : (size_t) room;
}

int rotate_write(RotatingFile *f, const char *data, size_t len) {
        struct stat st;

        /* somebody else may have cut it */
        if (f->backups && fstat(f->fd, &st) >= 0)
                f->offset = (uint64_t) st.st_size;
        while (len > 0) {
                size_t n = fitting(f, data, len);
                int r = n > 0 ? write_all(f->fd, data, n) : 0;

                if (r < 0)
                        return r;
                f->offset += n;
                data += n;
                len -= n;
                r = len > 0 ? roll(f) : 0;
                if (r < 0)
                        return r;
        }
        return 0;
}

/* --- reading --- */

/* Which file has the inode: 0 is PATH, 1 is PATH.0 ...; the oldest that there is where none has. */
static int find_file(const char *path, unsigned max_backups, uint64_t inode, unsigned *ret) {
        int found = -ENOENT;

        for (unsigned i = 0; i <= max_backups; i++) {
                _cleanup_free_ char *p = i == 0 ? strdup(path) : backup_path(path, i - 1);
                struct stat st;

                if (!p)
                        return -ENOMEM;
                if (lstat(p, &st) < 0 || !S_ISREG(st.st_mode))
                        continue;
                *ret = i;
                found = 0;
                if (st.st_ino == inode)
                        return 1;
        }
        return found;
}

static int read_from(const char *path, uint64_t offset, StrBuf *b, size_t max) {
        _cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NOFOLLOW | O_NONBLOCK);
        char data[65536];
        ssize_t n;

        if (fd < 0)
                return errno == ENOENT ? 0 : -errno;
        while (b->len < max && (n = pread(fd, data, MIN(sizeof data, max - b->len), (off_t) offset)) != 0) {
                if (n < 0)
                        return -errno;
                for (ssize_t i = 0; i < n; i++)
                        if (data[i])
                                strbuf_addc(b, data[i]);
                offset += (uint64_t) n;
        }
        return 0;
}

int rotate_read(const char *path, unsigned max_backups, uint64_t inode, uint64_t offset, size_t max, char **ret,
                Error *e) {
        _cleanup_strbuf_ StrBuf b = {};
        unsigned i = 0;
        int r;

        r = find_file(path, max_backups, inode, &i);
        if (r < 0)
                return error_set_errno(e, r, ORIGIN_LOGGING, "Unable to open file: %s", path);
        if (r == 0)
                offset = 0;
        for (r = 0, i++; r >= 0 && i > 0 && b.len < max; i--, offset = 0) {
                _cleanup_free_ char *p = i == 1 ? strdup(path) : backup_path(path, i - 2);

                r = p ? read_from(p, offset, &b, max) : -ENOMEM;
        }
        if (r < 0)
                return error_set_errno(e, r, ORIGIN_LOGGING, "Unable to read file: %s", path);
        *ret = b.len > 0 ? strbuf_take(&b) : strdup("");
        return *ret ? 0 : -ENOMEM;
}
