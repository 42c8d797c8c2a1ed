/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* create, clone, delete. */

#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>

#include "base/strings.h"
#include "blocks.h"
#include "load.h"
#include "storage/open.h"
#include "volume.h"

/* Reserves the first bytes; where the file system cannot, they are written. */
static int reserve(const VolumeJob *j, int fd, uint64_t bytes, Error *e) {
        int r;

        if (bytes == 0)
                return 0;
        do
                r = posix_fallocate(fd, 0, (off_t) bytes);
        while (r == EINTR);
        if (r > 0)
                return error_set_errno(e, -r, ORIGIN_STORAGE, "cannot allocate %llu bytes in file '%s'",
                                       (unsigned long long) bytes, j->path);
        return 0;
}

static int set_length(const VolumeJob *j, int fd, uint64_t bytes, Error *e) {
        if (ftruncate(fd, (off_t) bytes) < 0)
                return error_set_errno(e, -errno, ORIGIN_STORAGE, "cannot extend file '%s'", j->path);
        return 0;
}

/* libvirt's reading: no <allocation> is all of it. */
static int fill_raw(const VolumeJob *j, int fd, Error *e) {
        uint64_t wanted = j->has_allocation ? MIN(j->allocation, j->capacity) : j->capacity;
        int r = set_length(j, fd, j->capacity, e);

        return r < 0 ? r : reserve(j, fd, wanted, e);
}

static char *folder_of(const VolumeJob *j) {
        return strndup(j->path, (size_t) (strrchr(j->path, '/') - j->path));
}

/* A base of which nobody said what it is can be raw, which is libvirt's reading too. Anything else that it looks like
 * would be a guess: whoever uses a raw disk can make it look like that. */
static int require_backing_format(const VolumeJob *j, Error *e) {
        _cleanup_close_ int fd = image_open_strangers(j->backing, O_RDONLY);
        _cleanup_image_info_ ImageInfo info = IMAGE_INFO_INIT;
        int r;

        if (j->backing_format)
                return 0;
        r = fd < 0 ? fd : image_probe_fd(fd, &info);
        if (r < 0 && !info.damage)
                return error_set_errno(e, r, ORIGIN_STORAGE, "cannot open the backing store '%s'", j->backing);
        if (info.format == IMAGE_RAW)
                return 0;
        return error_set(e, -EINVAL, ERROR_XML_ERROR, ORIGIN_STORAGE,
                         "the format of the backing store '%s' must be said: it looks like %s", j->backing,
                         image_format_name(info.format));
}

/* Before anything of it is opened: a client may have an image over what the host's storage is, and over nothing else.
 * What it is that is elsewhere, or whether it is there, is not said. */
static int refuse_elsewhere(const VolumeJob *j, char *const *folders, Error *e) {
        _cleanup_free_ char *real = realpath(j->backing, NULL);
        struct stat st;

        if (!real && path_is_below(j->backing, folders))
                return error_set_errno(e, -errno, ORIGIN_STORAGE, "cannot access backing file '%s'", j->backing);
        if (real && stat(real, &st) >= 0 && S_ISREG(st.st_mode) && path_is_below(real, folders))
                return 0;
        if (real && stat(real, &st) >= 0 && S_ISBLK(st.st_mode) && is_active_volume(real))
                return 0;
        return error_set(e, -EINVAL, ERROR_OPERATION_INVALID, ORIGIN_STORAGE,
                         "the backing store '%s' is in no active storage pool", j->backing);
}

