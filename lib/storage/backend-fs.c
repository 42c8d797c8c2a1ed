/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Pools on a file system of their own: of a block device, or of another host. The mount is a unit that the pool's
 * requires, so here it has only to be there. */

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "backend.h"
#include "base/strings.h"
#include "storage/folder.h"
#include "storage/tool.h"

/* The folder above is not asked for by "..": root may not pass the folder of a file system that does not trust it. */
static int require_mount(const PoolSpec *s, Error *e) {
        struct statx st;

        if (statx(AT_FDCWD, s->target, AT_STATX_SYNC_AS_STAT, STATX_BASIC_STATS, &st) < 0)
                return error_set_errno(e, -errno, ORIGIN_STORAGE, "cannot open directory '%s'", s->target);
        if (st.stx_attributes_mask & ~st.stx_attributes & STATX_ATTR_MOUNT_ROOT)
                return error_set(e, -ENODEV, ERROR_INTERNAL, ORIGIN_STORAGE, "nothing is mounted on '%s'", s->target);
        return 0;
}

static int fs_start(const PoolSpec *s, Error *e) {
        _cleanup_close_ int fd = -EBADF;
        int r = require_mount(s, e);

        if (r < 0 || s->cow == (unsigned) -1)
                return r;
        fd = open(s->target, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        return fd < 0 ? error_set_errno(e, -errno, ORIGIN_STORAGE, "cannot open directory '%s'", s->target)
                      : pool_set_cow(s, fd, e);
}

static int refuse_content(const char *device, Error *e) {
        _cleanup_free_ char *content = NULL;
        int r;

        r = pool_device_content(device, &content);
        if (r < 0)
                return error_set_errno(e, r, ORIGIN_STORAGE, "cannot look at '%s'", device);
        if (content)
                return error_set(e, -EEXIST, ERROR_STORAGE_POOL_BUILT, ORIGIN_STORAGE, "'%s' has a %s already", device,
                                 content);
        return 0;
}

/* mkfs's word for "whatever is there" */
static const char *force_option(const char *format) {
        return startswith(format, "ext") ? "-F" : streq(format, "vfat") ? "-I" : "-f";
}

/* Without a flag only the mount point is made: as libvirt has it, so that "build" without a word destroys nothing. */
static int fs_build(const PoolSpec *s, uint32_t flags, Error *e) {
        const char *device = s->devices ? s->devices[0] : NULL;
        int r;

        r = pool_make_target(s, e);
        if (r < 0 || !(flags & (POOL_BUILD_OVERWRITE | POOL_BUILD_NO_OVERWRITE)))
                return r;
        if (!s->format || streq(s->format, "auto"))
                return error_set(e, -EINVAL, ERROR_CONFIG_UNSUPPORTED, ORIGIN_STORAGE,
                                 "the format of '%s' must be said (source/format/@type) to make a file system", device);
        if (flags & POOL_BUILD_NO_OVERWRITE) {
                r = refuse_content(device, e);
                if (r < 0)
                        return r;
                return TOOL(600, NULL, e, "mkfs", "-t", s->format, device);
        }
        return TOOL(600, NULL, e, "mkfs", "-t", s->format, force_option(s->format), device);
}

const PoolBackend backend_fs = {
        .type = POOL_FS,
        .volumes_are_files = true,
        .mounts = true,
        .start = fs_start,
        .build = fs_build,
        .build_flags = POOL_BUILD_OVERWRITE | POOL_BUILD_NO_OVERWRITE,
        .remove = backend_folder_remove,
        .scan = backend_folder_scan,
};

/* "EXPORT CLIENTS" a line. */
static int netfs_find_sources(const char *host, char **ret, Error *e) {
        _cleanup_free_ char *output = NULL;
        _cleanup_strbuf_ StrBuf b = {};
        char *state = NULL;
        int r;

        if (!host || !*host)
                return error_set(e, -EINVAL, ERROR_INVALID_ARG, ORIGIN_STORAGE, "%s",
                                 "missing <host> in the source of the search");
        r = TOOL(TOOL_TIMEOUT, &output, e, "showmount", "--no-headers", "--exports", "--", host);
        if (r < 0)
                return r;
        for (char *line = strtok_r(output, "\n", &state); line; line = strtok_r(NULL, "\n", &state)) {
                char *path = line + strspn(line, " ");

                path[strcspn(path, " ")] = '\0';
                if (*path == '/')
                        strbuf_addf(&b, "dir=%s\nhost=%s\nformat=nfs\n\n", path, host);
        }
        *ret = strbuf_take(&b);
        return *ret ? 0 : -ENOMEM;
}

#define ANSWER_SEC 10
#define DETACH_MSEC 2000

/* The mount is gone at once, but where nobody else uses it, who asked for that is held until its server has heard. */
static void detach(const char *target) {
        _cleanup_close_ int fd = -EBADF;
        pid_t pid = fork();

        if (pid == 0) {
                (void) umount2(target, MNT_FORCE | MNT_DETACH | UMOUNT_NOFOLLOW);
                _exit(0);
        }
        if (pid < 0)
                return;
        fd = (int) syscall(SYS_pidfd_open, pid, 0);
        /* not waited for: it may take longer to die, as a child of whoever is left */
        if (fd < 0 || poll(&(struct pollfd) { fd, POLLIN, 0 }, 1, DETACH_MSEC) != 1)
                (void) kill(pid, SIGKILL);
        else
                (void) waitpid(pid, NULL, 0);
}

static bool is_mounted(const char *target) {
        _cleanup_strv_ char **points = NULL;

        return folder_mute_mounts(&points) < 0 || strv_contains(points, target);
}

/* The mount's unit ends with the pool's, and unmounts. Of a server that does not answer that would never come to an
 * end: what waits for it fails then, and the mount goes at once. Nobody loses anything by that who would not by
 * waiting: no guest is left that has a file there. */
static int netfs_stop(const PoolSpec *s, Error *e) {
        if (TOOL(ANSWER_SEC, NULL, NULL, "stat", "--file-system", "--", s->target) != -ETIMEDOUT)
                return 0;
        detach(s->target);
        return is_mounted(s->target) ? error_set(e, -EBUSY, ERROR_INTERNAL, ORIGIN_STORAGE,
                                                 "'%s' does not answer, and cannot be unmounted", s->target) : 0;
}

const PoolBackend backend_netfs = {
        .type = POOL_NETFS,
        .volumes_are_files = true,
        .mounts = true,
        .start = require_mount,
        .stop = netfs_stop,
        .build = backend_folder_build,
        .remove = backend_folder_remove,
        .scan = backend_folder_scan,
        .find_sources = netfs_find_sources,
};
