/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Folders and what is in them. */

#include <dirent.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <sys/statvfs.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <time.h>

#include "base/strings.h"
#include "storage/open.h"
#include "storage/scan.h"

static void take_stat(Volume *v, const struct stat *st) {
        v->has_stat = true;
        v->mode = st->st_mode & 07777;
        v->uid = st->st_uid;
        v->gid = st->st_gid;
        v->atime = st->st_atim;
        v->mtime = st->st_mtim;
        v->ctime = st->st_ctim;
        v->allocation = (uint64_t) st->st_blocks * 512;
        v->physical = S_ISREG(st->st_mode) ? (uint64_t) st->st_size : 0;
        v->device = st->st_dev;
        v->inode = st->st_ino;
}

/* An image that does not say its base's format: it is what the base looks like. */
static int base_format(const char *path, char **ret) {
        _cleanup_image_info_ ImageInfo info = IMAGE_INFO_INIT;
        _cleanup_close_ int fd = image_open_strangers(path, O_RDONLY);

        if (fd < 0 || (image_probe_fd(fd, &info) < 0 && !info.damage))
                return 0;
        *ret = strdup(image_format_name(info.format));
        return *ret ? 0 : -ENOMEM;
}

static int take_backing(Volume *v, ImageInfo *info) {
        int r;

        if (!info->backing)
                return 0;
        r = image_backing_path(v->path ?: v->name, info->backing, &v->backing);
        if (r == -EOPNOTSUPP)
                v->backing = TAKE_PTR(info->backing);
        else if (r < 0)
                return r;
        v->backing_format = TAKE_PTR(info->backing_format);
        if (v->backing_format || *v->backing != '/')
                return 0;
        v->features |= VOLUME_BASE_GUESSED;
        return base_format(v->backing, &v->backing_format);
}

static int take_image(Volume *v, ImageInfo *info) {
        v->format = strdup(image_format_name(info->format));
        if (!v->format)
                return -ENOMEM;
        v->capacity = info->capacity;
        v->features = info->features;
        v->version = info->version;
        v->cluster_size = info->format == IMAGE_QCOW2 ? info->cluster_size : 0;
        v->encryption = info->encryption;
        return take_backing(v, info);
}

static bool same_time(const struct timespec *a, const struct timespec *b) {
        return a->tv_sec == b->tv_sec && a->tv_nsec == b->tv_nsec;
}

/* --- what may change unseen --- */

/* Files that only this kernel writes to have the times of its clock, in steps of at most 10 ms. Whole seconds are from
 * file systems that keep no more, some of them two at a time. What other hosts write goes by their clocks. */
#define STEP_MSEC 100
#define COARSE_STEP_MSEC 3000
#define OTHERS_STEP_MSEC 60000

#ifndef XFS_SUPER_MAGIC
#define XFS_SUPER_MAGIC 0x58465342
#endif
#define ZFS_SUPER_MAGIC 0x2fc12fc1

/* The device of a file system that only this kernel writes to; 0: it may be others' too. */
static uint64_t own_device(int folder) {
        static const long known[] = { EXT4_SUPER_MAGIC, XFS_SUPER_MAGIC, BTRFS_SUPER_MAGIC, TMPFS_MAGIC,
                                      F2FS_SUPER_MAGIC, ZFS_SUPER_MAGIC };
        struct statfs fs;
        struct stat st;

        if (folder < 0 || fstatfs(folder, &fs) < 0 || fstat(folder, &st) < 0)
                return 0;
        for (size_t i = 0; i < ELEMENTSOF(known); i++)
                if ((long) fs.f_type == known[i])
                        return st.st_dev;
        return 0;
}

/* Could somebody have written to a file, whose content was read after `before`, once more without its times telling? A
 * file of the future has changed just now. */
static bool just_changed(uint64_t own, const struct timespec *before, const struct stat *st) {
        int64_t step = st->st_dev != own ? OTHERS_STEP_MSEC : st->st_ctim.tv_nsec > 0 ? STEP_MSEC : COARSE_STEP_MSEC;
        int64_t age;

        if (__builtin_sub_overflow((int64_t) before->tv_sec, (int64_t) st->st_ctim.tv_sec, &age) || age > 3600)
                return st->st_ctim.tv_sec > before->tv_sec;
        return age < 0 || age * 1000 + (before->tv_nsec - st->st_ctim.tv_nsec) / 1000000 < step;
}

