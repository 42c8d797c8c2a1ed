/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/socket.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

#include "base/fs.h"
#include "base/strings.h"

int unix_address(const char *path, struct sockaddr_un *ret) {
        *ret = (struct sockaddr_un) { .sun_family = AF_UNIX };
        if (strlen(path) >= sizeof(ret->sun_path))
                return -ENAMETOOLONG;
        strcpy(ret->sun_path, path);
        return 0;
}

int unix_connect(const char *path, int type) {
        _cleanup_close_ int fd = -EBADF;
        struct sockaddr_un address;
        int r;

        r = unix_address(path, &address);
        if (r < 0)
                return r;
        fd = socket(AF_UNIX, type | SOCK_CLOEXEC, 0);
        if (fd < 0 || connect(fd, (const struct sockaddr *) &address, sizeof(address)) < 0)
                return -errno;
        return TAKE_FD(fd);
}

int unix_check_peer(int fd, uid_t uid) {
        struct ucred peer;
        socklen_t len = sizeof peer;

        if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) < 0)
                return -errno;
        return peer.uid == uid ? 0 : -EPERM;
}

int unix_connect_in(int folder, const char *name, int type, uid_t uid) {
        _cleanup_close_ int file = openat(folder, name, O_PATH | O_NOFOLLOW | O_CLOEXEC), fd = -EBADF;
        char path[32];
        struct stat st;
        int r;

        if (file < 0 || fstat(file, &st) < 0)
                return -errno;
        if (!S_ISSOCK(st.st_mode))
                return -ENOTSOCK;
        (void) snprintf(path, sizeof path, "/proc/self/fd/%i", file);
        fd = unix_connect(path, type);
        r = fd < 0 ? fd : unix_check_peer(fd, uid);
        return r < 0 ? r : TAKE_FD(fd);
}

int unix_connect_owner(const char *folder, const char *name, int type) {
        _cleanup_close_ int dir = open(folder, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        struct stat st;

        if (dir < 0 || fstat(dir, &st) < 0)
                return -errno;
        return unix_connect_in(dir, name, type, st.st_uid);
}
