/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Bytes of a client of virtlockd or virtlogd, against a whole server with that daemon's driver.
 *
 * The first byte of the input chooses: bit 0, which of the two; bits 2 and 3, how the rest is cut into pieces; bit 4,
 * the client registers itself before. Paths below /fuzz are in a folder of ours, and nothing else is written; nobody is
 * killed (the linker's --wrap, see meson.build). */

#include <fcntl.h>
#include <ftw.h>
#include <stdarg.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "base/log.h"
#include "base/strings.h"
#include "server.h"

extern const Driver driver_lock, driver_log;

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int __real_open64(const char *path, int flags, ...);
int __wrap_open64(const char *path, int flags, ...);
int __real_mkdir(const char *path, mode_t mode);
int __wrap_mkdir(const char *path, mode_t mode);
int __real_unlink(const char *path);
int __wrap_unlink(const char *path);
int __real_rename(const char *from, const char *to);
int __wrap_rename(const char *from, const char *to);
int __wrap_pidfd_send_signal(int fd, int signal, void *info, unsigned flags);

/* --- the only files --- */

static char folder[] = "/tmp/unitvirt-fuzz.XXXXXX";

/* NULL and EACCES for what is not ours. */
static char *inside(const char *path) {
        const char *rest = startswith(path, "/fuzz");
        char *real = rest && (!*rest || *rest == '/') && !strstr(rest, "..") && strlen(rest) < 200
                             ? text_format("%s%s", folder, rest)
                             : NULL;

        if (!real)
                errno = EACCES;
        return real;
}

/* Seeds are read as well. */
int __wrap_open64(const char *path, int flags, ...) {
        bool reads = (flags & O_ACCMODE) == O_RDONLY && !(flags & (O_CREAT | O_TRUNC)) && !startswith(path, "/fuzz");
        _cleanup_free_ char *real = reads ? strdup(path) : inside(path);
        mode_t mode;
        va_list ap;

        va_start(ap, flags);
        mode = flags & O_CREAT ? va_arg(ap, mode_t) : 0;
        va_end(ap);
        return real ? __real_open64(real, flags, mode) : -1;
}

int __wrap_mkdir(const char *path, mode_t mode) {
        _cleanup_free_ char *real = inside(path);

        return real ? __real_mkdir(real, mode) : -1;
}

int __wrap_unlink(const char *path) {
        _cleanup_free_ char *real = inside(path);

        return real ? __real_unlink(real) : -1;
}

int __wrap_rename(const char *from, const char *to) {
        _cleanup_free_ char *real = inside(from), *target = inside(to);

        return real && target ? __real_rename(real, target) : -1;
}

int __wrap_pidfd_send_signal(int fd, int signal, void *info, unsigned flags) {
        return 0;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *where) {
        return where->level == 0 ? 0 : remove(path);
}

static void remove_folder(void) {
        (void) rmdir(folder);
}

/* --- the daemons --- */

static Server *the_server(unsigned which) {
        static const KnownDriver known[] = {
                { "lock", DRIVER_LOCK, NULL, &driver_lock }, { "log", DRIVER_LOG, NULL, &driver_log },
        };
        static const char *const names[] = { "virtlockd", "virtlogd" };
        static Server *servers[2];
        static Listener listeners[2];

        if (servers[which])
                return servers[which];
        log_set_max_level(LOG_CRIT);
        if (!servers[!which] && (!mkdtemp(folder) || atexit(remove_folder) != 0))
                abort();
        if (server_new(names[which], known[which].name, known, 2, &servers[which], NULL) < 0)
                abort();
        listeners[which] = (Listener) { .server = servers[which], .kind = SOCKET_MAIN, .fd = -EBADF };
        servers[which]->listeners = &listeners[which];
        servers[which]->config.auth[SOCKET_MAIN] = AUTH_NONE;
        return servers[which];
}

static void turn(Server *s, int fd) {
        static char buf[1 << 20];

        for (int i = 0; i < 4; i++) {
                char control[CMSG_SPACE(16 * sizeof(int))];
                struct msghdr m = {
                        .msg_iov = &(struct iovec) { buf, sizeof(buf) }, .msg_iovlen = 1, .msg_control = control,
                        .msg_controllen = sizeof(control),
                };

                if (loop_run_once(s->loop, 0) < 0)
                        abort();
                while (fd >= 0 && recvmsg(fd, &m, MSG_DONTWAIT | MSG_CMSG_CLOEXEC) > 0) {
                        struct cmsghdr *c = CMSG_FIRSTHDR(&m);

                        /* the writing end of a log */
                        for (size_t k = 0; c && k < (c->cmsg_len - CMSG_LEN(0)) / sizeof(int); k++) {
                                int pipe = ((int *) (void *) CMSG_DATA(c))[k];

                                if (write(pipe, "line\nand some\n", 14) < 0)
                                        errno = 0;
                                close(pipe);
                        }
                        m.msg_controllen = sizeof(control);
                }
        }
}

static void feed(Server *s, int fd, const uint8_t *data, size_t size) {
        while (size > 0 && s->clients) {
                ssize_t n = send(fd, data, size, MSG_DONTWAIT | MSG_NOSIGNAL);

                turn(s, fd);
                if (n <= 0)
                        return;
                data += n;
                size -= (size_t) n;
        }
}

static const uint8_t registering[] = {
        /* register({ uuid, "web", 1, 7 }, 0) */
        0, 0, 0, 64, 0x0e, 0xa7, 0xbe, 0xef, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
        1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 0, 0, 0, 3, 'w', 'e', 'b', 0, 0, 0, 0, 1, 0, 0, 0, 7,
        0, 0, 0, 0,
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        static const size_t pieces[] = { SIZE_MAX, 1, 29, 1000 };
        size_t piece;
        Server *s;
        int fds[2];

        if (size < 1)
                return 0;
        s = the_server(data[0] & 1);
        piece = pieces[data[0] >> 2 & 3];
        if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds) < 0)
                abort();
        if (client_new(s, &s->listeners[0], fds[0]) < 0)
                abort();
        if (data[0] & 16)
                feed(s, fds[1], registering, sizeof(registering));
        for (size_t i = 1; i < size; i += MIN(piece, size - i))
                feed(s, fds[1], data + i, MIN(piece, size - i));

        close(fds[1]);
        if (s->clients)
                connection_close(s->clients->connection, 0);
        if (loop_stop_fibers(s->loop, 10000000) < 0)
                abort();
        turn(s, -1);
        if (s->clients || server_n_calls(s) > 0 || s->services[SERVICE_MAIN].n_clients > 0)
                abort();
        (void) nftw(folder, remove_one, 16, FTW_DEPTH | FTW_PHYS);
        return 0;
}