/* --- one entry --- */

/* Ten thousand times, so without printf(3). */
static char *path_in(const char *folder, const char *name) {
        StrBuf b = {};

        strbuf_add(&b, folder);
        if (!endswith(folder, "/"))
                strbuf_addc(&b, '/');
        strbuf_add(&b, name);
        return strbuf_take(&b);
}

static int volume_new(const char *folder_path, const char *name, VolumeType type, Volume **ret) {
        _cleanup_volume_ Volume *v = calloc(1, sizeof *v);

        if (!v)
                return -ENOMEM;
        v->name = strdup(name);
        v->type = type;
        v->path = folder_path ? path_in(folder_path, name) : NULL;
        if (!v->name || (folder_path && !v->path))
                return -ENOMEM;
        *ret = TAKE_PTR(v);
        return 0;
}

static int take_folder(Volume *v) {
        v->format = strdup("dir");
        v->allocation = v->physical = 0;
        return v->format ? 0 : -ENOMEM;
}

static VolumeType type_of(const struct stat *st) {
        return S_ISDIR(st->st_mode) ? VOLUME_DIR : S_ISBLK(st->st_mode) ? VOLUME_BLOCK : VOLUME_FILE;
}

/* By errno: a link that leads nowhere is no trouble, a file that went meanwhile is none either. */
static bool is_gone_or_link(int folder, const char *name) {
        PROTECT_ERRNO;
        struct stat own;

        return errno == ENOENT && (fstatat(folder, name, &own, AT_SYMLINK_NOFOLLOW) < 0 || S_ISLNK(own.st_mode));
}

/* stat(2), but of a network's file system not what was so a minute ago. */
static int stat_now(int folder, const char *name, struct stat *st) {
        struct statx x;

        if (statx(folder, name, AT_STATX_FORCE_SYNC, STATX_BASIC_STATS, &x) < 0)
                return -1;
        *st = (struct stat) {
                .st_dev = makedev(x.stx_dev_major, x.stx_dev_minor),
                .st_ino = x.stx_ino,
                .st_mode = x.stx_mode,
                .st_uid = x.stx_uid,
                .st_gid = x.stx_gid,
                .st_size = (off_t) x.stx_size,
                .st_blocks = (blkcnt_t) x.stx_blocks,
                .st_atim = { x.stx_atime.tv_sec, x.stx_atime.tv_nsec },
                .st_mtim = { x.stx_mtime.tv_sec, x.stx_mtime.tv_nsec },
                .st_ctim = { x.stx_ctime.tv_sec, x.stx_ctime.tv_nsec },
        };
        return 0;
}

/* 1 for what may be a volume, 0 for what is none. */
static int stat_entry(int folder, const char *name, struct stat *st) {
        if (endswith(name, VOLUME_PART_SUFFIX))
                return 0;
        if (stat_now(folder, name, st) < 0)
                return is_gone_or_link(folder, name) ? 0 : -errno;
        if (!S_ISREG(st->st_mode) && !S_ISBLK(st->st_mode) && !S_ISDIR(st->st_mode))
                return 0;
        return !S_ISDIR(st->st_mode) || !streq(name, "lost+found");
}

static void take_device_size(int fd, Volume *v) {
        off_t end = lseek(fd, 0, SEEK_END);

        v->physical = end > 0 ? (uint64_t) end : 0;
        v->allocation = v->physical;
}

/* The times are asked for after the content was read, so that the reading is not what the next look finds new. */
static int look_inside(int fd, Volume *v, uint64_t own) {
        _cleanup_image_info_ ImageInfo info = IMAGE_INFO_INIT;
        struct timespec before;
        struct stat st;
        int r;

        clock_gettime(CLOCK_REALTIME, &before);
        r = image_probe_stat(fd, &st, &info);
        if (r < 0 && !info.damage)
                return r;
        r = take_image(v, &info);
        if (r < 0)
                return r;
        v->type = type_of(&st);
        take_stat(v, &st);
        v->features |= just_changed(own, &before, &st) ? VOLUME_JUST_CHANGED : 0;
        if (v->type == VOLUME_BLOCK)
                take_device_size(fd, v);
        return 0;
}

