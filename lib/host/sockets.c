/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "host/sockets.h"

#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/socket.h"
#include "base/strings.h"

/* of each address, while the service manager waits for the guest */
#define CONNECT_SECONDS 30

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
        int r = unix_address(path, ret);

        return r < 0 ? r : remove_stale(ret);
}

int socket_remove(const char *path) {
        struct sockaddr_un address;

        return free_path(path, &address);
}

int socket_bind(const char *path, int *ret) {
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
        if (fchmod(fd, 0600) < 0 || bind(fd, (const struct sockaddr *) &address, sizeof(address)) < 0)
                return -errno;

        *ret = TAKE_FD(fd);
        return 0;
}

int socket_listen(const char *path, int *ret) {
        _cleanup_close_ int fd = -EBADF;
        int r = socket_bind(path, &fd);

        if (r >= 0 && listen(fd, 1) < 0)
                r = -errno;
        if (r >= 0)
                *ret = TAKE_FD(fd);
        return r;
}

int socket_connect(const char *path, int *ret) {
        int fd = unix_connect(path, SOCK_STREAM | SOCK_NONBLOCK);

        if (fd >= 0)
                *ret = fd;
        return fd < 0 ? fd : 0;
}

int socket_try(const char *path) {
        _cleanup_close_ int fd = -EBADF;
        int r = socket_connect(path, &fd);

        return r == -EAGAIN ? 0 : r;
}

int socket_link(const char *path, const char *target) {
        struct sockaddr_un address;
        int r;

        r = free_path(path, &address);
        if (r < 0)
                return r;
        return symlink(target, path) < 0 ? -errno : 0;
}

static int listen_at(const struct addrinfo *a, bool alone) {
        _cleanup_close_ int fd = socket(a->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        int on = 1, only = !alone;

        if (fd < 0)
                return -errno;
        if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) < 0 ||
            (a->ai_family == AF_INET6 && setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &only, sizeof(only)) < 0) ||
            bind(fd, a->ai_addr, a->ai_addrlen) < 0 || listen(fd, SOMAXCONN) < 0)
                return -errno;
        return TAKE_FD(fd);
}

int tcp_listen(const char *host, const char *service, int *ret, unsigned max) {
        const struct addrinfo wanted = { .ai_flags = AI_PASSIVE, .ai_socktype = SOCK_STREAM };
        struct addrinfo *list = NULL;
        unsigned n = 0;
        int r = 0;

        if (getaddrinfo(host, service, &wanted, &list) != 0)
                return -EADDRNOTAVAIL;
        /* "::" alone is all of IPv4 too */
        for (const struct addrinfo *a = list; a && n < max && r >= 0; a = a->ai_next) {
                r = listen_at(a, !list->ai_next);
                /* a name may have an address of a family that the host has not */
                if (r == -EAFNOSUPPORT || (r == -EADDRNOTAVAIL && list->ai_next))
                        r = 0;
                else if (r >= 0)
                        ret[n++] = r;
        }
        freeaddrinfo(list);
        if (r >= 0 && n > 0)
                return (int) n;
        while (n > 0)
                close(ret[--n]);
        return r < 0 ? r : -EADDRNOTAVAIL;
}

static int connect_to(const struct addrinfo *a) {
        _cleanup_close_ int fd = socket(a->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
        const struct timeval patience = { .tv_sec = CONNECT_SECONDS }, none = {};

        if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience)) < 0 ||
            connect(fd, a->ai_addr, a->ai_addrlen) < 0)
                return errno == EINPROGRESS ? -ETIMEDOUT : -errno;
        if (setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &none, sizeof(none)) < 0)
                return -errno;
        return TAKE_FD(fd);
}

int tcp_connect(const char *host, const char *service, int *ret) {
        const struct addrinfo wanted = { .ai_socktype = SOCK_STREAM };
        struct addrinfo *list = NULL;
        int r = -EADDRNOTAVAIL;

        if (getaddrinfo(host, service, &wanted, &list) != 0)
                return r;
        for (const struct addrinfo *a = list; a && r < 0; a = a->ai_next)
                r = connect_to(a);
        freeaddrinfo(list);
        if (r < 0)
                return r;
        *ret = r;
        return 0;
}
