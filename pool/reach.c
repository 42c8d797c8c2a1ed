/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Headers of images are written by guests, and by users whose folder it is, at any moment: also between the look at
 * them and qemu-img's own. So what it may open are the very files that were looked at. */

#include <fcntl.h>
#include <sys/syscall.h>

#include "base/strings.h"
#include "storage/open.h"
#include "volume.h"

/* linux/landlock.h of the oldest system that this is built on lacks some. */
#define EXECUTE (1U << 0)
#define WRITE_FILE (1U << 1)
#define READ_FILE (1U << 2)
#define READ_DIR (1U << 3)
#define MAKE_REG (1U << 8)
#define FIRST_ABI 0x1fffU       /* these, and removing and making of anything */
#define TRUNCATE (1U << 14)
#define ABI_WITH_TRUNCATE 3
#define CREATE_RULESET_VERSION 1U
#define RULE_PATH_BENEATH 1

struct path_beneath {
        uint64_t allowed_access;
        int32_t parent_fd;
} __attribute__((packed));

static int allow(int rules, int fd, uint64_t what) {
        struct path_beneath rule = { .allowed_access = what, .parent_fd = fd };

        return syscall(SYS_landlock_add_rule, rules, RULE_PATH_BENEATH, &rule, 0) < 0 ? -errno : 0;
}

/* What is not there needs no rule. */
static int allow_path(int rules, const char *path, uint64_t what) {
        _cleanup_close_ int fd = open(path, O_PATH | O_CLOEXEC);

        return fd >= 0 ? allow(rules, fd, what) : errno == ENOENT ? 0 : -errno;
}

static int allow_image(int rules, const char *path, uint64_t what) {
        struct stat st;
        _cleanup_close_ int fd = path_open(path, &st);

        if (fd < 0)
                return fd;
        return S_ISREG(st.st_mode) || S_ISBLK(st.st_mode) ? allow(rules, fd, what) : -EINVAL;
}

/* Where the tool makes the file itself (part_vacate(), on SMB), no rule can name it. It may make one in the folder, and
 * open what is there. */
static int allow_written(int rules, const char *path, uint64_t what) {
        const char *slash = strrchr(path, '/');
        _cleanup_free_ char *folder = slash ? strndup(path, MAX((size_t) (slash - path), (size_t) 1)) : NULL;
        _cleanup_close_ int fd = -EBADF;
        struct stat st;
        int r = allow_image(rules, path, what);

        if (r != -ENOENT || !folder)
                return r;
        fd = path_open(folder, &st);
        if (fd < 0)
                return fd;
        return S_ISDIR(st.st_mode) ? allow(rules, fd, what | MAKE_REG) : -ENOTDIR;
}

static int allow_system(int rules) {
        static const char *const folders[] = { "/usr", "/lib", "/lib64", "/bin", "/sys/devices/system/cpu" };
        static const char *const files[] = { "/etc/ld.so.cache", "/dev/urandom", "/dev/zero" };
        int r = allow_path(rules, "/dev/null", READ_FILE | WRITE_FILE);

        for (size_t i = 0; r >= 0 && i < ELEMENTSOF(folders); i++)
                r = allow_path(rules, folders[i], EXECUTE | READ_FILE | READ_DIR);
        for (size_t i = 0; r >= 0 && i < ELEMENTSOF(files); i++)
                r = allow_path(rules, files[i], READ_FILE);
        return r;
}

int reach_only(const Reach *reach) {
        const long abi = syscall(SYS_landlock_create_ruleset, NULL, 0, CREATE_RULESET_VERSION);
        const uint64_t more = abi >= ABI_WITH_TRUNCATE ? TRUNCATE : 0, handled = FIRST_ABI | more;
        _cleanup_close_ int rules = -EBADF;
        int r;

        if (abi < 1)
                return 0;
        rules = (int) syscall(SYS_landlock_create_ruleset, &handled, sizeof handled, 0);
        if (rules < 0)
                return -errno;
        r = allow_system(rules);
        for (char *const *image = reach->read; r >= 0 && image && *image; image++)
                r = allow_image(rules, *image, READ_FILE);
        if (r >= 0)
                r = allow_written(rules, reach->write, READ_FILE | WRITE_FILE | more);
        if (r >= 0 && syscall(SYS_landlock_restrict_self, rules, 0) < 0)
                r = -errno;
        return r;
}
