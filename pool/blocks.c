/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>

#include "base/strings.h"
#include "blocks.h"
#include "disk.h"
#include "load.h"
#include "storage/open.h"
#include "storage/tool.h"

static int pool_of(const VolumeJob *j, PoolSpec **ret, Error *e) {
        _cleanup_definition_ Definition *d = NULL;

        return pool_load(j->pool ?: "", true, &d, ret, e);
}

static int refuse(const PoolSpec *s, const char *what, Error *e) {
        return error_set(e, -EOPNOTSUPP, ERROR_NO_SUPPORT, ORIGIN_STORAGE, "storage pool type '%s' does not support %s",
                         pool_type_name(s->type), what);
}

static const char *group_of(const PoolSpec *s) {
        return s->source_name ?: s->name;
}

static int lv_make(const VolumeJob *j, const char *group, Error *e) {
        _cleanup_free_ char *size = text_format("%lluK", (unsigned long long) (j->capacity + 1023) / 1024);
        _cleanup_free_ char *thin = text_format("%lluK", (unsigned long long) (j->allocation + 1023) / 1024);

        if (!size || !thin)
                return -ENOMEM;
        if (j->backing)
                return TOOL(TOOL_TIMEOUT, NULL, e, "lvcreate", "--yes", "--name", j->name, "-L", size, "-s",
                            j->backing);
        if (j->has_allocation && j->allocation < j->capacity)
                return TOOL(TOOL_TIMEOUT, NULL, e, "lvcreate", "--yes", "--name", j->name, "--type", "snapshot",
                            "--virtualsize", size, "-L", j->allocation ? thin : "4M", group);
        return TOOL(TOOL_TIMEOUT, NULL, e, "lvcreate", "--yes", "--wipesignatures", "y", "--name", j->name, "-L", size,
                    group);
}

/* What lvs says of the volumes of a group that a condition selects. */
static int lv_list(const char *group, const char *condition, char **ret, Error *e) {
        return TOOL(TOOL_TIMEOUT, ret, e, "lvs", "--noheadings", "--options", "lv_name", "--select", condition, group);
}

#define LV_LETTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+_.-"

/* lvcreate may make a volume and then not be able to show it to anybody; then none is left either. */
static int lv_create(const VolumeJob *j, const PoolSpec *s, Error *e) {
        _cleanup_free_ char *same = text_format("lv_name=\"%s\"", j->name), *path = NULL, *there = NULL;
        int r;

        path = text_format("%s/%s", group_of(s), j->name);
        if (!same || !path)
                return -ENOMEM;
        if (*j->name == '-' || j->name[strspn(j->name, LV_LETTERS)])
                return error_set(e, -EINVAL, ERROR_INVALID_ARG, ORIGIN_STORAGE,
                                 "'%s' cannot be the name of a logical volume", j->name);
        r = lv_list(group_of(s), same, &there, e);
        if (r < 0)
                return r;
        if (there[strspn(there, " \n")])
                return error_set(e, -EEXIST, ERROR_STORAGE_VOL_EXIST, ORIGIN_STORAGE,
                                 "storage volume '%s' exists already", j->name);
        r = lv_make(j, group_of(s), e);
        if (r < 0)
                (void) TOOL(TOOL_TIMEOUT, NULL, NULL, "lvremove", "-f", path);
        return r;
}

static int disk_create(const VolumeJob *j, const PoolSpec *s, Error *e) {
        int r = disk_add_partition(s, j->capacity, j->name, e);

        if (r >= 0)
                tool_settle();
        return r;
}

static int disk_delete(const VolumeJob *j, const PoolSpec *s, Error *e) {
        int r = disk_remove_partition(s, j->name, e);

        if (r >= 0)
                tool_settle();
        return r;
}

int block_create(const VolumeJob *j, const char *id, Error *e) {
        _cleanup_pool_spec_ PoolSpec *s = NULL;
        int r;

        r = pool_of(j, &s, e);
        if (r < 0)
                return r;
        if (s->type == POOL_LOGICAL)
                return lv_create(j, s, e);
        if (s->type == POOL_DISK)
                return disk_create(j, s, e);
        return refuse(s, "volume creation", e);
}

