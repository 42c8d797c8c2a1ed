/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "parcel.h"

#include <sys/socket.h>

#include "base/fds.h"
#include "base/strings.h"

/* A message with a descriptor takes the kernel about 1 KiB; QEMU has at most a thousand, vm-run a few. */
#define BUFFER_BYTES (4 * 1024 * 1024)

int parcel_open(int *ret_in, int *ret_out) {
        int ends[2], bytes = BUFFER_BYTES;

        if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
                return -errno;
        /* more than the limit for everybody is root's to ask for; without it some hundred fit */
        (void) setsockopt(ends[0], SOL_SOCKET, SO_SNDBUFFORCE, &bytes, sizeof bytes);
        *ret_in = ends[0];
        *ret_out = ends[1];
        return 0;
}

int parcel_put(int in, const char *name, int fd) {
        size_t len = strlen(name);
        ssize_t n;

        if (len > PARCEL_NAME_MAX)
                return -ENAMETOOLONG;
        n = send_fds(in, name, len + 1, &fd, 1, MSG_DONTWAIT | MSG_NOSIGNAL);
        return n < 0 ? (int) n : 0;
}

int parcel_add(Parcel *p, const char *name, int fd) {
        struct ParcelItem *items = reallocarray(p->items, p->n + 1, sizeof(*items));
        char *copy = items ? strdup(name) : NULL;

        if (items)
                p->items = items;
        if (!copy) {
                close(fd);
                return -ENOMEM;
        }
        items[p->n++] = (struct ParcelItem) { copy, fd };
        return 0;
}

int parcel_unpack(int out, Parcel *p) {
        for (;;) {
                char name[PARCEL_NAME_MAX + 1];
                unsigned n_fds = 0;
                int fd = -EBADF, r;
                ssize_t n;

                n = receive_fds(out, name, sizeof name, &fd, 1, &n_fds, MSG_DONTWAIT);
                if (n == 0 || n == -EAGAIN)
                        return 0;
                r = n < 0 ? (int) n : n_fds != 1 || name[n - 1] ? -EBADMSG : 0;
                if (r < 0 && n_fds > 0)
                        close(fd);
                if (r >= 0)
                        r = parcel_add(p, name, fd);
                if (r < 0)
                        return r;
        }
}

int parcel_find(const Parcel *p, const char *name) {
        for (size_t i = 0; i < p->n; i++)
                if (p->items[i].fd >= 0 && streq(p->items[i].name, name))
                        return p->items[i].fd;
        return -ENOENT;
}

void parcel_done(Parcel *p) {
        for (size_t i = 0; i < p->n; i++) {
                closep(&p->items[i].fd);
                free(p->items[i].name);
        }
        free(p->items);
        *p = (Parcel) {};
}
