/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "host/ports.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "base/fs.h"
#include "base/guest-files.h"
#include "base/strings.h"

#define LIST_MAX (1024U * 1024)

static int open_lock(void) {
        _cleanup_free_ char *path = guests_shared_file(GUESTS_PORTS_LOCK);

        return path ? file_open_locked(path) : -ENOMEM;
}

static int try_port(const char *address, unsigned port) {
        struct sockaddr_in6 in6 = { .sin6_family = AF_INET6, .sin6_port = htons((uint16_t) port) };
        struct sockaddr_in in = { .sin_family = AF_INET, .sin_port = htons((uint16_t) port) };
        bool v6 = inet_pton(AF_INET6, address, &in6.sin6_addr) == 1;
        _cleanup_close_ int fd = -EBADF;

        if (!v6 && inet_pton(AF_INET, address, &in.sin_addr) != 1)
                in.sin_addr.s_addr = INADDR_ANY;
        fd = socket(v6 ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (fd < 0)
                return -errno;
        (void) setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &(int) { 1 }, sizeof(int));
        return bind(fd, v6 ? (struct sockaddr *) &in6 : (struct sockaddr *) &in, v6 ? sizeof in6 : sizeof in) < 0
                       ? -errno
                       : 0;
}

static bool is_reserved(const char *lines, unsigned port) {
        char key[16];
        int n = snprintf(key, sizeof key, "%u ", port);

        for (const char *l = lines; l && *l; l = strchr(l, '\n'), l = l ? l + 1 : NULL)
                if (strncmp(l, key, (size_t) n) == 0)
                        return true;
        return false;
}

int ports_reserve(const char *name, const char *address, unsigned first, unsigned last, unsigned *ret) {
        _cleanup_close_ int lock = -EBADF;
        _cleanup_free_ char *path = NULL, *lines = NULL;
        _cleanup_strbuf_ StrBuf b = {};
        int r;

        path = guests_shared_file(GUESTS_PORTS);
        if (!path)
                return -ENOMEM;
        lock = open_lock();
        if (lock < 0)
                return lock;
        r = file_read(path, LIST_MAX, &lines, NULL);
        if (r < 0 && r != -ENOENT)
                return r;
        for (unsigned port = first; port <= last; port++) {
                _cleanup_free_ char *text = NULL;

                if (is_reserved(lines, port))
                        continue;
                r = try_port(address, port);
                if (r == -EADDRNOTAVAIL)
                        return r; /* so it is with each port */
                if (r < 0)
                        continue;
                strbuf_addf(&b, "%s%u %s\n", lines ?: "", port, name);
                text = strbuf_take(&b);
                if (!text)
                        return -ENOMEM;
                *ret = port;
                return file_write_atomic(path, text, strlen(text), 0644, FILE_WRITE_NOSYNC);
        }
        return -EADDRINUSE;
}

int ports_release(const char *name) {
        _cleanup_free_ char *path = guests_shared_file(GUESTS_PORTS), *lines = NULL, *text = NULL;
        _cleanup_strbuf_ StrBuf b = {};
        _cleanup_close_ int lock = -EBADF;
        char *rest, *line;
        int r;

        if (!path)
                return -ENOMEM;
        if (access(path, F_OK) < 0)
                return errno == ENOENT ? 0 : -errno;
        lock = open_lock();
        if (lock < 0)
                return lock;
        r = file_read(path, LIST_MAX, &lines, NULL);
        if (r < 0)
                return r == -ENOENT ? 0 : r;
        rest = lines;
        while ((line = strsep(&rest, "\n"))) {
                const char *space = strchr(line, ' ');

                if (space && !streq(space + 1, name))
                        strbuf_addf(&b, "%s\n", line);
        }
        text = strbuf_take(&b);
        return text ? file_write_atomic(path, text, strlen(text), 0644, FILE_WRITE_NOSYNC) : -ENOMEM;
}