/* As a rule no link. */
static int open_entry(int folder, const char *folder_path, const char *name) {
        int fd = openat(folder, name, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK | O_NOFOLLOW);
        _cleanup_free_ char *path = NULL;

        if (fd >= 0 || errno != ELOOP)
                return fd >= 0 ? fd : -errno;
        path = folder_path ? path_in(folder_path, name) : strdup(name);
        return path ? image_open_strangers(path, O_RDONLY) : -ENOMEM;
}

static int look_at_image(int folder, const char *folder_path, const char *name, uint64_t own, Volume **ret) {
        _cleanup_close_ int fd = open_entry(folder, folder_path, name);
        _cleanup_volume_ Volume *v = NULL;
        int r;

        if (fd < 0)
                return fd;
        r = volume_new(folder_path, name, VOLUME_FILE, &v);
        if (r >= 0)
                r = look_inside(fd, v, own);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(v);
        return 0;
}

static int look_at_folder(const char *folder_path, const char *name, const struct stat *st, Volume **ret) {
        _cleanup_volume_ Volume *v = NULL;
        int r = volume_new(folder_path, name, VOLUME_DIR, &v);

        if (r >= 0) {
                take_stat(v, st);
                r = take_folder(v);
        }
        if (r < 0)
                return r;
        *ret = TAKE_PTR(v);
        return 0;
}

static int look_at(int folder, const char *folder_path, const char *name, const struct stat *st, uint64_t own,
                   Volume **ret) {
        return S_ISDIR(st->st_mode) ? look_at_folder(folder_path, name, st, ret)
                                    : look_at_image(folder, folder_path, name, own, ret);
}

int scan_entry(int folder, const char *folder_path, const char *name, Volume **ret) {
        struct stat st = {};
        int r;

        *ret = NULL;
        r = stat_entry(folder, name, &st);
        return r <= 0 ? r : look_at(folder, folder_path, name, &st, own_device(folder), ret);
}

int scan_device(const char *path, const char *name, Volume **ret) {
        _cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
        _cleanup_volume_ Volume *v = NULL;
        struct stat st;
        int r;

        if (fd < 0 || fstat(fd, &st) < 0)
                return -errno;
        r = volume_new(NULL, name, VOLUME_BLOCK, &v);
        if (r < 0)
                return r;
        v->path = strdup(path);
        if (!v->path)
                return -ENOMEM;
        take_stat(v, &st);
        take_device_size(fd, v);
        v->capacity = v->physical;
        *ret = TAKE_PTR(v);
        return 0;
}

/* A guest may write to it from now on, so the next look at the folder opens it. */
int scan_written(const char *folder_path, const char *name, const char *format, Volume **ret) {
        _cleanup_volume_ Volume *v = NULL;
        struct stat st;
        int r = volume_new(folder_path, name, VOLUME_FILE, &v);

        if (r < 0)
                return r;
        if (lstat(v->path, &st) < 0)
                return -errno;
        if (!S_ISREG(st.st_mode))
                return -EINVAL;
        take_stat(v, &st);
        v->capacity = (uint64_t) st.st_size;
        v->features = VOLUME_JUST_CHANGED;
        v->format = strdup(format);
        if (!v->format)
                return -ENOMEM;
        *ret = TAKE_PTR(v);
        return 0;
}

/* --- a whole folder --- */

typedef struct Scan {
        const char *path;
        int folder;
        uint64_t own;           /* own_device() */
        const VolumeTable *known;
        VolumeTable *table;
        char ***notes;
} Scan;

/* Is it the file that was looked at, and has nobody written to it since? Nobody can set a ctime. */
static bool is_same(const Volume *v, const struct stat *st) {
        return S_ISREG(st->st_mode) && v->type == VOLUME_FILE && v->inode == st->st_ino && v->device == st->st_dev &&
               v->physical == (uint64_t) st->st_size && same_time(&v->ctime, &st->st_ctim) &&
               same_time(&v->mtime, &st->st_mtim) && !(v->features & (VOLUME_BASE_GUESSED | VOLUME_JUST_CHANGED));
}

