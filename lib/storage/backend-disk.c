/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A disk whose partitions are the volumes, by libfdisk. */

#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>
#include <libfdisk/libfdisk.h>
#include <linux/blkpg.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "backend.h"
#include "base/strings.h"
#include "devices.h"
#include "storage/scan.h"

static void context_freep(struct fdisk_context **c) {
        if (*c)
                fdisk_unref_context(*c);
}
#define _cleanup_context_ _cleanup_(context_freep)

static void table_freep(struct fdisk_table **t) {
        if (*t)
                fdisk_unref_table(*t);
}
#define _cleanup_table_ _cleanup_(table_freep)

/* Not a link of udev's: partitions have the names that the kernel gives them. */
static const char *device_of(const PoolSpec *s) {
        static char path[PATH_MAX];
        const char *said = s->devices ? s->devices[0] : "";

        return realpath(said, path) ?: said;
}

static int open_disk(const PoolSpec *s, bool read_only, struct fdisk_context **ret, Error *e) {
        _cleanup_context_ struct fdisk_context *c = fdisk_new_context();
        int r;

        if (!c)
                return -ENOMEM;
        (void) fdisk_disable_dialogs(c, 1);
        r = fdisk_assign_device(c, device_of(s), read_only);
        if (r < 0)
                return error_set_errno(e, r, ORIGIN_STORAGE, "cannot open the disk '%s'", device_of(s));
        *ret = TAKE_PTR(c);
        return 0;
}

static int require_label(const PoolSpec *s, struct fdisk_context *c, Error *e) {
        if (!fdisk_has_label(c))
                return error_set(e, -ENOMEDIUM, ERROR_STORAGE_PROBE_FAILED, ORIGIN_STORAGE,
                                 "'%s' has no partition table: build the pool", device_of(s));
        return 0;
}

static int start(const PoolSpec *s, Error *e) {
        _cleanup_context_ struct fdisk_context *c = NULL;
        int r = open_disk(s, true, &c, e);

        return r < 0 ? r : require_label(s, c, e);
}

/* libfdisk's names of partition tables that libvirt names too. */
static const char *label_of(const PoolSpec *s) {
        return !s->format || streq(s->format, "auto") || streq(s->format, "unknown") ? "dos" : s->format;
}

/* By a file system, a volume group, or whoever has one of its partitions open. */
static int refuse_used(const PoolSpec *s, const char *doing, Error *e) {
        _cleanup_close_ int fd = open(device_of(s), O_RDONLY | O_EXCL | O_CLOEXEC | O_NONBLOCK);

        int r = fd < 0 || ioctl(fd, BLKRRPART) < 0 ? -errno : 0;

        return r == -EBUSY ? error_set_errno(e, r, ORIGIN_STORAGE, "cannot %s '%s'", doing, device_of(s)) : 0;
}

static int build(const PoolSpec *s, uint32_t flags, Error *e) {
        _cleanup_context_ struct fdisk_context *c = NULL;
        _cleanup_free_ char *content = NULL;
        int r;

        r = device_content(device_of(s), &content);
        if (r < 0)
                return error_set_errno(e, r, ORIGIN_STORAGE, "cannot look at '%s'", device_of(s));
        if (content && !(flags & POOL_BUILD_OVERWRITE))
                return error_set(e, -EEXIST, ERROR_STORAGE_POOL_BUILT, ORIGIN_STORAGE, "'%s' has a %s already",
                                 device_of(s), content);
        r = refuse_used(s, "build a pool on", e);
        if (r >= 0)
                r = open_disk(s, false, &c, e);
        if (r < 0)
                return r;
        (void) fdisk_enable_wipe(c, 1);
        r = fdisk_create_disklabel(c, label_of(s));
        if (r >= 0)
                r = fdisk_write_disklabel(c);
        if (r >= 0)
                (void) fdisk_reread_partition_table(c);
        if (r < 0)
                return error_set_errno(e, r, ORIGIN_STORAGE, "cannot write a partition table of type '%s' to '%s'",
                                       label_of(s), device_of(s));
        return 0;
}

/* Where partition tables are: GPT has a second one at the end. */
#define TABLE_SIZE (1U << 20)

static int zero(int fd, off_t at, size_t len) {
        _cleanup_free_ char *zeros = calloc(1, len);

        for (size_t done = 0; zeros && done < len;) {
                ssize_t n = pwrite(fd, zeros + done, len - done, at + (off_t) done);

                if (n < 0)
                        return -errno;
                done += (size_t) n;
        }
        return zeros ? 0 : -ENOMEM;
}

