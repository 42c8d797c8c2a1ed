/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* How large the files of images are, without waiting for whoever has them: a server of files that does not answer holds
 * whoever asks for one, for ever and beyond any signal. So the daemon itself asks only for what the kernel has at hand;
 * else a child does (vm-look), and a file system that has not answered it is not asked again for a minute. */

#include "calls/image-look.h"

#include <fcntl.h>
#include <inttypes.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>

#include "base/fs.h"
#include "base/strings.h"
#include "image/probe.h"
#include "loop/process.h"

#ifndef RESOLVE_CACHED
#define RESOLVE_CACHED 0x20
#endif

#define LOOK_USEC (3U * 1000000U)
#define DEAF_SEC 60

static time_t now_sec(void) {
        struct timespec t;

        clock_gettime(CLOCK_MONOTONIC, &t);
        return t.tv_sec;
}

/* --- file systems --- */

#define MOUNTS_MAX (4U << 20)

/* What is not on a device of this host, but is here nevertheless. */
static bool type_is_near(const char *type) {
        static const char *const near[] = { "overlay", "tmpfs", "btrfs", "zfs", "devtmpfs", "ramfs", "bcachefs" };

        for (size_t i = 0; i < ELEMENTSOF(near); i++)
                if (streq(type, near[i]))
                        return true;
        return false;
}

/* "36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 - ext3 /dev/root rw": calls func with its words, until that says so. */
static void each_mount(bool (*func)(const char *device, const char *point, const char *type, void *userdata),
                       void *userdata) {
        _cleanup_free_ char *text = NULL;
        char *state = NULL;

        if (file_read("/proc/self/mountinfo", MOUNTS_MAX, &text, NULL) < 0)
                return;
        for (char *line = strtok_r(text, "\n", &state); line; line = strtok_r(NULL, "\n", &state)) {
                char *type = strstr(line, " - "), *words[5];
                size_t n = 0;

                if (!type)
                        continue;
                type += 3;
                type[strcspn(type, " ")] = '\0';
                for (char *p = line; n < ELEMENTSOF(words) && p;)
                        words[n++] = strsep(&p, " ");
                if (n == ELEMENTSOF(words) && func(words[2], words[4], type, userdata))
                        return;
        }
}

typedef struct Device {
        char name[32];
        bool near;
} Device;

static bool take_device(const char *device, const char *point, const char *type, void *userdata) {
        Device *d = userdata;

        if (!streq(device, d->name))
                return false;
        d->near = type_is_near(type);
        return true;
}

/* Can what is in a file be read without waiting for a network or another program? */
static bool is_near(const struct statx *x) {
        Device d = {};

        if (x->stx_dev_major != 0)
                return true;
        (void) snprintf(d.name, sizeof d.name, "%u:%u", x->stx_dev_major, x->stx_dev_minor);
        each_mount(take_device, &d);
        return d.near;
}

/* --- those that did not answer --- */

#define DEAF_MAX 16U

struct DeafFolder {
        char *folder;           /* NULL: free */
        time_t until;
};

static bool is_below(const char *path, const char *folder) {
        const char *rest = startswith(path, folder);

        return rest && (*rest == '/' || endswith(folder, "/"));
}

static bool is_deaf(const QemuDriver *d, const char *path) {
        const DeafFolder *deaf = d->deaf;

        for (size_t i = 0; deaf && i < DEAF_MAX; i++)
                if (deaf[i].folder && now_sec() < deaf[i].until && is_below(path, deaf[i].folder))
                        return true;
        return false;
}

typedef struct Point {
        const char *path;
        char *found;            /* the longest */
} Point;

static bool take_point(const char *device, const char *point, const char *type, void *userdata) {
        Point *p = userdata;

        if (!is_below(p->path, point) || (p->found && strlen(p->found) > strlen(point)))
                return false;
        free(p->found);
        p->found = strdup(point);
        return false;
}

/* The mount point if that is one, else (a link leads there) the folder; the caller's. */
static char *folder_of(const char *path) {
        Point p = { .path = path };

        each_mount(take_point, &p);
        if (p.found && !streq(p.found, "/"))
                return p.found;
        free(p.found);
        return strndup(path, (size_t) (strrchr(path, '/') - path));
}