static int check_backing(const VolumeJob *j, char ***layers, Error *e) {
        _cleanup_strv_ char **folders = NULL;
        int r;

        if (!j->backing)
                return 0;
        if (*j->backing != '/')
                return error_set(e, -EINVAL, ERROR_XML_ERROR, ORIGIN_STORAGE,
                                 "the path of the backing store must be absolute: '%s'", j->backing);
        if (streq(j->backing, j->path))
                return error_set(e, -EINVAL, ERROR_OPERATION_INVALID, ORIGIN_STORAGE,
                                 "'%s' cannot be its own backing file", j->path);
        r = active_folders(&folders, e);
        if (r >= 0)
                r = refuse_elsewhere(j, folders, e);
        if (r >= 0)
                r = require_backing_format(j, e);
        return r < 0 ? r : image_chain_check(j->backing, j->backing_format ?: "raw", folders, layers, e);
}

static int fill_by_qemu(const VolumeJob *j, const char *part, char *const *layers, int *fd, Error *e) {
        _cleanup_free_ char *folder = folder_of(j), *path = NULL;
        _cleanup_strv_ char **argv = NULL;
        _cleanup_close_ int secret = -EBADF;
        VolumeJob with = *j;
        int r = 0;

        if (j->encryption && j->secret)
                r = volume_open_secret(j->secret, &secret, &path, e);
        if (r < 0)
                return r;
        if (path)
                with.secret = path;
        r = qemu_img_create(&with, part, &argv, e);
        if (r >= 0)
                r = part_vacate(part, fd, e);
        if (r >= 0)
                r = folder ? confined_run(j, argv, folder, &(Reach) { layers, part }, e) : -ENOMEM;
        return r < 0 ? r : part_return(part, fd, e);
}

static int create_file(const VolumeJob *j, const char *id, Error *e) {
        _cleanup_strv_ char **layers = NULL;
        _cleanup_free_ char *part = NULL;
        _cleanup_close_ int fd = -EBADF;
        int r;

        r = check_backing(j, &layers, e);
        if (r >= 0)
                r = part_create(j, id, &part, &fd, e);
        if (r < 0)
                return r;
        if (volume_format_is_raw(j->format) && !j->encryption && !j->backing)
                r = fill_raw(j, fd, e);
        else
                r = fill_by_qemu(j, part, layers, &fd, e);
        if (r >= 0)
                r = part_publish(j, part, fd, e);
        if (r < 0)
                (void) unlink(part);
        return r;
}

