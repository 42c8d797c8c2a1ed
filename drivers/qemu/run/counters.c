/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "run/counters.h"

#include <sys/epoll.h>
#include <sys/socket.h>

#include "base/fs.h"
#include "base/socket.h"
#include "base/strings.h"
#include "host/undo-list.h"

#define ANSWER_TIMEOUT (10U * 1000000U)
/* Figures are asked for again and again, and of many guests at once. */
#define VALUES_TIMEOUT (2U * 1000000U)

static int fail(int r, Error *e) {
        return error_set(e, r < 0 ? r : -EPIPE, ERROR_INTERNAL, ORIGIN_QEMU,
                         "vm-events failed: the journal says why (journalctl -u vm-events)");
}

static int ask(const Guest *g, const char *verb, int process, const bool events[GUEST_EVENTS], GuestEventValues *ret,
               Error *e) {
        _cleanup_free_ char *path = text_format("%s/" EVENTS_SOCKET, path_run()),
                            *text = guest_events_request(verb, g->object.name, process, events);
        _cleanup_close_ int fd = -EBADF;
        char reply[EVENTS_PACKET_MAX + 1];
        ssize_t n;
        int r;

        if (!path || !text)
                return -ENOMEM;
        fd = unix_connect(path, SOCK_SEQPACKET | SOCK_NONBLOCK);
        if (fd < 0)
                return error_set_errno(e, fd, ORIGIN_QEMU, "cannot reach vm-events, is vm-events.socket active?");
        if (send(fd, text, strlen(text), MSG_NOSIGNAL) < 0)
                return fail(-errno, e);
        r = fiber_wait_fd(fd, EPOLLIN, events || process > 0 ? ANSWER_TIMEOUT : VALUES_TIMEOUT);
        if (r < 0)
                return error_set(e, r, ERROR_OPERATION_TIMEOUT, ORIGIN_QEMU, "vm-events does not answer: %s",
                                 strerror(-r));
        n = recv(fd, reply, sizeof(reply) - 1, MSG_DONTWAIT);
        if (n <= 0)
                return fail(n < 0 ? -errno : 0, e);
        reply[n] = 0;
        return guest_events_answer(reply, ret, e);
}

/* They are the guest's for as long as it runs, whoever is there at its end. */
static int promise_undo(const Guest *g, Error *e) {
        const char *name = g->object.name;
        int r = undo_is_listed(name, UNDO_EVENTS, name) ? 0 : undo_add(name, UNDO_EVENTS, name);

        return r < 0 ? error_set_errno(e, r, ORIGIN_QEMU, "cannot write the undo list of '%s'", name) : 0;
}

int counters_ask_enable(Guest *g, const bool events[static GUEST_EVENTS], Error *e) {
        GuestEventValues values;
        int r;

        if (!g->run || g->run->pid <= 0)
                return error_set(e, -ESRCH, ERROR_OPERATION_INVALID, ORIGIN_QEMU, "domain is not running");
        r = promise_undo(g, e);
        return r < 0 ? r : ask(g, "enable", g->run->pid, events, &values, e);
}

int counters_ask_disable(Guest *g, const bool events[static GUEST_EVENTS], Error *e) {
        GuestEventValues values;

        return ask(g, "disable", 0, events, &values, e);
}

int counters_ask_values(Guest *g, GuestEventValues *ret, Error *e) {
        return ask(g, "read", 0, NULL, ret, e);
}