static void set_deaf(QemuDriver *d, const char *path) {
        DeafFolder *oldest = d->deaf = d->deaf ?: calloc(DEAF_MAX, sizeof *oldest);
        char *folder = NULL;

        if (!oldest || is_deaf(d, path))
                return;
        folder = folder_of(path);
        if (!folder)
                return;
        for (size_t i = 0; i < DEAF_MAX; i++)
                if (d->deaf[i].until < oldest->until)
                        oldest = &d->deaf[i];
        free(oldest->folder);
        *oldest = (DeafFolder) { folder, now_sec() + DEAF_SEC };
}

void image_look_forget(QemuDriver *d) {
        for (size_t i = 0; d->deaf && i < DEAF_MAX; i++)
                free(d->deaf[i].folder);
        free(d->deaf);
        d->deaf = NULL;
}

/* --- one file --- */

/* The header says how large an image is that is not raw. */
static void read_capacity(int fd, const char *name, ImageFile *ret) {
        _cleanup_image_info_ ImageInfo info = IMAGE_INFO_INIT;
        ImageFormat format = image_format_from_name(name);

        if (format == IMAGE_RAW)
                info.capacity = ret->length;
        else if (format < 0 || fd < 0 || image_read_fd(fd, format, &info) < 0)
                return;
        ret->capacity = info.capacity;
        ret->has_capacity = true;
}

/* 0; -EAGAIN where somebody would have to be waited for; -ENOENT and others. */
static int look_at_hand(const char *path, const char *format, ImageFile *ret) {
        struct open_how how = { .flags = O_PATH | O_CLOEXEC, .resolve = RESOLVE_CACHED };
        _cleanup_close_ int at = (int) syscall(SYS_openat2, AT_FDCWD, path, &how, sizeof how), fd = -EBADF;
        bool device, reads;
        struct statx x;
        off_t end;

        if (at < 0)
                return errno == ENOENT || errno == ENOTDIR ? -errno : -EAGAIN;
        if (statx(at, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, STATX_BASIC_STATS, &x) < 0)
                return -errno;
        device = S_ISBLK(x.stx_mode);
        if (!device && !S_ISREG(x.stx_mode))
                return -EINVAL;
        reads = device || (format && !streq(format, "raw"));
        if (reads && !device && !is_near(&x))
                return -EAGAIN;
        if (reads)
                fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
        *ret = (ImageFile) { .length = x.stx_size, .allocation = x.stx_blocks * 512 };
        if (device) {
                end = fd >= 0 ? lseek(fd, 0, SEEK_END) : -1;
                if (end < 0)
                        return -EIO;
                ret->length = ret->allocation = (uint64_t) end;
        }
        if (format)
                read_capacity(fd, format, ret);
        return 0;
}

static int take_words(const char *output, ImageFile *ret) {
        int n = sscanf(output, "%" SCNu64 " %" SCNu64 " %" SCNu64, &ret->allocation, &ret->length, &ret->capacity);

        ret->has_capacity = n == 3;
        return n >= 2 ? 0 : -EBADMSG;
}

static int look_by_child(QemuDriver *d, const char *path, const char *format, uint64_t usec, ImageFile *ret) {
        _cleanup_free_ char *program = text_format("%s/vm-look", getenv("UNITVIRT_PROGRAMS") ?: LIBEXECDIR);
        const char *const argv[] = { program, "--image", format ?: "", path, NULL };
        _cleanup_process_result_ ProcessResult result = {};
        int r;

        if (!program)
                return -ENOMEM;
        if (is_deaf(d, path))
                return -ETIMEDOUT;
        r = process_run(&(ProcessSpec) { .argv = (char *const *) argv, .timeout = usec }, &result, NULL);
        if (r == -ETIMEDOUT)
                set_deaf(d, path);
        if (r < 0)
                return r;
        if (result.status != 0)
                return result.status < 126 ? -result.status : -EIO;
        return take_words(result.output, ret);
}

int image_look(QemuDriver *d, const char *path, const char *format, uint64_t usec, ImageFile *ret) {
        int r;

        *ret = (ImageFile) {};
        if (*path != '/')
                return -EINVAL;
        r = look_at_hand(path, format, ret);
        return r == -EAGAIN ? look_by_child(d, path, format, MIN(usec, (uint64_t) LOOK_USEC), ret) : r;
}