/* Takes the partition table away, and so the partitions; what was in them is not touched. */
static int remove_table(const PoolSpec *s, uint32_t flags, Error *e) {
        _cleanup_close_ int fd = -EBADF;
        off_t size;
        int r;

        r = refuse_used(s, "delete the partitions of", e);
        if (r < 0)
                return r;
        fd = open(device_of(s), O_RDWR | O_EXCL | O_CLOEXEC);
        size = fd < 0 ? -1 : lseek(fd, 0, SEEK_END);
        if (size < 0)
                return error_set_errno(e, -errno, ORIGIN_STORAGE, "cannot open the disk '%s'", device_of(s));
        r = zero(fd, 0, (size_t) MIN(size, (off_t) TABLE_SIZE));
        if (r >= 0 && size > (off_t) TABLE_SIZE)
                r = zero(fd, MAX(size - (off_t) TABLE_SIZE, (off_t) TABLE_SIZE),
                         (size_t) MIN(size - (off_t) TABLE_SIZE, (off_t) TABLE_SIZE));
        if (r >= 0 && (fsync(fd) < 0 || ioctl(fd, BLKRRPART) < 0))
                r = errno == EINVAL ? 0 : -errno; /* a disk that cannot have partitions */
        return r < 0 ? error_set_errno(e, r, ORIGIN_STORAGE, "cannot delete the partitions of '%s'", device_of(s)) : 0;
}

/* "sda1" below the target, which udev fills; the device's own folder where the definition names none. */
static char *partition_path(const PoolSpec *s, const char *name) {
        const char *folder = s->target ?: "/dev";

        return text_format("%s/%s", folder, name);
}

static int add_partition(const PoolSpec *s, struct fdisk_context *c, struct fdisk_partition *p, VolumeTable *t,
                         char ***notes) {
        _cleanup_free_ char *device = fdisk_partname(device_of(s), fdisk_partition_get_partno(p) + 1), *path = NULL;
        const char *slash = device ? strrchr(device, '/') : NULL, *name = slash ? slash + 1 : device;

        if (!device)
                return -ENOMEM;
        path = partition_path(s, name);
        if (!path)
                return -ENOMEM;
        return backend_add_device(t, &(DeviceVolume) { access(path, F_OK) >= 0 ? path : device, name }, notes);
}

static int scan(const PoolSpec *s, const VolumeTable *known, VolumeTable *t, char ***notes, Error *e) {
        _cleanup_context_ struct fdisk_context *c = NULL;
        _cleanup_table_ struct fdisk_table *parts = NULL;
        int r;

        r = open_disk(s, true, &c, e);
        if (r >= 0)
                r = require_label(s, c, e);
        if (r < 0)
                return r;
        r = fdisk_get_partitions(c, &parts);
        for (size_t i = 0; r >= 0 && i < fdisk_table_get_nents(parts); i++) {
                struct fdisk_partition *p = fdisk_table_get_partition(parts, i);

                if (fdisk_partition_has_partno(p) && !fdisk_partition_is_container(p))
                        r = add_partition(s, c, p, t, notes);
        }
        if (r < 0)
                return error_set_errno(e, r, ORIGIN_STORAGE, "cannot read the partitions of '%s'", device_of(s));
        t->sizes.capacity = fdisk_get_nsectors(c) * fdisk_get_sector_size(c);
        t->sizes.available = t->sizes.capacity - MIN(t->sizes.allocation, t->sizes.capacity);
        return 0;
}

/* "sda3" of a number that counts from 0. */
static char *name_of(const PoolSpec *s, size_t number) {
        _cleanup_free_ char *device = fdisk_partname(device_of(s), number + 1);
        const char *slash = device ? strrchr(device, '/') : NULL;

        return device ? strdup(slash ? slash + 1 : device) : NULL;
}

/* Writes the table, and has the kernel change what differs from before: the rest may be in use. */
static int write_table(struct fdisk_context *c, struct fdisk_table *before) {
        int r = fdisk_write_disklabel(c);

        return r < 0 ? r : fdisk_reread_changes(c, before);
}

