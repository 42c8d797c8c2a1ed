/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* vm-events: started by vm-events.socket as root; keeps performance events of guests open, and says how far they have
 * come (base/guest-events.h has what is said).
 *
 * Whoever may open such events can look at the work of others, so neither the guest nor the daemons do it; and what is
 * open has to outlive the daemons, which come and go. systemd has a copy of each descriptor, so that not even the end
 * of this process loses anything. It ends by itself once nothing is counted. */

#include <poll.h>
#include <sys/socket.h>
#include <systemd/sd-daemon.h>

#include "base/keyfile.h"
#include "base/log.h"
#include "events.h"
#include "events-request.h"
#include "notify.h"
#include "unit-process.h"

/* Without a request for so long it ends, unless something is counted. */
#define IDLE_MS 15000
/* A client has root's rights, and its request at hand. */
#define PATIENCE_MS 1000

/* --- the verbs --- */

static int enable(Counters *c, const EventsRequest *q, StrBuf *b, Error *e) {
        if (q->process <= 0 || !process_is_in_unit(q->process, q->unit))
                return error_set(e, -EPERM, ERROR_INTERNAL, ORIGIN_QEMU, "process %i is none of %s", q->process,
                                 q->unit);
        return counters_enable(c, q->unit, q->process, q->events, e);
}

static int disable(Counters *c, const EventsRequest *q, StrBuf *b, Error *e) {
        counters_disable(c, q->unit, q->events);
        return 0;
}

static int forget(Counters *c, const EventsRequest *q, StrBuf *b, Error *e) {
        counters_forget(c, q->unit);
        return 0;
}

static int read_them(Counters *c, const EventsRequest *q, StrBuf *b, Error *e) {
        counters_read(c, q->unit, b);
        return 0;
}

static const struct {
        const char *verb;
        int (*run)(Counters *c, const EventsRequest *q, StrBuf *b, Error *e);
} verbs[] = {
        { "enable", enable }, { "disable", disable }, { "forget", forget }, { "read", read_them },
};

static int run_verb(Counters *c, const EventsRequest *q, StrBuf *b, Error *e) {
        keyfile_add(b, "done", q->verb);
        for (size_t i = 0; i < ELEMENTSOF(verbs); i++)
                if (streq(verbs[i].verb, q->verb))
                        return verbs[i].run(c, q, b, e);
        return error_set(e, -EOPNOTSUPP, ERROR_NO_SUPPORT, ORIGIN_QEMU, "vm-events knows no verb '%s'", q->verb);
}

/* --- connections --- */

static bool is_root(int connection) {
        struct ucred peer;
        socklen_t len = sizeof peer;

        return getsockopt(connection, SOL_SOCKET, SO_PEERCRED, &peer, &len) >= 0 && peer.uid == geteuid();
}

static void answer(int connection, StrBuf *b) {
        _cleanup_free_ char *text = strbuf_take(b);

        if (text)
                (void) send(connection, text, strlen(text), MSG_NOSIGNAL | MSG_DONTWAIT);
}

static void refuse(int connection, const EventsRequest *q, const Error *e, int r) {
        _cleanup_free_ char *text = error_to_text(e, r);
        _cleanup_strbuf_ StrBuf b = {};

        log_info("guest %s, %s: %s", q->guest, q->verb, error_text(e, r));
        keyfile_add(&b, "error", text ?: "out of memory");
        answer(connection, &b);
}

static void serve(int connection, Counters *c) {
        _cleanup_strbuf_ StrBuf b = {};
        _cleanup_error_ Error e = ERROR_INIT;
        char text[EVENTS_PACKET_MAX + 1];
        _cleanup_events_request_ EventsRequest q = {};
        ssize_t n;
        int r;

        if (!is_root(connection)) {
                log_error("somebody who is not root asked");
                return;
        }
        if (poll(&(struct pollfd) { .fd = connection, .events = POLLIN }, 1, PATIENCE_MS) <= 0)
                return;
        n = recv(connection, text, sizeof text - 1, MSG_DONTWAIT);
        if (n <= 0)
                return;
        text[n] = 0;
        r = events_request_parse(text, &q);
        if (r < 0) {
                log_error_errno(r, "a request that is none: %s", strerror(-r));
                return;
        }
        r = run_verb(c, &q, &b, &e);
        if (r < 0)
                refuse(connection, &q, &e, r);
        else
                answer(connection, &b);
}

static int loop(int listener, Counters *c) {
        for (;;) {
                int n = poll(&(struct pollfd) { .fd = listener, .events = POLLIN }, 1, c->n > 0 ? -1 : IDLE_MS);
                _cleanup_close_ int connection = n > 0 ? accept4(listener, NULL, NULL, SOCK_CLOEXEC) : -EBADF;

                if (n < 0 && errno != EINTR)
                        return -errno;
                if (n == 0)
                        return 0;
                if (connection >= 0)
                        serve(connection, c);
        }
}

/* The socket, and what an earlier process had. */
static int take_descriptors(Counters *c, int *ret_listener) {
        _cleanup_strv_ char **names = NULL;
        int n = sd_listen_fds_with_names(true, &names);

        for (int i = 0; i < n; i++) {
                int fd = SD_LISTEN_FDS_START + i;

                if (*ret_listener < 0 && sd_is_socket(fd, AF_UNIX, SOCK_SEQPACKET, 1) > 0)
                        *ret_listener = fd;
                else if (counters_take(c, names[i], fd) < 0) {
                        log_warning("'%s' is no event of a guest's, closing it", names[i]);
                        close(fd);
                }
        }
        return n < 0 ? n : *ret_listener < 0 ? -ENOENT : 0;
}

int main(int argc, char **argv) {
        Counters counters = { .notify_fd = notify_open() };
        int listener = -EBADF, r;

        log_open("vm-events", LOG_TARGET_AUTO);
        if (argc != 1 || take_descriptors(&counters, &listener) < 0) {
                log_error("vm-events is started by vm-events.socket");
                return EXIT_FAILURE;
        }
        r = loop(listener, &counters);
        if (r < 0)
                log_error_errno(r, "cannot wait for requests: %s", strerror(-r));
        counters_done(&counters);
        return r < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
