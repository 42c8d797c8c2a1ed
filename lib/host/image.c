/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "host/image.h"

#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "base/denied.h"
#include "base/fds.h"
#include "base/strings.h"

/* --- with somebody else's credentials --- */

typedef struct Owner {
        uid_t uid;
        gid_t gid;
} Owner;

/* All ids, and not the file system's alone: FUSE looks at each of them. */
static int become(Owner owner) {
        struct passwd *pw = getpwuid(owner.uid);
        int r;

        r = pw ? initgroups(pw->pw_name, owner.gid) : setgroups(0, NULL);
        if (r < 0 || setresgid(owner.gid, owner.gid, owner.gid) < 0 || setresuid(owner.uid, owner.uid, owner.uid) < 0)
                return -errno;
        return 0;
}

/* A file system that hangs is the caller's to wait for, as it would be without this. */
static _noreturn_ void open_in_child(int socket, const char *path, int flags, Owner owner) {
        int r = become(owner), fd = -EBADF;

        if (r >= 0) {
                fd = open(path, flags);
                r = fd < 0 ? -errno : 0;
        }
        _exit(send_fds(socket, &r, sizeof r, &fd, fd >= 0, 0) == sizeof r ? EXIT_SUCCESS : EXIT_FAILURE);
}

static int open_as(const char *path, int flags, Owner owner) {
        int pair[2], fd = -EBADF, r = -EIO;
        unsigned n = 0;
        pid_t pid;

        if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
                return -errno;
        pid = fork();
        if (pid == 0)
                open_in_child(pair[1], path, flags, owner);
        close(pair[1]);
        if (pid < 0 || receive_fds(pair[0], &r, sizeof r, &fd, 1, &n, 0) != sizeof r)
                r = -EIO;
        close(pair[0]);
        while (pid > 0 && waitpid(pid, NULL, 0) < 0 && errno == EINTR)
                ;
        return r < 0 ? r : fd;
}

/* Whose file it is; where that is not to be learned, whose the nearest folder is that can be seen. */
static int owner_of(const char *path, Owner *ret) {
        _cleanup_free_ char *copy = strdup(path);
        struct stat st;

        if (!copy)
                return -ENOMEM;
        while (stat(*copy ? copy : "/", &st) < 0) {
                char *slash = strrchr(copy, '/');

                if (!slash || errno == ENOENT)
                        return -ENOENT;
                *slash = 0;
        }
        *ret = (Owner) { st.st_uid, st.st_gid };
        return st.st_uid == 0 ? -EACCES : 0;
}

static bool is_denied(int r) {
        return r == -EACCES || r == -EPERM;
}

static int open_anyhow(const char *path, int flags) {
        int fd = open(path, flags), r;
        Owner owner;

        if (fd >= 0)
                return fd;
        r = -errno;
        if (!is_denied(r) || owner_of(path, &owner) < 0)
                return r;
        fd = open_as(path, flags, owner);
        return fd >= 0 || !is_denied(fd) ? fd : r;
}

/* --- messages --- */

static int fail(const char *path, unsigned flags, int r, Error *e) {
        _cleanup_free_ char *refuses = is_denied(r) ? path_refuses(path) : NULL;
        const char *how = flags & IMAGE_WRITABLE ? " for writing" : "",
                   *past = flags & IMAGE_DIRECT ? " without the page cache" : "";

        if (refuses)
                return error_set_errno(e, r, ORIGIN_QEMU, "cannot open '%s'%s%s: %s refuses", path, how, past, refuses);
        return error_set_errno(e, r, ORIGIN_QEMU, "cannot open '%s'%s%s", path, how, past);
}

static int check_kind(const char *path, mode_t mode, Error *e) {
        if (S_ISREG(mode) || S_ISBLK(mode))
                return 0;
        return error_set(e, -EINVAL, ERROR_CONFIG_UNSUPPORTED, ORIGIN_QEMU,
                         "'%s' is %s, not an image: neither a file nor a block device", path,
                         S_ISDIR(mode)   ? "a folder"
                         : S_ISCHR(mode) ? "a character device"
                                         : "something else");
}

int image_open(const char *path, unsigned flags, int *ret, Error *e) {
        int how = (flags & IMAGE_WRITABLE ? O_RDWR : O_RDONLY) | (flags & IMAGE_DIRECT ? O_DIRECT : 0) | O_CLOEXEC |
                  O_NOCTTY;
        _cleanup_close_ int fd = -EBADF;
        struct stat st;
        int r;

        /* A FIFO or a device is not touched, as far as it can be seen at all. */
        if (stat(path, &st) >= 0) {
                r = check_kind(path, st.st_mode, e);
                if (r < 0)
                        return r;
        } else if (!is_denied(-errno))
                return fail(path, flags, -errno, e);
        /* A drive without a medium can be opened only so. */
        fd = open_anyhow(path, how | (flags & IMAGE_WRITABLE ? 0 : O_NONBLOCK));
        if (fd < 0)
                return fail(path, flags, fd, e);
        if (fstat(fd, &st) < 0)
                return fail(path, flags, -errno, e);
        r = check_kind(path, st.st_mode, e);
        if (r < 0)
                return r;
        if (S_ISREG(st.st_mode) && !(flags & IMAGE_WRITABLE) && fcntl(fd, F_SETFL, how & ~(O_CLOEXEC | O_NOCTTY)) < 0)
                return fail(path, flags, -errno, e);
        *ret = TAKE_FD(fd);
        return 0;
}