static int refuse_name(const PoolSpec *s, size_t number, const char *name, Error *e) {
        _cleanup_free_ char *expected = name_of(s, number);

        if (!expected || streq(expected, name))
                return expected ? 0 : -ENOMEM;
        return error_set(e, -EINVAL, ERROR_INVALID_ARG, ORIGIN_STORAGE, "invalid partition name '%s', expected '%s'",
                         name, expected);
}

static int add_to_table(struct fdisk_context *c, uint64_t bytes, size_t *ret) {
        uint64_t sectors = (bytes + fdisk_get_sector_size(c) - 1) / fdisk_get_sector_size(c);
        struct fdisk_partition *p = fdisk_new_partition();
        int r;

        if (!p)
                return -ENOMEM;
        (void) fdisk_partition_start_follow_default(p, 1);
        (void) fdisk_partition_partno_follow_default(p, 1);
        (void) fdisk_partition_set_size(p, sectors);
        r = fdisk_add_partition(c, p, ret);
        /* one that does not fit was made smaller, in silence */
        if (r >= 0 && fdisk_get_partition(c, *ret, &p) >= 0 && fdisk_partition_get_size(p) < sectors)
                r = -ENOSPC;
        fdisk_unref_partition(p);
        return r;
}

static int open_table(const PoolSpec *s, struct fdisk_context **ret, struct fdisk_table **before, Error *e) {
        int r = open_disk(s, false, ret, e);

        if (r >= 0)
                r = require_label(s, *ret, e);
        if (r < 0)
                return r;
        r = fdisk_get_partitions(*ret, before);
        return r < 0 ? error_set_errno(e, r, ORIGIN_STORAGE, "cannot read the partitions of '%s'", device_of(s)) : 0;
}

int make_partition(const PoolSpec *s, uint64_t bytes, const char *name, Error *e) {
        _cleanup_context_ struct fdisk_context *c = NULL;
        _cleanup_table_ struct fdisk_table *before = NULL;
        size_t number = 0;
        int r;

        r = open_table(s, &c, &before, e);
        if (r < 0)
                return r;
        r = add_to_table(c, bytes, &number);
        if (r >= 0) {
                r = refuse_name(s, number, name, e);
                if (r < 0)
                        return r;
                r = write_table(c, before);
        }
        return r < 0 ? error_set_errno(e, r, ORIGIN_STORAGE, "cannot add a partition of %" PRIu64 " bytes to '%s'",
                                       bytes, device_of(s))
                     : 0;
}

/* The kernel gives up no partition that somebody has open; it is asked before the table is written. */
static int take_from_kernel(const PoolSpec *s, struct fdisk_context *c, size_t number, const char *name, Error *e) {
        struct blkpg_partition p = { .pno = (int) number + 1 };
        struct blkpg_ioctl_arg a = { .op = BLKPG_DEL_PARTITION, .datalen = sizeof p, .data = &p };

        if (ioctl(fdisk_get_devfd(c), BLKPG, &a) >= 0 || errno == ENXIO)
                return 0;
        return error_set_errno(e, -errno, ORIGIN_STORAGE, "cannot delete the partition '%s'", name);
}

int delete_partition(const PoolSpec *s, const char *name, Error *e) {
        _cleanup_context_ struct fdisk_context *c = NULL;
        _cleanup_table_ struct fdisk_table *before = NULL;
        int r = open_table(s, &c, &before, e);

        if (r < 0)
                return r;
        for (size_t i = 0; i < fdisk_get_npartitions(c); i++) {
                _cleanup_free_ char *own = name_of(s, i);

                if (!fdisk_is_partition_used(c, i) || !own || !streq(own, name))
                        continue;
                r = take_from_kernel(s, c, i, name, e);
                if (r < 0)
                        return r;
                r = fdisk_delete_partition(c, i);
                if (r >= 0)
                        r = fdisk_write_disklabel(c);
                return r < 0 ? error_set_errno(e, r, ORIGIN_STORAGE, "cannot delete the partition '%s'", name) : 0;
        }
        return error_set(e, -ENOENT, ERROR_NO_STORAGE_VOL, ORIGIN_STORAGE, "no partition '%s'", name);
}

const PoolBackend backend_disk = {
        .type = POOL_DISK,
        .waits_for_devices = true,
        .scan_mode = SANDBOX_TOOLS,
        .start = start,
        .build = build,
        .build_flags = POOL_BUILD_OVERWRITE | POOL_BUILD_NO_OVERWRITE,
        .remove = remove_table,
        .scan = scan,
};
