/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* upload and download: the bytes come from the daemon and go to it through a pipe, with frames over a socket that say
 * so (storage/job.h). Between pipe and file the kernel moves them.
 *
 * An upload of a file from its beginning is written to a hidden file, which takes the volume's place when the last byte
 * has come and been synced: whoever reads the volume sees the old content or the new, and a client that dies leaves it
 * as it was. What lies behind the upload's end stays. An upload into the middle, or to a device, is written in
 * place. */

#include <fcntl.h>
#include <sys/socket.h>

#include "base/fds.h"
#include "base/fs.h"
#include "base/socket.h"
#include "base/strings.h"
#include "storage/open.h"
#include "storage/owner.h"
#include "volume.h"

/* The daemon. */
typedef struct Peer {
        int fd;
        int pipe;
        int inner[2];
} Peer;

static void peer_done(Peer *p) {
        closep(&p->fd);
        closep(&p->pipe);
        closep(&p->inner[0]);
        closep(&p->inner[1]);
}
#define _cleanup_peer_ _cleanup_(peer_done)
#define PEER_INIT { -EBADF, -EBADF, { -EBADF, -EBADF } }

#define INNER_SIZE (1U << 20)

static int receive_pipe(Peer *p) {
        unsigned n_fds = 0;
        char byte;
        ssize_t n = receive_fds(p->fd, &byte, 1, &p->pipe, 1, &n_fds, 0);

        return n < 0 ? (int) n : n == 0 || n_fds != 1 ? -ECONNRESET : 0;
}

static int connect_daemon(const VolumeJob *j, Peer *p, Error *e) {
        _cleanup_free_ char *path = j->stream ? volume_job_path(j->stream, "sock") : NULL;
        _cleanup_owner_ bool acted = owner_pause();
        int r;

        p->fd = path ? unix_connect(path, SOCK_STREAM) : -ENOMEM;
        r = p->fd < 0 ? p->fd : receive_pipe(p);
        return r < 0 ? error_set_errno(e, r, ORIGIN_STORAGE, "the client is gone") : 0;
}

static int send_frame(Peer *p, char type, uint64_t len) {
        JobFrame f = { type, htole64(len) };

        return write_all(p->fd, (const char *) &f, sizeof f);
}

static int read_exactly(int fd, void *data, size_t len) {
        for (size_t at = 0; at < len;) {
                ssize_t n = read(fd, (char *) data + at, len - at);

                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0)
                        return -errno;
                if (n == 0)
                        return -ECONNRESET;
                at += (size_t) n;
        }
        return 0;
}

static int write_at(int fd, const char *data, size_t len, uint64_t at) {
        while (len > 0) {
                ssize_t n = pwrite(fd, data, len, (off_t) at);

                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0)
                        return -errno;
                data += n;
                at += (uint64_t) n;
                len -= (size_t) n;
        }
        return 0;
}

/* A hole in what is there becomes zeros again. */
static int write_hole(int fd, uint64_t at, uint64_t len) {
        static const char zeros[65536];

        if (fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t) at, (off_t) len) >= 0)
                return 0;
        while (len > 0) {
                size_t n = (size_t) MIN(len, (uint64_t) sizeof zeros);
                int r = write_at(fd, zeros, n, at);

                if (r < 0)
                        return r;
                at += n;
                len -= n;
        }
        return 0;
}

/* The kernel keeps a pipe locked while it reads a file into it, or writes a file out of it, however long the disk
 * takes, and the daemon may not wait for that lock. So between file and pipe there is a pipe that nobody else has. */
static int make_inner(Peer *p) {
        if (p->inner[0] >= 0)
                return 0;
        if (pipe2(p->inner, O_CLOEXEC) < 0)
                return -errno;
        /* a smaller one does as well */
        (void) fcntl(p->inner[1], F_SETPIPE_SZ, INNER_SIZE);
        return 0;
}

/* For files that the kernel cannot move to or from. */
static ssize_t copy_from_pipe(int pipe, int fd, size_t len, uint64_t at) {
        char buffer[65536];
        ssize_t n = read(pipe, buffer, MIN(len, sizeof buffer));
        int r = n > 0 ? write_at(fd, buffer, (size_t) n, at) : 0;

        return n < 0 ? -errno : r < 0 ? r : n;
}

static ssize_t copy_to_pipe(int fd, int pipe, size_t len, uint64_t at) {
        char buffer[65536];
        ssize_t n = pread(fd, buffer, MIN(len, sizeof buffer), (off_t) at);
        int r = n > 0 ? write_all(pipe, buffer, (size_t) n) : 0;

        return n < 0 ? -errno : r < 0 ? r : n;
}