bool image_file_equal(const ImageFile *a, const ImageFile *b) {
        return a->block == b->block && a->dev == b->dev && a->ino == b->ino;
}

static ImageFile file_of(const struct stat *st) {
        return S_ISBLK(st->st_mode) ? (ImageFile) { true, st->st_rdev, 0 }
                                    : (ImageFile) { false, st->st_dev, st->st_ino };
}

static int identify(int fd, ImageFile *ret) {
        struct stat st;

        if (fstat(fd, &st) < 0)
                return -errno;
        *ret = file_of(&st);
        return 0;
}

/* Like stat(2), for what only its owner finds too. */
static int look_at(const char *path, struct stat *ret) {
        _cleanup_close_ int fd = -EBADF;

        if (stat(path, ret) >= 0)
                return 0;
        if (!is_denied(-errno))
                return -errno;
        fd = open_anyhow(path, O_PATH | O_CLOEXEC);
        if (fd < 0)
                return fd;
        return fstat(fd, ret) < 0 ? -errno : 0;
}

int image_identify(const char *path, ImageFile *ret) {
        struct stat st;
        int r;

        r = look_at(path, &st);
        if (r < 0)
                return r;
        if (!S_ISREG(st.st_mode) && !S_ISBLK(st.st_mode))
                return -EINVAL;
        *ret = file_of(&st);
        return 0;
}

int image_give(const char *path, unsigned flags, const ImageFile *only, FdSink *sink, ImageFile *ret_file, Error *e) {
        _cleanup_close_ int fd = -EBADF;
        ImageFile file;
        int r;

        r = image_open(path, flags, &fd, e);
        if (r < 0)
                return r;
        r = identify(fd, &file);
        if (r < 0)
                return fail(path, flags, r, e);
        if (only && !image_file_equal(only, &file))
                return error_set(e, -ESTALE, ERROR_OPERATION_INVALID, ORIGIN_QEMU, "'%s' became another file meanwhile",
                                 path);
        if (ret_file)
                *ret_file = file;
        return fd_sink_give(sink, fd, e);
}

/* As it is open: QEMU asks for the same. */
static bool suits(int fd, unsigned flags) {
        int has = fcntl(fd, F_GETFL);

        return has >= 0 && (has & O_ACCMODE) == (flags & IMAGE_WRITABLE ? O_RDWR : O_RDONLY) &&
               !(has & O_DIRECT) == !(flags & IMAGE_DIRECT);
}

static int open_again(int fd, unsigned flags) {
        int has = fcntl(fd, F_GETFL), r;
        char path[64];

        /* what the client may not write to, the guest may not either */
        if (has < 0 || (flags & IMAGE_WRITABLE && (has & O_ACCMODE) != O_RDWR))
                return has < 0 ? -errno : -EACCES;
        (void) snprintf(path, sizeof path, "/proc/self/fd/%i", fd);
        r = open(path, O_CLOEXEC | O_NONBLOCK | (flags & IMAGE_WRITABLE ? O_RDWR : O_RDONLY) |
                               (flags & IMAGE_DIRECT ? O_DIRECT : 0));
        return r < 0 ? -errno : r;
}

int image_give_opened(const char *path, const int *fds, size_t n, unsigned flags, FdSink *sink, ImageFile *ret_file,
                      Error *e) {
        _cleanup_close_ int again = -EBADF;
        int fd = -EBADF, r = -EBADF;
        ImageFile file;
        struct stat st;

        for (size_t i = 0; i < n && fd < 0; i++)
                if (suits(fds[i], flags))
                        fd = fds[i];
        for (size_t i = 0; i < n && fd < 0; i++) {
                r = again = open_again(fds[i], flags);
                fd = again;
        }
        if (fd < 0)
                return fail(path, flags, r, e);
        if (fstat(fd, &st) < 0)
                return fail(path, flags, -errno, e);
        r = check_kind(path, st.st_mode, e);
        if (r < 0)
                return r;
        r = identify(fd, &file);
        if (r < 0)
                return fail(path, flags, r, e);
        if (ret_file)
                *ret_file = file;
        return fd_sink_give(sink, fd, e);
}
