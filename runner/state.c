/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Small files below /run/libvirt/qemu that all guests share. */

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/file.h>
#include <sys/socket.h>

#include "base/fs.h"
#include "base/strings.h"
#include "prepare.h"

static int open_locked(const char *file) {
        _cleanup_free_ char *path = NULL;
        _cleanup_close_ int fd = -EBADF;

        path = text_format("%s/qemu/%s", path_run(), file);
        if (!path)
                return -ENOMEM;
        fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
        if (fd < 0 || flock(fd, LOCK_EX) < 0)
                return -errno;
        return TAKE_FD(fd);
}

int state_next_id(unsigned *ret) {
        _cleanup_close_ int fd = -EBADF;
        char text[16] = {};
        unsigned id = 1;
        int n;

        fd = open_locked("next-id");
        if (fd < 0)
                return fd;
        if (pread(fd, text, sizeof text - 1, 0) < 0)
                return -errno;
        text[strcspn(text, "\n")] = 0;
        /* an empty file is a fresh boot */
        if (parse_uint(text, &id) < 0 || id == 0 || id > INT32_MAX - 1)
                id = 1;
        n = snprintf(text, sizeof text, "%u\n", id + 1);
        if (ftruncate(fd, 0) < 0 || pwrite(fd, text, (size_t) n, 0) != n)
                return -errno;
        *ret = id;
        return 0;
}

static bool port_is_free(const char *address, unsigned port) {
        struct sockaddr_in6 in6 = { .sin6_family = AF_INET6, .sin6_port = htons((uint16_t) port) };
        struct sockaddr_in in = { .sin_family = AF_INET, .sin_port = htons((uint16_t) port) };
        bool v6 = inet_pton(AF_INET6, address, &in6.sin6_addr) == 1;
        _cleanup_close_ int fd = -EBADF;

        if (!v6 && inet_pton(AF_INET, address, &in.sin_addr) != 1)
                in.sin_addr.s_addr = INADDR_ANY;
        fd = socket(v6 ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (fd < 0)
                return false;
        (void) setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &(int) { 1 }, sizeof(int));
        return bind(fd, v6 ? (struct sockaddr *) &in6 : (struct sockaddr *) &in, v6 ? sizeof in6 : sizeof in) >= 0;
}

/* Lines "PORT NAME": a port belongs to a guest from its start to its end, also before QEMU listens. vm-cleanup
 * removes the line. */
static bool is_reserved(const char *lines, unsigned port) {
        char key[16];
        int n = snprintf(key, sizeof key, "%u ", port);

        for (const char *l = lines; l && *l; l = strchr(l, '\n'), l = l ? l + 1 : NULL)
                if (strncmp(l, key, (size_t) n) == 0)
                        return true;
        return false;
}

int state_reserve_port(const char *name, const char *address, unsigned first, unsigned last, unsigned *ret) {
        _cleanup_close_ int lock = -EBADF;
        _cleanup_free_ char *path = NULL, *lines = NULL;
        _cleanup_strbuf_ StrBuf b = {};
        int r;

        path = text_format("%s/qemu/ports", path_run());
        if (!path)
                return -ENOMEM;
        lock = open_locked("ports.lock");
        if (lock < 0)
                return lock;
        r = file_read(path, 1024 * 1024, &lines, NULL);
        if (r < 0 && r != -ENOENT)
                return r;
        for (unsigned port = first; port <= last; port++) {
                _cleanup_free_ char *text = NULL;

                if (is_reserved(lines, port) || !port_is_free(address, port))
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
