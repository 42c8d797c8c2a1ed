/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Files in the making. */

#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <time.h>

#include "base/fs.h"
#include "base/strings.h"
#include "notify.h"
#include "storage/owner.h"
#include "volume.h"

#ifndef RENAME_NOREPLACE
#define RENAME_NOREPLACE (1 << 0)
#endif

#define PROGRESS_MSEC 250

/* Of the last message, milliseconds. */
static int64_t progress_last;

static int64_t now_msec(void) {
        struct timespec t;

        clock_gettime(CLOCK_MONOTONIC, &t);
        return (int64_t) t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

void volume_progress_later(void) {
        progress_last = now_msec();
}

void volume_progress(const VolumeJob *j, uint64_t done, uint64_t total) {
        static int fd = -EBADF;
        int64_t now = now_msec();

        if (done > 0 && now - progress_last < PROGRESS_MSEC)
                return;
        progress_last = now;
        if (fd < 0)
                fd = notify_open();
        if (fd < 0)
                return;
        if (total > 0)
                (void) notify_status(fd, "", "%s %s: %u%%", job_verb_doing(j->verb), j->path,
                                     (unsigned) (done * 100.0 / total));
        else if (done > 0)
                (void) notify_status(fd, "", "%s %s: %llu MiB", job_verb_doing(j->verb), j->path,
                                     (unsigned long long) done >> 20);
        else
                (void) notify_status(fd, "", "%s %s", job_verb_doing(j->verb), j->path);
}

static int refuse_existing(const VolumeJob *j, Error *e) {
        struct stat st;

        if (lstat(j->path, &st) < 0)
                return errno == ENOENT ? 0 : error_set_errno(e, -errno, ORIGIN_STORAGE, "cannot look at '%s'", j->path);
        return error_set(e, -EEXIST, ERROR_STORAGE_VOL_EXIST, ORIGIN_STORAGE, "storage volume '%s' exists already",
                         j->name);
}

int part_own(const VolumeJob *j, int fd, Error *e) {
        unsigned mode = j->mode != (unsigned) -1 ? j->mode : VOLUME_MODE_DEFAULT;

        if ((j->uid != (uid_t) -1 || j->gid != (gid_t) -1) && fchown(fd, j->uid, j->gid) < 0)
                return error_set_errno(e, -errno, ORIGIN_STORAGE, "unable to chown '%s' to %d:%d", j->path,
                                       (int) j->uid, (int) j->gid);
        if (fchmod(fd, mode) < 0)
                return error_set_errno(e, -errno, ORIGIN_STORAGE, "cannot set mode of '%s' to %04o", j->path, mode);
        return 0;
}

void part_set_nocow(int fd) {
        int flags = 0;

        if (ioctl(fd, FS_IOC_GETFLAGS, &flags) >= 0) {
                flags |= FS_NOCOW_FL;
                (void) ioctl(fd, FS_IOC_SETFLAGS, &flags);
        }
}

void part_set_nocow_as(int fd, int old) {
        int flags = 0;

        if (ioctl(old, FS_IOC_GETFLAGS, &flags) >= 0 && flags & FS_NOCOW_FL)
                part_set_nocow(fd);
}

/* A part that no other job is at work on was left by one that was killed together with what cleans up behind it. */
static bool is_left_over(const char *part, const char *id) {
        _cleanup_strv_ char **others = NULL;
        _cleanup_owner_ bool acted = owner_pause();

        return volume_parts_at_work(id, &others) >= 0 && !strv_contains(others, part);
}

int part_open(const VolumeJob *j, const char *id, char **ret_path, int *ret_fd, Error *e) {
        _cleanup_free_ char *part = volume_job_part(j);
        const int flags = O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW;
        int fd;

        if (!part)
                return -ENOMEM;
        fd = open(part, flags, 0600);
        if (fd < 0 && errno == EEXIST && is_left_over(part, id) && unlink(part) >= 0)
                fd = open(part, flags, 0600);
        if (fd < 0 && errno == EEXIST)
                return error_set(e, -EBUSY, ERROR_OPERATION_INVALID, ORIGIN_STORAGE,
                                 "volume '%s' is still being allocated", j->name);
        if (fd < 0)
                return error_set_errno(e, -errno, ORIGIN_STORAGE, "cannot create path '%s'", j->path);
        *ret_path = TAKE_PTR(part);
        *ret_fd = fd;
        return 0;
}

int part_create(const VolumeJob *j, const char *id, char **ret_path, int *ret_fd, Error *e) {
        int r = refuse_existing(j, e);

        if (r >= 0)
                r = part_open(j, id, ret_path, ret_fd, e);
        if (r >= 0 && j->nocow)
                part_set_nocow(*ret_fd);
        return r;
}

#ifndef SMB2_SUPER_MAGIC
#define SMB2_SUPER_MAGIC 0xfe534d42
#endif
#ifndef CIFS_SUPER_MAGIC
#define CIFS_SUPER_MAGIC 0xff534d42
#endif

bool is_of_smb(int fd) {
        struct statfs fs;

        return fstatfs(fd, &fs) >= 0 &&
               ((unsigned) fs.f_type == SMB2_SUPER_MAGIC || (unsigned) fs.f_type == CIFS_SUPER_MAGIC);
}

int part_vacate(const char *part, int *fd, Error *e) {
        if (!is_of_smb(*fd))
                return 0;
        close(TAKE_FD(*fd));
        return unlink(part) < 0 ? error_set_errno(e, -errno, ORIGIN_STORAGE, "cannot remove '%s'", part) : 0;
}

int part_return(const char *part, int *fd, Error *e) {
        if (*fd < 0)
                *fd = open(part, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
        return *fd < 0 ? error_set_errno(e, -errno, ORIGIN_STORAGE, "cannot open '%s'", part) : 0;
}

/* File systems without that flag (NFS) have link(2), which replaces nothing either. */
static int rename_new(const char *from, const char *to) {
        if (syscall(SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, RENAME_NOREPLACE) >= 0)
                return 0;
        if (errno != EINVAL && errno != ENOSYS)
                return -errno;
        if (link(from, to) < 0)
                return -errno;
        (void) unlink(from);
        return 0;
}

int part_publish(const VolumeJob *j, const char *part, int fd, Error *e) {
        int r = part_own(j, fd, e);

        if (r < 0)
                return r;
        /* the name may not be there without the content, whatever happens to the machine */
        if (fsync(fd) < 0)
                return error_set_errno(e, -errno, ORIGIN_STORAGE, "cannot sync data to file '%s'", j->path);
        r = rename_new(part, j->path);
        if (r == -EEXIST)
                return error_set(e, r, ERROR_STORAGE_VOL_EXIST, ORIGIN_STORAGE, "storage volume '%s' exists already",
                                 j->name);
        if (r < 0)
                return error_set_errno(e, r, ORIGIN_STORAGE, "cannot create path '%s'", j->path);
        (void) fsync_parent(j->path);
        return 0;
}

#define COPY_CHUNK (16U << 20)

static int copy_data(int from, int to, off_t at, off_t end, const VolumeJob *j, uint64_t offset, uint64_t len) {
        off_t in = at, out = at;

        while (in < end) {
                ssize_t n = copy_file_range(from, &in, to, &out, MIN((size_t) (end - in), (size_t) COPY_CHUNK), 0);

                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0)
                        return -errno;
                if (n == 0)
                        return 0;
                volume_progress(j, (uint64_t) in - offset, len);
        }
        return 0;
}

/* For what copy_file_range() cannot do: devices, and files of file systems that have nothing in common. */
static int copy_by_hand(int from, int to, off_t at, off_t end, const VolumeJob *j, uint64_t offset, uint64_t len) {
        _cleanup_free_ char *buffer = malloc(1 << 20);

        if (!buffer)
                return -ENOMEM;
        while (at < end) {
                ssize_t n = pread(from, buffer, MIN((size_t) (end - at), (size_t) 1 << 20), at), m = 0;

                if (n < 0)
                        return -errno;
                if (n == 0)
                        return 0;
                while (m < n) {
                        ssize_t w = pwrite(to, buffer + m, (size_t) (n - m), at + m);

                        if (w < 0)
                                return -errno;
                        m += w;
                }
                at += n;
                volume_progress(j, (uint64_t) at - offset, len);
        }
        return 0;
}

int copy_range_sparse(const VolumeJob *j, int from, int to, uint64_t offset, uint64_t len, Error *e) {
        off_t at = (off_t) offset, end = (off_t) (offset + len);

        while (at < end) {
                off_t data = lseek(from, at, SEEK_DATA), hole;
                int r;

                if (data < 0 && errno == ENXIO)
                        break;
                if (data < 0)
                        data = at;
                if (data >= end)
                        break;
                hole = lseek(from, data, SEEK_HOLE);
                if (hole < 0 || hole > end)
                        hole = end;
                r = copy_data(from, to, data, hole, j, offset, len);
                if (r == -EINVAL || r == -EXDEV || r == -EOPNOTSUPP || r == -ENOSYS)
                        r = copy_by_hand(from, to, data, hole, j, offset, len);
                if (r < 0)
                        return error_set_errno(e, r, ORIGIN_STORAGE, "cannot copy to '%s'", j->path);
                at = hole;
        }
        return 0;
}
