/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "landlock.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/strings.h"

/* linux/landlock.h of the oldest system that this is built on lacks most of it. */
#define FS_WRITE_FILE (UINT64_C(1) << 1)
#define FS_MAKE_CHAR (UINT64_C(1) << 6)
#define FS_MAKE_SYM (UINT64_C(1) << 12)
#define FS_REFER (UINT64_C(1) << 13)
#define NET_BIND_TCP 1U
#define NET_CONNECT_TCP 2U
#define SCOPE_ABSTRACT_UNIX_SOCKET 1U
#define SCOPE_SIGNAL 2U
#define CREATE_RULESET_VERSION 1U
#define RULE_PATH_BENEATH 1U
#define ABI_WITH_REFER 2
#define ABI_WITH_NET 4
#define ABI_WITH_SCOPES 6

/* Making devices, folders, files, sockets, pipes, symbolic links (the bits between the two), and moving them from one
 * folder to another, which a kernel that is asked for anything denies unless a rule allows it. */
#define FS_MAKES (((FS_MAKE_SYM << 1) - FS_MAKE_CHAR) | FS_REFER)
#define FS_FOLDER (FS_WRITE_FILE | FS_MAKES)

typedef struct Ruleset {
        uint64_t handled_access_fs, handled_access_net, scoped;
} Ruleset;

typedef struct PathBeneath {
        uint64_t allowed_access;
        int32_t parent_fd;
} __attribute__((packed)) PathBeneath;

static long abi(void) {
        return syscall(SYS_landlock_create_ruleset, NULL, 0, CREATE_RULESET_VERSION);
}

bool landlock_seals(void) {
        return abi() >= ABI_WITH_REFER;
}

/* Rights that only folders have are no rights of a file's. */
static int allow(int ruleset, int folder, const char *name) {
        _cleanup_close_ int fd = openat(folder, name, O_PATH | O_CLOEXEC | O_NOFOLLOW);
        PathBeneath rule = { .allowed_access = FS_FOLDER, .parent_fd = fd };

        if (fd < 0)
                return errno == ENOENT ? 0 : -errno;
        if (syscall(SYS_landlock_add_rule, ruleset, RULE_PATH_BENEATH, &rule, 0) >= 0)
                return 0;
        rule.allowed_access = FS_WRITE_FILE;
        if (errno == EINVAL && syscall(SYS_landlock_add_rule, ruleset, RULE_PATH_BENEATH, &rule, 0) >= 0)
                return 0;
        return -errno;
}

/* All that is in a folder but one. */
static int allow_others(int ruleset, const char *folder, const char *but, size_t n) {
        DIR *dir = opendir(folder);
        const struct dirent *d;
        int r = 0;

        if (!dir)
                return -errno;
        while (r >= 0 && (d = readdir(dir))) {
                if (streq(d->d_name, ".") || streq(d->d_name, "..") || d->d_type == DT_LNK)
                        continue;
                if (strncmp(d->d_name, but, n) != 0 || d->d_name[n])
                        r = allow(ruleset, dirfd(dir), d->d_name);
        }
        closedir(dir);
        return r;
}

/* Rules only allow. So everything is allowed that stands beside the way to the folder, at each step of it. */
static int seal(int ruleset, const char *sealed) {
        int r = *sealed == '/' ? 0 : -EINVAL;

        for (const char *p = sealed; r >= 0 && *p;) {
                _cleanup_free_ char *folder = NULL;
                size_t n;

                p += strspn(p, "/");
                n = strcspn(p, "/");
                if (n == 0)
                        break;
                folder = strndup(sealed, (size_t) (p - sealed));
                r = folder ? allow_others(ruleset, folder, p, n) : -ENOMEM;
                p += n;
        }
        return r;
}

int landlock_restrict(const LandlockWish *wish) {
        const long known = abi();
        Ruleset attributes = {};
        _cleanup_close_ int fd = -EBADF;
        int r = 0;

        if (wish->sealed && known < ABI_WITH_REFER)
                return -EOPNOTSUPP;
        if (wish->sealed)
                attributes.handled_access_fs = FS_FOLDER;
        if (known >= ABI_WITH_NET) /* and no rule that allows any */
                attributes.handled_access_net =
                        (wish->connects ? 0 : NET_CONNECT_TCP) | (wish->listens ? 0 : NET_BIND_TCP);
        if (known >= ABI_WITH_SCOPES)
                attributes.scoped = SCOPE_ABSTRACT_UNIX_SOCKET | SCOPE_SIGNAL;
        if (attributes.handled_access_fs == 0 && attributes.handled_access_net == 0 && attributes.scoped == 0)
                return 0;
        fd = (int) syscall(SYS_landlock_create_ruleset, &attributes,
                           known >= ABI_WITH_SCOPES ? sizeof attributes : known >= ABI_WITH_NET ? 16 : 8, 0);
        if (fd >= 0 && wish->sealed)
                r = seal(fd, wish->sealed);
        if (fd >= 0 && r >= 0 && syscall(SYS_landlock_restrict_self, fd, 0) < 0)
                r = -errno;
        if (fd < 0)
                r = -errno;
        return wish->sealed ? r : 0;
}
