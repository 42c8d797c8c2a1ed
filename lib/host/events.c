/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "host/events.h"

#include <poll.h>
#include <sys/socket.h>

#include "base/fs.h"
#include "base/socket.h"
#include "base/strings.h"

#define PATIENCE_MS 30000

static int ask(const char *verb, const char *guest, pid_t process, const bool events[GUEST_EVENTS], Error *e) {
        _cleanup_free_ char *path = text_format("%s/" EVENTS_SOCKET, path_run()),
                            *text = guest_events_request(verb, guest, process, events);
        _cleanup_close_ int fd = -EBADF;
        char reply[EVENTS_PACKET_MAX + 1];
        GuestEventValues values;
        ssize_t n;

        if (!path || !text)
                return -ENOMEM;
        fd = unix_connect(path, SOCK_SEQPACKET);
        if (fd < 0)
                return error_set_errno(e, fd, ORIGIN_QEMU, "cannot reach vm-events, is vm-events.socket active?");
        n = send(fd, text, strlen(text), MSG_NOSIGNAL);
        if (n >= 0)
                n = poll(&(struct pollfd) { .fd = fd, .events = POLLIN }, 1, PATIENCE_MS);
        if (n > 0)
                n = recv(fd, reply, sizeof(reply) - 1, MSG_DONTWAIT);
        if (n <= 0)
                return error_set(e, n < 0 ? -errno : -ETIMEDOUT, ERROR_INTERNAL, ORIGIN_QEMU,
                                 "vm-events failed: the journal says why (journalctl -u vm-events)");
        reply[n] = 0;
        return guest_events_answer(reply, &values, e);
}

int events_begin(const char *guest, pid_t process, const bool events[GUEST_EVENTS], Error *e) {
        int r = ask("forget", guest, 0, NULL, e);

        return r < 0 ? r : ask("enable", guest, process, events, e);
}

int events_forget(const char *guest) {
        return ask("forget", guest, 0, NULL, NULL);
}