/* 1 where what is known of it is still right. What can change without the file being written to is taken in. */
static int reuse(const Scan *s, const VolumeRow *row, const struct stat *st) {
        _cleanup_volume_ Volume *whole = NULL;
        Volume v;
        int r;

        if (volume_line_figures(row->line, &v) < 0 || !is_same(&v, st))
                return 0;
        if (v.allocation == (uint64_t) st->st_blocks * 512 && same_time(&v.atime, &st->st_atim)) {
                r = volume_table_borrow(s->table, row);
        } else {
                r = volume_from_line(row->line, &whole);
                if (r < 0)
                        return r;
                take_stat(whole, st);
                r = volume_table_append(s->table, volume_to_line(whole));
        }
        return r < 0 ? r : 1;
}

/* A file that nobody knows is opened straight away; what it is otherwise may be seen from its type only. */
static int add_entry(const Scan *s, const char *name, unsigned char type) {
        ssize_t known = s->known ? volume_table_find(s->known, name) : -ENOENT;
        _cleanup_volume_ Volume *v = NULL;
        struct stat st = {};
        int r;

        if (known < 0 && known != -ENOENT)
                return (int) known;
        if (known < 0 && type == DT_REG) {
                r = look_at_image(s->folder, s->path, name, s->own, &v);
                return r == -ENOENT ? 0 : r < 0 ? r : volume_table_append(s->table, volume_to_line(v));
        }
        r = stat_entry(s->folder, name, &st);
        if (r <= 0)
                return r;
        r = known >= 0 ? reuse(s, &s->known->rows[known], &st) : 0;
        if (r != 0)
                return MIN(r, 0);
        r = look_at(s->folder, s->path, name, &st, s->own, &v);
        return r < 0 ? r : volume_table_append(s->table, volume_to_line(v));
}

static int note(const Scan *s, const char *name, const char *why) {
        return strv_length(*s->notes) < SCAN_NOTES_MAX ? strv_addf(s->notes, "!%s\t%s", name, why) : 0;
}

/* Once, and however much else there is to be noted. */
static int note_part(const Scan *s, const char *name) {
        return volume_part_is_own(name) && !strv_contains(*s->notes, "~") ? strv_add(s->notes, "~") : 0;
}

static int scan_one(const Scan *s, const char *name, unsigned char type) {
        _cleanup_error_ Error e = ERROR_INIT;
        int r;

        if (endswith(name, VOLUME_PART_SUFFIX))
                return note_part(s, name);
        /* clients could not name it in any call */
        if (volume_name_check(name, &e) < 0)
                return note(s, "?", e.detail ?: "bad name");
        r = add_entry(s, name, type);
        return r >= 0 || r == -ENOMEM ? MIN(r, 0) : note(s, name, strerror(-r));
}

int scan_sizes(const char *path, PoolSizes *ret) {
        struct statvfs s;

        if (statvfs(path, &s) < 0)
                return -errno;
        ret->capacity = (uint64_t) s.f_blocks * s.f_frsize;
        ret->available = (uint64_t) s.f_bfree * s.f_frsize;
        ret->allocation = ret->capacity - ret->available;
        return 0;
}

static void take_folder_stat(int fd, PoolFolder *ret) {
        struct stat st;

        if (fstat(fd, &st) >= 0)
                *ret = (PoolFolder) { true, st.st_mode & 07777, st.st_uid, st.st_gid };
}

static void closedirp(DIR **d) {
        if (*d)
                closedir(*d);
}

int scan_folder(const char *path, const VolumeTable *known, VolumeTable *t, char ***notes) {
        _cleanup_(closedirp) DIR *d = opendir(path);
        Scan s = { .path = path, .known = known, .table = t, .notes = notes };
        int r;

        if (!d)
                return -errno;
        s.folder = dirfd(d);
        s.own = own_device(s.folder);
        take_folder_stat(s.folder, &t->folder);
        for (;;) {
                struct dirent *entry;

                errno = 0;
                entry = readdir(d);
                if (!entry && errno > 0)
                        return -errno;
                if (!entry)
                        break;
                if (streq(entry->d_name, ".") || streq(entry->d_name, ".."))
                        continue;
                r = scan_one(&s, entry->d_name, entry->d_type);
                if (r < 0)
                        return r;
        }
        volume_table_sort(t);
        return scan_sizes(path, &t->sizes);
}