/* What is not copied, the source's holes and what is behind its end, was somebody else's before. */
static int clear(int fd) {
        uint64_t range[] = { 0, 0 };

        return ioctl(fd, BLKGETSIZE64, &range[1]) < 0 || ioctl(fd, BLKZEROOUT, range) < 0 ? -errno : 0;
}

static int fill(const VolumeJob *j, Error *e) {
        _cleanup_close_ int from = image_open_strangers(j->source, O_RDONLY),
                            to = open(j->path, O_WRONLY | O_CLOEXEC);
        int r;

        if (from < 0 || to < 0)
                return error_set_errno(e, from < 0 ? from : -errno, ORIGIN_STORAGE, "cannot open '%s'",
                                       from < 0 ? j->source : j->path);
        r = clear(to);
        if (r < 0)
                return error_set_errno(e, r, ORIGIN_STORAGE, "cannot clear '%s'", j->path);
        return copy_range_sparse(j, from, to, 0, j->source_capacity, e);
}

int block_clone(const VolumeJob *j, const char *id, Error *e) {
        _cleanup_pool_spec_ PoolSpec *s = NULL;
        VolumeJob sized = *j;
        int r;

        r = pool_of(j, &s, e);
        if (r < 0)
                return r;
        if (s->type != POOL_LOGICAL)
                return refuse(s, "volume creation from an existing volume", e);
        if (!streq(j->source_format ?: "raw", "raw"))
                return error_set(e, -EOPNOTSUPP, ERROR_CONFIG_UNSUPPORTED, ORIGIN_STORAGE,
                                 "a volume of format '%s' cannot be cloned to a block device", j->source_format);
        sized.capacity = MAX(j->capacity, j->source_capacity);
        /* how much of the source is not zeros nobody knows */
        sized.has_allocation = false;
        r = lv_create(&sized, s, e);
        if (r < 0)
                return r;
        r = fill(j, e);
        if (r < 0)
                (void) block_delete(j, NULL);
        return r;
}

/* lvremove would take them along. */
static int refuse_snapshots(const VolumeJob *j, const PoolSpec *s, Error *e) {
        _cleanup_free_ char *condition = text_format("origin=\"%s\" && lv_attr=~^[sS]", j->name), *names = NULL;
        _cleanup_strbuf_ StrBuf b = {};
        char *state = NULL;
        int r = condition ? lv_list(group_of(s), condition, &names, e) : -ENOMEM;

        if (r < 0)
                return r;
        for (char *name = strtok_r(names, " \n", &state); name; name = strtok_r(NULL, " \n", &state))
                strbuf_addf(&b, "%s'%s'", b.len > 0 ? ", " : "", name);
        if (b.len == 0)
                return b.failed ? -ENOMEM : 0;
        return error_set(e, -EBUSY, ERROR_OPERATION_INVALID, ORIGIN_STORAGE,
                         "volume '%s' has snapshots, which have to be deleted before it: %s", j->name, b.data);
}

static int lv_delete(const VolumeJob *j, const PoolSpec *s, Error *e) {
        int r = refuse_snapshots(j, s, e);

        return r < 0 ? r : TOOL(TOOL_TIMEOUT, NULL, e, "lvremove", "-f", j->path);
}

int block_delete(const VolumeJob *j, Error *e) {
        _cleanup_pool_spec_ PoolSpec *s = NULL;
        int r;

        r = pool_of(j, &s, e);
        if (r < 0)
                return r;
        if (s->type == POOL_LOGICAL)
                return lv_delete(j, s, e);
        if (s->type == POOL_DISK)
                return disk_delete(j, s, e);
        return refuse(s, "volume deletion", e);
}

int block_resize(const VolumeJob *j, Error *e) {
        _cleanup_free_ char *size = text_format("%lluK", (unsigned long long) (j->capacity + 1023) / 1024);
        _cleanup_pool_spec_ PoolSpec *s = NULL;
        int r;

        r = pool_of(j, &s, e);
        if (r < 0)
                return r;
        if (s->type != POOL_LOGICAL)
                return refuse(s, "changing of volume capacity", e);
        return size ? TOOL(TOOL_TIMEOUT, NULL, e, "lvresize", "-f", "-L", size, j->path) : -ENOMEM;
}
