/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* resize and wipe. */

#include <fcntl.h>

#include "base/fs.h"
#include "base/log.h"
#include "base/strings.h"
#include "blocks.h"
#include "secret/secret.h"
#include "storage/open.h"
#include "storage/owner.h"
#include "storage/tool.h"
#include "volume.h"

static bool is_raw(const VolumeJob *j) {
        return !j->format || streq(j->format, "raw") || streq(j->format, "iso");
}

/* The length changes last and at once: whoever is killed before leaves the volume as long as it was. */
static int allocate(const VolumeJob *j, int fd, off_t from, off_t to, Error *e) {
        int r;

        do
                r = fallocate(fd, FALLOC_FL_KEEP_SIZE, from, to - from) < 0 ? errno : 0;
        while (r == EINTR);
        if (r == EOPNOTSUPP)
                r = posix_fallocate(fd, from, to - from);
        if (r == 0)
                return 0;
        if (ftruncate(fd, from) < 0)
                log_warning("cannot give back what was allocated of %s: %s", j->path, strerror(errno));
        return error_set_errno(e, -r, ORIGIN_STORAGE, "failed to pre-allocate space for file '%s'", j->path);
}

static int resize_raw(const VolumeJob *j, Error *e) {
        _cleanup_close_ int fd = image_open_strangers(j->path, O_RDWR);
        off_t length = (off_t) (j->capacity + j->header);
        struct stat st;
        int r = 0;

        if (fd < 0 || fstat(fd, &st) < 0)
                return error_set_errno(e, fd < 0 ? fd : -errno, ORIGIN_STORAGE, "unable to open '%s'", j->path);
        if (j->flags & RESIZE_ALLOCATE && st.st_size < length)
                r = allocate(j, fd, st.st_size, length, e);
        if (r >= 0 && ftruncate(fd, length) < 0)
                return error_set_errno(e, -errno, ORIGIN_STORAGE, "failed to truncate file '%s'", j->path);
        return r;
}

void volume_resize_undo(const VolumeJob *j) {
        _cleanup_close_ int fd = -EBADF;
        struct stat st;

        if (j->type != VOLUME_FILE || !is_raw(j) || !(j->flags & RESIZE_ALLOCATE))
                return;
        fd = image_open_strangers(j->path, O_RDWR);
        if (fd >= 0 && fstat(fd, &st) >= 0 && S_ISREG(st.st_mode) && ftruncate(fd, st.st_size) < 0)
                log_warning("cannot give back what was allocated of %s: %s", j->path, strerror(errno));
}

static int run_resize(const VolumeJob *j, char *const *layers, Error *e) {
        _cleanup_free_ char *folder = strndup(j->path, (size_t) (strrchr(j->path, '/') - j->path));
        _cleanup_strv_ char **argv = NULL;
        int r = qemu_img_resize(j, &argv, e);

        if (r < 0)
                return r;
        return folder ? confined_run(j, argv, folder, &(Reach) { layers, j->path }, e) : -ENOMEM;
}

/* Nobody says which secret: it is the one whose usage is the volume's path. */
static int resize_encrypted(const VolumeJob *j, char *const *layers, Error *e) {
        _cleanup_free_ char *path = NULL;
        _cleanup_close_ int fd = -EBADF;
        VolumeJob with = *j;
        char uuid[37];
        bool acted;
        int r;

        acted = owner_pause();
        r = secret_find(SECRET_USAGE_VOLUME, j->path, uuid, e);
        owner_resume(acted);
        if (r >= 0)
                r = volume_open_secret(uuid, &fd, &path, e);
        if (r < 0)
                return r;
        with.secret = path;
        return run_resize(&with, layers, e);
}

int volume_resize(const VolumeJob *j, const char *id, Error *e) {
        _cleanup_strv_ char **folders = NULL, **layers = NULL;
        int r;

        if (j->type == VOLUME_BLOCK)
                return block_resize(j, e);
        if (is_raw(j))
                return resize_raw(j, e);
        r = active_folders(&folders, e);
        if (r >= 0)
                r = image_chain_check(j->path, j->format, folders, &layers, e);
        if (r < 0)
                return r;
        return j->encryption ? resize_encrypted(j, layers, e) : run_resize(j, layers, e);
}