/* All of it is in the inner pipe. */
static int empty_into_file(const Peer *p, int fd, uint64_t at, size_t len) {
        while (len > 0) {
                loff_t to = (loff_t) at;
                ssize_t n = splice(p->inner[0], NULL, fd, &to, len, SPLICE_F_MOVE);

                if (n < 0)
                        n = errno == EINVAL ? copy_from_pipe(p->inner[0], fd, len, at) : -errno;
                if (n == -EINTR)
                        continue;
                if (n <= 0)
                        return n < 0 ? (int) n : -EIO;
                at += (uint64_t) n;
                len -= (size_t) n;
        }
        return 0;
}

static int empty_into_pipe(const Peer *p, size_t len) {
        while (len > 0) {
                ssize_t n = splice(p->inner[0], NULL, p->pipe, NULL, len, SPLICE_F_MOVE);

                if (n < 0 && errno == EINTR)
                        continue;
                if (n <= 0)
                        return n < 0 ? -errno : -EIO;
                len -= (size_t) n;
        }
        return 0;
}

/* What comes through the pipe, to its place in the file; -ECONNRESET where it does not. */
static int write_content(Peer *p, int fd, uint64_t at, uint64_t len) {
        int r = make_inner(p);

        while (r >= 0 && len > 0) {
                ssize_t n = splice(p->pipe, NULL, p->inner[1], NULL, (size_t) MIN(len, (uint64_t) INNER_SIZE),
                                   SPLICE_F_MOVE);

                if (n < 0 && errno == EINTR)
                        continue;
                if (n <= 0)
                        return n < 0 ? -errno : -ECONNRESET;
                r = empty_into_file(p, fd, at, (size_t) n);
                at += (uint64_t) n;
                len -= (uint64_t) n;
        }
        return r;
}

static int cut_off(int r, Error *e) {
        return error_set(e, r, ERROR_OPERATION_FAILED, ORIGIN_STORAGE, "the upload was cut off");
}

static int one_frame(const VolumeJob *j, Peer *p, int fd, uint64_t *at, Error *e) {
        JobFrame f;
        uint64_t n;
        int r;

        r = read_exactly(p->fd, &f, sizeof f);
        if (r < 0)
                return cut_off(r, e);
        n = le64toh(f.length);
        if (f.type == 'E')
                return 1;
        if ((f.type != 'D' && f.type != 'H') || n > INT64_MAX - *at)
                return error_set(e, -EBADMSG, ERROR_INTERNAL, ORIGIN_STORAGE, "a bad frame");
        if (j->length > 0 && *at - j->offset + n > j->length)
                return error_set(e, -EFBIG, ERROR_OPERATION_FAILED, ORIGIN_STORAGE,
                                 "more data than the %llu bytes of the call", (unsigned long long) j->length);
        r = f.type == 'D' ? write_content(p, fd, *at, n) : write_hole(fd, *at, n);
        if (r < 0)
                return r == -ECONNRESET ? cut_off(r, e) :
                                          error_set_errno(e, r, ORIGIN_STORAGE, "cannot write to '%s'", j->path);
        *at += n;
        volume_progress(j, *at - j->offset, j->length);
        return 0;
}

static int receive(const VolumeJob *j, Peer *p, int fd, uint64_t *ret_end, Error *e) {
        uint64_t at = j->offset;
        int r;

        do
                r = one_frame(j, p, fd, &at, e);
        while (r == 0);
        *ret_end = at;
        return MIN(r, 0);
}

/* A hole at the end is content too. */
static int reach_end(int fd, uint64_t end) {
        struct stat st;

        if (fstat(fd, &st) < 0)
                return -errno;
        return S_ISREG(st.st_mode) && (uint64_t) st.st_size < end && ftruncate(fd, (off_t) end) < 0 ? -errno : 0;
}

static int upload_in_place(const VolumeJob *j, Peer *p, Error *e) {
        _cleanup_close_ int fd = image_open_strangers(j->path, O_WRONLY);
        uint64_t end;
        int r;

        if (fd < 0)
                return error_set_errno(e, fd, ORIGIN_STORAGE, "cannot open '%s'", j->path);
        r = connect_daemon(j, p, e);
        if (r >= 0)
                r = receive(j, p, fd, &end, e);
        if (r < 0)
                return r;
        r = reach_end(fd, end);
        if (r < 0)
                return error_set_errno(e, r, ORIGIN_STORAGE, "cannot extend file '%s'", j->path);
        return fdatasync(fd) < 0 ? error_set_errno(e, -errno, ORIGIN_STORAGE, "cannot sync '%s'", j->path) : 0;
}

/* The old file's length, its rest, its owner and mode. */
static int keep_rest(const VolumeJob *j, int old, int fd, uint64_t end, Error *e) {
        struct stat st;
        int r;

        if (fstat(old, &st) < 0)
                return -errno;
        if ((uint64_t) st.st_size > end) {
                r = copy_range_sparse(j, old, fd, end, (uint64_t) st.st_size - end, e);
                if (r < 0)
                        return r;
                end = (uint64_t) st.st_size;
        }
        if (ftruncate(fd, (off_t) end) < 0 || fchown(fd, st.st_uid, st.st_gid) < 0 ||
            fchmod(fd, st.st_mode & 07777) < 0 || fsync(fd) < 0)
                return error_set_errno(e, -errno, ORIGIN_STORAGE, "cannot write to '%s'", j->path);
        return 0;
}