static int create_folder(const VolumeJob *j, Error *e) {
        _cleanup_close_ int fd = -EBADF;

        if (mkdir(j->path, 0700) < 0)
                return errno == EEXIST ? error_set(e, -EEXIST, ERROR_STORAGE_VOL_EXIST, ORIGIN_STORAGE,
                                                   "storage volume '%s' exists already", j->name) :
                                         error_set_errno(e, -errno, ORIGIN_STORAGE, "cannot create path '%s'", j->path);
        fd = open(j->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
        if (fd < 0)
                return error_set_errno(e, -errno, ORIGIN_STORAGE, "cannot open '%s'", j->path);
        return part_own(j, fd, e);
}

int volume_create(const VolumeJob *j, const char *id, Error *e) {
        if (j->type == VOLUME_BLOCK)
                return block_create(j, id, e);
        if (j->type == VOLUME_DIR)
                return create_folder(j, e);
        return create_file(j, id, e);
}

/* --- clone --- */

static int copy_raw(const VolumeJob *j, int fd, Error *e) {
        _cleanup_close_ int from = image_open_strangers(j->source, O_RDONLY);
        uint64_t length = j->source_capacity + j->header, capacity = MAX(j->capacity + j->header, length);
        int r;

        if (from < 0)
                return error_set_errno(e, from, ORIGIN_STORAGE, "cannot open '%s'", j->source);
        if (ioctl(fd, FICLONE, from) < 0) {
                if (j->flags & VOLUME_REFLINK)
                        return error_set_errno(e, -errno, ORIGIN_STORAGE, "failed to clone files from '%s'", j->source);
                r = set_length(j, fd, capacity, e);
                if (r >= 0)
                        r = copy_range_sparse(j, from, fd, 0, length, e);
                if (r < 0)
                        return r;
        }
        r = set_length(j, fd, capacity, e);
        return r >= 0 && j->has_allocation ? reserve(j, fd, MIN(j->allocation, capacity), e) : r;
}

static bool grows_in_place(const VolumeJob *j) {
        static const char *const fixed[] = { "qcow", "vdi", "vmdk", "vpc" };

        for (size_t i = 0; i < ELEMENTSOF(fixed); i++)
                if (streq_ptr(j->format, fixed[i]))
                        return false;
        return true;
}

static int grow(const VolumeJob *j, const Reach *reach, const char *folder, Error *e) {
        VolumeJob larger = *j;
        _cleanup_strv_ char **argv = NULL;
        int r;

        if (j->capacity <= j->source_capacity || !grows_in_place(j))
                return 0;
        larger.path = (char *) reach->write;
        larger.flags = 0;
        r = qemu_img_resize(&larger, &argv, e);
        return r < 0 ? r : confined_run(j, argv, folder, reach, e);
}

/* Formats that cannot grow have their size before the content. */
static int run_convert(const VolumeJob *j, const Reach *reach, const char *folder, Error *e) {
        bool sized = j->capacity > j->source_capacity && !grows_in_place(j);
        _cleanup_strv_ char **create = NULL, **argv = NULL;
        int r;

        if (sized) {
                r = qemu_img_create(j, reach->write, &create, e);
                if (r >= 0)
                        r = confined_run(j, create, folder, reach, e);
                if (r < 0)
                        return r;
        }
        r = qemu_img_convert(j, reach->write, sized, &argv, e);
        return r < 0 ? r : confined_run(j, argv, folder, reach, e);
}

static int convert(const VolumeJob *j, const char *part, int *fd, Error *e) {
        _cleanup_strv_ char **folders = NULL, **layers = NULL;
        _cleanup_free_ char *folder = folder_of(j);
        Reach reach = { .write = part };
        int r;

        if (!folder)
                return -ENOMEM;
        if (j->flags & VOLUME_REFLINK)
                return error_set(e, -EOPNOTSUPP, ERROR_CONFIG_UNSUPPORTED, ORIGIN_STORAGE,
                                 "reflink copies are for volumes of the same format, raw");
        r = active_folders(&folders, e);
        if (r >= 0)
                r = image_chain_check(j->source, j->source_format, folders, &layers, e);
        if (r >= 0)
                r = check_backing(j, &layers, e);
        reach.read = layers;
        if (r >= 0)
                r = part_vacate(part, fd, e);
        if (r >= 0)
                r = run_convert(j, &reach, folder, e);
        if (r >= 0)
                r = grow(j, &reach, folder, e);
        return r < 0 ? r : part_return(part, fd, e);
}

int volume_clone(const VolumeJob *j, const char *id, Error *e) {
        _cleanup_free_ char *part = NULL;
        _cleanup_close_ int fd = -EBADF;
        int r;

        if (j->type == VOLUME_BLOCK)
                return block_clone(j, id, e);
        r = part_create(j, id, &part, &fd, e);
        if (r < 0)
                return r;
        if (volume_format_is_raw(j->format) && volume_format_is_raw(j->source_format))
                r = copy_raw(j, fd, e);
        else
                r = convert(j, part, &fd, e);
        if (r >= 0)
                r = part_publish(j, part, fd, e);
        if (r < 0)
                (void) unlink(part);
        return r;
}

/* A crash may bring back what was deleted just before: to wait until it cannot would cost more than all else. */
int volume_delete(const VolumeJob *j, const char *id, Error *e) {
        if (j->type == VOLUME_BLOCK)
                return block_delete(j, e);
        if ((j->type == VOLUME_DIR ? rmdir(j->path) : unlink(j->path)) < 0 && errno != ENOENT)
                return error_set_errno(e, -errno, ORIGIN_STORAGE, "cannot %s '%s'",
                                       j->type == VOLUME_DIR ? "remove directory" : "unlink file", j->path);
        return 0;
}