/* By VIR_STORAGE_VOL_WIPE_ALG_x; scrub's names. */
static const char *const patterns[] = { NULL,       "nnsa",      "dod",        "bsi",   "gutmann",
                                        "schneier", "pfitzner7", "pfitzner33", "random" };
#define ALGORITHM_TRIM 9U

static int write_zeros(const VolumeJob *j, int fd, uint64_t size, Error *e) {
        _cleanup_free_ char *zeros = calloc(1, 1 << 20);

        if (!zeros)
                return -ENOMEM;
        for (uint64_t at = 0; at < size;) {
                ssize_t n = pwrite(fd, zeros, (size_t) MIN(size - at, (uint64_t) 1 << 20), (off_t) at);

                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0)
                        return error_set_errno(e, -errno, ORIGIN_STORAGE,
                                               "failed to write to storage volume with path '%s'", j->path);
                at += (uint64_t) n;
                volume_progress(j, at, size);
        }
        return fdatasync(fd) < 0 ? error_set_errno(e, -errno, ORIGIN_STORAGE,
                                                   "cannot sync data to volume with path '%s'", j->path)
                                 : 0;
}

/* File systems without holes to punch (NFS before 4.2) have this one way, in two steps. */
static int make_hole(int fd, off_t size) {
        if (fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, size) >= 0)
                return 0;
        return errno == EOPNOTSUPP && ftruncate(fd, 0) >= 0 && ftruncate(fd, size) >= 0 ? 0 : -errno;
}

/* What is no data yet need not be overwritten: a sparse file becomes a hole again. */
static int wipe_zero(const VolumeJob *j, Error *e) {
        _cleanup_close_ int fd = image_open_strangers(j->path, O_RDWR);
        struct stat st;
        off_t end;
        int r;

        if (fd < 0 || fstat(fd, &st) < 0)
                return error_set_errno(e, fd < 0 ? fd : -errno, ORIGIN_STORAGE,
                                       "failed to open storage volume with path '%s'", j->path);
        if (S_ISREG(st.st_mode) && (uint64_t) st.st_blocks * 512 < (uint64_t) st.st_size) {
                r = make_hole(fd, st.st_size);
                return r < 0 ? error_set_errno(e, r, ORIGIN_STORAGE, "failed to truncate volume with path '%s'",
                                               j->path)
                             : 0;
        }
        end = lseek(fd, 0, SEEK_END);
        return write_zeros(j, fd, end > 0 ? (uint64_t) end : 0, e);
}

/* Of what is open, whatever the path leads to meanwhile. */
static int scrub(const VolumeJob *j, const char *pattern, Error *e) {
        _cleanup_close_ int fd = image_open_strangers(j->path, O_RDWR);
        char path[32];

        if (fd < 0 || fcntl(fd, F_SETFD, 0) < 0)
                return error_set_errno(e, fd < 0 ? fd : -errno, ORIGIN_STORAGE,
                                       "failed to open storage volume with path '%s'", j->path);
        (void) snprintf(path, sizeof path, "/proc/self/fd/%i", fd);
        return TOOL(24 * 3600, NULL, e, "scrub", "-f", "-p", pattern, path);
}

int volume_wipe(const VolumeJob *j, const char *id, Error *e) {
        if (j->algorithm == 0)
                return wipe_zero(j, e);
        if (j->algorithm == ALGORITHM_TRIM)
                return error_set(e, -EOPNOTSUPP, ERROR_ARGUMENT_UNSUPPORTED, ORIGIN_STORAGE,
                                 "'trim' algorithm not supported");
        if (j->algorithm >= ELEMENTSOF(patterns))
                return error_set(e, -EINVAL, ERROR_INVALID_ARG, ORIGIN_STORAGE, "unsupported algorithm %llu",
                                 (unsigned long long) j->algorithm);
        return scrub(j, patterns[j->algorithm], e);
}
