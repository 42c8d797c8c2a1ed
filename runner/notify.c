/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "notify.h"

#include <endian.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/un.h>

#include "base/fds.h"
#include "base/strings.h"

static int connect_datagram(const char *path) {
        struct sockaddr_un sa = { .sun_family = AF_UNIX };
        _cleanup_close_ int fd = -EBADF;
        size_t n = strlen(path);

        if (n == 0 || n >= sizeof sa.sun_path)
                return -EINVAL;
        memcpy(sa.sun_path, path, n + 1);
        if (path[0] == '@')
                sa.sun_path[0] = 0;
        fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        if (fd < 0)
                return -errno;
        if (connect(fd, (struct sockaddr *) &sa,
                    (socklen_t) (offsetof(struct sockaddr_un, sun_path) + n + (path[0] != '@'))) < 0)
                return -errno;
        return TAKE_FD(fd);
}

int notify_open(void) {
        const char *path = getenv("NOTIFY_SOCKET");

        return path && *path ? connect_datagram(path) : -ENOENT;
}

int notify_send(int fd, const char *format, ...) {
        _cleanup_free_ char *text = NULL;

        if (fd < 0)
                return 0;
        text = TEXT_OF_ARGUMENTS(format);
        if (!text)
                return -ENOMEM;
        return send(fd, text, strlen(text), MSG_NOSIGNAL) < 0 ? -errno : 0;
}

int notify_status(int fd, const char *more, const char *format, ...) {
        _cleanup_free_ char *text = TEXT_OF_ARGUMENTS(format);

        if (!text)
                return -ENOMEM;
        for (char *p = text; *p; p++)
                if ((unsigned char) *p < ' ' || *p == 0x7f)
                        *p = ' ';
        return notify_send(fd, "%sSTATUS=%s", more, text);
}

static int send_with_fd(int fd, const char *text, int passed) {
        ssize_t n = send_fds(fd, text, strlen(text), &passed, 1, 0);

        return n < 0 ? (int) n : 0;
}

int notify_store_fd(int fd, const char *name, int stored) {
        _cleanup_free_ char *text = NULL;

        if (fd < 0)
                return -ENOTCONN;
        text = text_format("FDSTORE=1\nFDPOLL=0\nFDNAME=%s", name);
        if (!text)
                return -ENOMEM;
        return send_with_fd(fd, text, stored);
}

int notify_wait(int fd, int timeout_ms) {
        int ends[2], r;

        if (fd < 0)
                return 0;
        if (pipe2(ends, O_CLOEXEC) < 0)
                return -errno;
        r = send_with_fd(fd, "BARRIER=1", ends[1]);
        close(ends[1]);
        /* the manager closes its copy when it comes to this message */
        while (r >= 0) {
                int n = poll(&(struct pollfd) { .fd = ends[0] }, 1, timeout_ms);

                if (n < 0 && errno == EINTR)
                        continue;
                r = n < 0 ? -errno : n == 0 ? -ETIMEDOUT : 0;
                break;
        }
        close(ends[0]);
        return r;
}

int journal_open(void) {
        return connect_datagram("/run/systemd/journal/socket");
}

int journal_send(int fd, int priority, const char *identifier, const char *text, size_t len) {
        char head[128], end[] = "\n";
        struct iovec iov[3];
        int n;

        if (fd < 0)
                return -ENOTCONN;
        /* The text is a binary field (length, then bytes): a guest may write anything to its console. */
        n = snprintf(head, sizeof head - 8, "PRIORITY=%i\nSYSLOG_IDENTIFIER=%s\nMESSAGE\n", priority, identifier);
        if (n < 0 || (size_t) n >= sizeof head - 8)
                return -EINVAL;
        memcpy(head + n, &(uint64_t) { htole64(len) }, 8);
        iov[0] = (struct iovec) { head, (size_t) n + 8 };
        iov[1] = (struct iovec) { (char *) text, len };
        iov[2] = (struct iovec) { end, 1 };
        return sendmsg(fd, &(struct msghdr) { .msg_iov = iov, .msg_iovlen = 3 }, MSG_DONTWAIT | MSG_NOSIGNAL) < 0 ?
                -errno : 0;
}

/* A journal that is behind is waited for, as long as there is patience; one that stands still costs no more than
 * that. */
static int send_line(JournalLines *l, int fd, size_t n) {
        int r;

        while ((r = journal_send(fd, l->priority, l->identifier, l->line, n)) == -EAGAIN && l->patience > 0) {
                (void) poll(&(struct pollfd) { fd, POLLOUT, 0 }, 1, 1);
                l->patience--;
        }
        return r;
}

void journal_lines_flush(JournalLines *l, int fd) {
        size_t n = l->len;

        l->len = 0;
        while (n > 0 && (l->line[n - 1] == ' ' || l->line[n - 1] == '\t'))
                n--;
        if (n == 0)
                return;
        if (send_line(l, fd, n) < 0) {
                l->dropped++;
                return;
        }
        if (l->dropped > 0) {
                char text[64];
                int k = snprintf(text, sizeof text, "%lu lines were dropped here", l->dropped);

                if (journal_send(fd, 4, l->identifier, text, (size_t) k) >= 0)
                        l->dropped = 0;
        }
}

/* ECMA-48: ESC [ parameters letter; ESC ] text BEL or ESC \ ; ESC and one character. */
enum { ESCAPE_NONE, ESCAPE_BEGUN, ESCAPE_CSI, ESCAPE_OSC, ESCAPE_OSC_END };

static bool in_escape(JournalLines *l, char c) {
        switch (l->escape) {
        case ESCAPE_NONE:
                if (c != 0x1b)
                        return false;
                l->escape = ESCAPE_BEGUN;
                return true;
        case ESCAPE_BEGUN:
                l->escape = c == '['               ? ESCAPE_CSI
                            : c == ']'             ? ESCAPE_OSC
                            : c >= ' ' && c <= '/' ? ESCAPE_BEGUN
                                                   : ESCAPE_NONE;
                return c != '\n';
        case ESCAPE_CSI:
                if ((unsigned char) c >= 0x40 || c == '\n')
                        l->escape = ESCAPE_NONE;
                return c != '\n';
        case ESCAPE_OSC:
                l->escape = c == '\a' || c == '\n' ? ESCAPE_NONE : c == 0x1b ? ESCAPE_OSC_END : ESCAPE_OSC;
                return c != '\n';
        default:
                l->escape = ESCAPE_NONE;
                return c != '\n';
        }
}

void journal_lines_feed(JournalLines *l, int fd, const char *data, size_t len) {
        for (size_t i = 0; i < len; i++) {
                char c = data[i];

                if (in_escape(l, c))
                        continue;
                if (c == '\n') {
                        journal_lines_flush(l, fd);
                        continue;
                }
                if ((unsigned char) c < ' ' && c != '\t')
                        continue;
                if (l->len == sizeof l->line)
                        journal_lines_flush(l, fd);
                l->line[l->len++] = c;
        }
}