static int upload_anew(const VolumeJob *j, const char *id, Peer *p, int old, Error *e) {
        _cleanup_free_ char *part = NULL;
        _cleanup_close_ int fd = -EBADF;
        uint64_t end;
        int r;

        r = part_open(j, id, &part, &fd, e);
        if (r < 0)
                return r;
        part_set_nocow_as(fd, old);
        r = connect_daemon(j, p, e);
        if (r >= 0)
                r = receive(j, p, fd, &end, e);
        if (r >= 0)
                r = keep_rest(j, old, fd, end, e);
        if (r >= 0 && rename(part, j->path) < 0)
                r = error_set_errno(e, -errno, ORIGIN_STORAGE, "cannot replace '%s'", j->path);
        if (r < 0)
                (void) unlink(part);
        else
                (void) fsync_parent(j->path);
        return r;
}

/* A link, or a file with several names, stays the file that it is. So does one of SMB, whose client deletes what it is
 * to replace, and then cannot, where anybody has it open. */
static bool can_be_replaced(const VolumeJob *j, int old) {
        struct stat st, own;

        return j->offset == 0 && !is_of_smb(old) && fstat(old, &st) >= 0 && S_ISREG(st.st_mode) && st.st_nlink == 1 &&
               lstat(j->path, &own) >= 0 && S_ISREG(own.st_mode);
}

/* The daemon is connected to when nothing can be denied any more: whoever tries it anew needs it. */
int volume_upload(const VolumeJob *j, const char *id, Error *e) {
        _cleanup_close_ int old = image_open_strangers(j->path, O_RDONLY);
        _cleanup_peer_ Peer p = PEER_INIT;

        if (old < 0)
                return error_set_errno(e, old, ORIGIN_STORAGE, "cannot open '%s'", j->path);
        return can_be_replaced(j, old) ? upload_anew(j, id, &p, old, e) : upload_in_place(j, &p, e);
}

/* --- download --- */

static ssize_t fill_from_file(const Peer *p, int fd, size_t len, uint64_t at) {
        loff_t from = (loff_t) at;
        ssize_t n;

        do
                n = splice(fd, &from, p->inner[1], NULL, len, SPLICE_F_MOVE);
        while (n < 0 && errno == EINTR);
        return n >= 0 ? n : errno == EINVAL ? copy_to_pipe(fd, p->inner[1], len, at) : -errno;
}

static int send_data(const VolumeJob *j, Peer *p, int fd, uint64_t *at, uint64_t end) {
        int r = make_inner(p);

        while (r >= 0 && *at < end) {
                ssize_t n = fill_from_file(p, fd, (size_t) MIN(end - *at, (uint64_t) FRAME_DATA_MAX), *at);

                if (n <= 0)
                        return (int) n;
                r = empty_into_pipe(p, (size_t) n);
                if (r >= 0)
                        r = send_frame(p, 'D', (uint64_t) n);
                if (r < 0)
                        return r;
                *at += (uint64_t) n;
                volume_progress(j, *at - j->offset, end - j->offset);
        }
        return r;
}

static int send_part(const VolumeJob *j, Peer *p, int fd, uint64_t *at, uint64_t end) {
        off_t data, hole;
        int r;

        if (!(j->flags & STREAM_SPARSE))
                return send_data(j, p, fd, at, end);
        data = lseek(fd, (off_t) *at, SEEK_DATA);
        if (data < 0)
                data = errno == ENXIO ? (off_t) end : (off_t) *at;
        if ((uint64_t) data > *at) {
                uint64_t n = MIN((uint64_t) data, end) - *at;

                r = send_frame(p, 'H', n);
                *at += n;
                return r;
        }
        hole = lseek(fd, data, SEEK_HOLE);
        return send_data(j, p, fd, at, hole > 0 ? MIN((uint64_t) hole, end) : end);
}

int volume_download(const VolumeJob *j, const char *id, Error *e) {
        _cleanup_close_ int fd = image_open_strangers(j->path, O_RDONLY);
        uint64_t at = j->offset, end, size;
        _cleanup_peer_ Peer p = PEER_INIT;
        int r;

        if (fd < 0)
                return error_set_errno(e, fd, ORIGIN_STORAGE, "cannot open '%s'", j->path);
        size = (uint64_t) lseek(fd, 0, SEEK_END);
        end = j->length > 0 ? MIN(size, j->offset + j->length) : size;
        r = connect_daemon(j, &p, e);
        while (r >= 0 && at < end) {
                uint64_t before = at;

                r = send_part(j, &p, fd, &at, end);
                if (r >= 0 && at == before)
                        break;
        }
        if (r >= 0)
                r = send_frame(&p, 'E', 0);
        return r < 0 ? error_set_errno(e, r, ORIGIN_STORAGE, "cannot read from '%s'", j->path) : 0;
}
