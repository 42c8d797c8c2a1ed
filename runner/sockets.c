/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "sockets.h"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/strings.h"

#define SOCKET_PATH_MAX sizeof(((struct sockaddr_un *) NULL)->sun_path)

/* Links are ours where they lead to where guests have their folders. */
static bool is_link_to_guest(const char *path) {
        char target[SOCKET_PATH_MAX + 1];
        ssize_t len = readlink(path, target, SOCKET_PATH_MAX);
        const char *rest;

        if (len < 0)
                return false;
        target[len] = 0;
        rest = startswith(target, path_run());
        return rest && startswith(rest, "/qemu/");
}

/* What a former run left behind goes; what somebody listens on, or is neither a socket nor a link of ours, stays. */
static int remove_stale(const struct sockaddr_un *address) {
        _cleanup_close_ int fd = -EBADF;
        struct stat st;

        if (lstat(address->sun_path, &st) < 0)
                return errno == ENOENT ? 0 : -errno;
        if (!S_ISSOCK(st.st_mode) && !is_link_to_guest(address->sun_path))
                return -EEXIST;
        fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        if (fd < 0)
                return -errno;
        if (connect(fd, (const struct sockaddr *) address, sizeof(*address)) >= 0 ||
            (errno != ECONNREFUSED && errno != ENOENT))
                return -EADDRINUSE;

        return unlink(address->sun_path) < 0 ? -errno : 0;
}

static int free_path(const char *path, struct sockaddr_un *ret) {
        *ret = (struct sockaddr_un) { .sun_family = AF_UNIX };
        if (strlen(path) >= SOCKET_PATH_MAX)
                return -ENAMETOOLONG;
        strcpy(ret->sun_path, path);
        return remove_stale(ret);
}

int socket_remove(const char *path) {
        struct sockaddr_un address;

        return free_path(path, &address);
}

int socket_listen(const char *path, int *ret) {
        _cleanup_close_ int fd = -EBADF;
        struct sockaddr_un address;
        int r;

        r = free_path(path, &address);
        if (r < 0)
                return r;
        fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (fd < 0)
                return -errno;
        /* Who may connect is a matter of the folder, and root's until then. */
        if (fchmod(fd, 0600) < 0 || bind(fd, (const struct sockaddr *) &address, sizeof(address)) < 0 || listen(fd, 1) < 0)
                return -errno;

        *ret = TAKE_FD(fd);
        return 0;
}

int socket_link(const char *path, const char *target) {
        struct sockaddr_un address;
        int r;

        r = free_path(path, &address);
        if (r < 0)
                return r;
        return symlink(target, path) < 0 ? -errno : 0;
}
