/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "late-port.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "base/fds.h"
#include "base/guest-files.h"
#include "base/keyfile.h"
#include "base/socket.h"
#include "base/strings.h"

#define TEXT_MAX 16384U
#define ANSWER_MS 5000

void late_port_done(LatePort *p) {
        parcel_done(&p->parcel);
        free(p->alias);
        *p = (LatePort) {};
}

int late_port_add(LatePort *p, const char *name, int fd) {
        int copy = p->parcel.n < LATE_PORT_FDS_MAX ? fcntl(fd, F_DUPFD_CLOEXEC, 3) : -1;

        if (copy < 0)
                return p->parcel.n < LATE_PORT_FDS_MAX ? -errno : -E2BIG;
        return parcel_add(&p->parcel, name, copy);
}

/* --- vm-plug --- */

bool late_port_is_heard(const char *folder) {
        _cleanup_free_ char *path = text_format("%s/" GUEST_FOLDER_PORTS, folder);
        struct stat st;

        return path && lstat(path, &st) >= 0 && S_ISSOCK(st.st_mode);
}

static pid_t parent_of(pid_t process) {
        _cleanup_free_ char *path = text_format("/proc/%i/stat", process);
        _cleanup_fclose_ FILE *f = path ? fopen(path, "re") : NULL;
        char text[4096], *end;
        size_t n = f ? fread(text, 1, sizeof text - 1, f) : 0;
        int parent;

        text[n] = 0;
        end = strrchr(text, ')'); /* what is before it may be any name */
        return end && sscanf(end + 1, " %*c %i", &parent) == 1 ? parent : -1;
}

/* QEMU is of the same user, and can put a socket of its own there; but it is a child of vm-run's. */
static int check_listener(int connection, pid_t parent) {
        struct ucred peer;
        socklen_t len = sizeof peer;

        if (getsockopt(connection, SOL_SOCKET, SO_PEERCRED, &peer, &len) < 0)
                return -errno;
        return parent_of(peer.pid) == parent ? 0 : -EPERM;
}

static int connect_to(const char *folder, uid_t uid, pid_t parent, int *ret) {
        _cleanup_close_ int dir = open(folder, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC), fd = -EBADF;
        int r = dir < 0 ? -errno : unix_connect_in(dir, GUEST_FOLDER_PORTS, SOCK_SEQPACKET | SOCK_NONBLOCK, uid);

        fd = r;
        r = r < 0 ? r : check_listener(fd, parent);
        if (r >= 0)
                *ret = TAKE_FD(fd);
        return r;
}

static char *format(const LatePort *p) {
        _cleanup_free_ char *size = text_format("%llu", (unsigned long long) p->log_size);
        _cleanup_strbuf_ StrBuf b = {};

        keyfile_add(&b, "alias", p->alias ?: "");
        keyfile_add(&b, "quiet", p->quiet ? "yes" : "no");
        keyfile_add(&b, "log_size", size ?: "0");
        if (p->gone)
                keyfile_add(&b, "gone", "yes");
        for (size_t i = 0; i < p->parcel.n; i++)
                keyfile_add(&b, "fd", p->parcel.items[i].name);
        return size ? strbuf_take(&b) : NULL;
}

int late_port_send(const LatePort *p, const char *folder, uid_t uid, pid_t parent) {
        struct pollfd answer = { .events = POLLIN };
        _cleanup_free_ char *text = format(p);
        int fds[LATE_PORT_FDS_MAX], r;
        _cleanup_close_ int fd = -EBADF;
        char byte;
        ssize_t n;

        for (size_t i = 0; i < p->parcel.n; i++)
                fds[i] = p->parcel.items[i].fd;
        r = text ? connect_to(folder, uid, parent, &fd) : -ENOMEM;
        if (r < 0)
                return r;
        n = send_fds(fd, text, strlen(text), fds, (unsigned) p->parcel.n, 0);
        if (n < 0)
                return (int) n;
        answer.fd = fd;
        r = poll(&answer, 1, ANSWER_MS);
        if (r <= 0)
                return r < 0 ? -errno : -ETIMEDOUT;
        n = recv(fd, &byte, 1, 0);
        return n < 0 ? -errno : n == 0 ? -EPIPE : 0;
}

/* --- vm-run --- */

/* Descriptors belong to the names that have no other yet. */
static int take_line(LatePort *p, const char *key, const char *value, const int *fds, unsigned n_fds) {
        if (streq(key, "alias") && !p->alias) {
                p->alias = strdup(value);
                return p->alias ? 0 : -ENOMEM;
        }
        if (streq(key, "quiet"))
                p->quiet = streq(value, "yes");
        else if (streq(key, "gone"))
                p->gone = streq(value, "yes");
        else if (streq(key, "log_size"))
                return parse_u64(value, 10, &p->log_size);
        else if (!streq(key, "fd") || p->parcel.n == n_fds)
                return -EBADMSG;
        else
                return late_port_add(p, value, fds[p->parcel.n]);
        return 0;
}

static int parse(char *text, const int *fds, unsigned n_fds, LatePort *ret) {
        char *rest = text, *line, *value;
        int r = 0;

        while (r >= 0 && (line = strsep(&rest, "\n")))
                if (*line) {
                        r = keyfile_parse_line(line, &value);
                        if (r >= 0)
                                r = take_line(ret, line, value, fds, n_fds);
                }
        return r < 0 ? r : ret->alias && *ret->alias && ret->parcel.n == n_fds ? 0 : -EBADMSG;
}

int late_port_receive(int connection, uid_t uid, LatePort *ret) {
        char text[TEXT_MAX + 1];
        int fds[LATE_PORT_FDS_MAX], r;
        unsigned n_fds = 0;
        ssize_t n;

        r = unix_check_peer(connection, uid);
        if (r < 0)
                return r;
        n = receive_fds(connection, text, TEXT_MAX, fds, LATE_PORT_FDS_MAX, &n_fds, 0);
        if (n > 0) {
                text[n] = 0;
                r = parse(text, fds, n_fds, ret);
        } else
                r = n < 0 ? (int) n : -EPIPE;
        for (unsigned i = 0; i < n_fds; i++)
                close(fds[i]);
        return r;
}

int late_port_answer(int connection) {
        return send(connection, "1", 1, MSG_NOSIGNAL | MSG_DONTWAIT) < 0 ? -errno : 0;
}
