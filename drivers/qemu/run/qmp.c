/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A QMP connection is HELLO until QEMU's greeting came, then NEGOTIATING until it took our
 * qmp_capabilities, then READY, and CLOSED at the end. Commands queued before READY wait.
 *
 * Callbacks may free the client; the functions that call them hold a reference and look at the
 * state again afterwards. */

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "base/fds.h"
#include "base/socket.h"
#include "base/strings.h"
#include "run/json-limits.h"
#include "run/qmp.h"

#define WINDOW_USEC (100U * 1000U)
#define WINDOW_BYTES (2U * 1024U * 1024U)
#define WINDOW_EVENTS 50U
#define SMALL_READ 4096U

typedef enum QmpState {
        QMP_HELLO,
        QMP_NEGOTIATING,
        QMP_READY,
        QMP_CLOSED,
} QmpState;

typedef struct QmpCommand QmpCommand;

struct QmpCommand {
        QmpCommand *next;
        uint64_t id;
        QmpReply reply;
        void *userdata;
        char *text;         /* not yet written, NULL afterwards */
        size_t len;
        size_t sent;
        int fds[QMP_FDS_MAX];
        size_t n_fds;
};

struct QmpClient {
        unsigned n_ref;
        QmpState state;
        int fd;
        sd_event_source *io;
        const QmpHandler *handler;
        void *userdata;

        /* How much came in this window of time: beyond its budget a peer is not read until the next. Answers are not
         * counted, there are no more of them than we have asked for. */
        sd_event_source *next_window;
        uint64_t window;    /* when it began, by CLOCK_MONOTONIC */
        size_t n_bytes, n_events;

        char *pending;      /* the beginning of a message whose end has not come */
        size_t n_pending;

        QmpCommand *first;  /* in the order they were queued; answered ones leave */
        QmpCommand **last;
        size_t n_commands;
        uint64_t next_id;
};

static void command_close_fds(QmpCommand *m) {
        for (size_t i = 0; i < m->n_fds; i++)
                close(m->fds[i]);
        m->n_fds = 0;
}

static QmpCommand *command_free(QmpCommand *m) {
        if (!m)
                return NULL;
        command_close_fds(m);
        free(m->text);
        free(m);
        return NULL;
}
DEFINE_CLEANUP(QmpCommand *, command_free);

static QmpClient *client_unref(QmpClient *c) {
        if (!c || --c->n_ref > 0)
                return NULL;
        free(c->pending);
        free(c);
        return NULL;
}
DEFINE_CLEANUP(QmpClient *, client_unref);

static QmpClient *client_ref(QmpClient *c) {
        c->n_ref++;
        return c;
}

static void command_finish(QmpClient *c, QmpCommand *m, const QmpResult *result) {
        if (m->reply)
                m->reply(c, result, m->userdata);
        command_free(m);
}

static QmpCommand *command_take(QmpClient *c, uint64_t id) {
        for (QmpCommand **p = &c->first; *p; p = &(*p)->next) {
                QmpCommand *m = *p;

                if (m->id != id)
                        continue;
                *p = m->next;
                if (c->last == &m->next)
                        c->last = p;
                c->n_commands--;
                m->next = NULL;
                return m;
        }
        return NULL;
}

/* Ends the connection: every command gets r, then the owner learns of it unless it did so itself. */
static void client_close(QmpClient *c, int r, bool tell) {
        _cleanup_(client_unrefp) _unused_ QmpClient *hold = client_ref(c);
        QmpResult lost = { .r = r < 0 ? r : -ECONNRESET };

        if (c->state == QMP_CLOSED)
                return;
        c->state = QMP_CLOSED;
        c->io = sd_event_source_disable_unref(c->io);
        c->next_window = sd_event_source_disable_unref(c->next_window);
        if (c->fd >= 0)
                close(TAKE_FD(c->fd));

        while (c->first) {
                QmpCommand *m = c->first;

                c->first = m->next;
                if (!c->first)
                        c->last = &c->first;
                c->n_commands--;
                command_finish(c, m, &lost);
        }
        if (tell && c->handler)
                c->handler->closed(c, r, c->userdata);
}

QmpClient *qmp_client_free(QmpClient *c) {
        if (!c)
                return NULL;
        c->handler = NULL;
        client_close(c, -ECANCELED, false);
        return client_unref(c);
}

/* --- writing --- */

/* Writes what may be written now: nothing before the greeting, then the handshake (id 0), then all. */
static int client_flush(QmpClient *c) {
        uint32_t events = EPOLLIN;

        if (c->state == QMP_HELLO)
                return 0;
        for (QmpCommand *m = c->first; m; m = m->next) {
                if (!m->text || (c->state != QMP_READY && m->id != 0))
                        continue;
                while (m->sent < m->len) {
                        ssize_t n =
                                send_fds(c->fd, m->text + m->sent, m->len - m->sent, m->fds, m->n_fds, MSG_DONTWAIT);

                        if (n == -EINTR)
                                continue;
                        if (n == -EAGAIN) {
                                events |= EPOLLOUT;
                                goto finish;
                        }
                        if (n < 0)
                                return (int) n;
                        command_close_fds(m);
                        m->sent += (size_t) n;
                }
                free(m->text);
                m->text = NULL;
        }
finish:
        return c->io ? sd_event_source_set_io_events(c->io, events) : 0;
}

static int command_new(uint64_t id, json_t *request, const int *fds, size_t n_fds, QmpCommand **ret) {
        _cleanup_(command_freep) QmpCommand *m = NULL;
        char *line;

        m = calloc(1, sizeof(*m));
        if (!m)
                return -ENOMEM;
        m->id = id;
        if (json_object_set_new(request, "id", json_integer((json_int_t) id)) < 0)
                return -ENOMEM;
        m->text = json_dumps(request, JSON_COMPACT);
        if (!m->text)
                return -ENOMEM;
        m->len = strlen(m->text) + 1;
        line = realloc(m->text, m->len + 1);
        if (!line)
                return -ENOMEM;
        m->text = line;
        strcpy(line + m->len - 1, "\n");

        for (; m->n_fds < n_fds; m->n_fds++) {
                m->fds[m->n_fds] = fcntl(fds[m->n_fds], F_DUPFD_CLOEXEC, 3);
                if (m->fds[m->n_fds] < 0)
                        return -errno;
        }
        *ret = TAKE_PTR(m);
        return 0;
}

int qmp_execute_object(QmpClient *c, json_t *request, const int *fds, size_t n_fds,
                       QmpReply reply, void *userdata, uint64_t *ret_id) {
        QmpCommand *m = NULL;
        int r;

        if (c->state == QMP_CLOSED)
                r = -ENOTCONN;
        else if (!json_is_object(request) || n_fds > QMP_FDS_MAX)
                r = -EINVAL;
        else if (c->n_commands >= QMP_QUEUE_MAX)
                r = -ENOBUFS;
        else
                r = command_new(c->next_id, request, fds, n_fds, &m);
        json_decref(request);
        if (r < 0)
                return r;

        c->next_id++;
        m->reply = reply;
        m->userdata = userdata;
        *c->last = m;
        c->last = &m->next;
        c->n_commands++;
        if (ret_id)
                *ret_id = m->id;

        /* A broken connection shows when it is read: the callback must not run before we returned. */
        (void) client_flush(c);
        return 0;
}

int qmp_execute(QmpClient *c, const char *command, json_t *arguments, const int *fds, size_t n_fds,
                QmpReply reply, void *userdata, uint64_t *ret_id) {
        json_t *request;

        request = arguments ? json_pack("{s:s,s:o}", "execute", command, "arguments", arguments)
                            : json_pack("{s:s}", "execute", command);
        if (!request)
                return -ENOMEM;
        return qmp_execute_object(c, request, fds, n_fds, reply, userdata, ret_id);
}

void qmp_cancel(QmpClient *c, uint64_t id) {
        for (QmpCommand *m = c->first; m; m = m->next)
                if (m->id == id)
                        m->reply = NULL;
}

/* --- reading --- */

static void negotiated(QmpClient *c, const QmpResult *result, void *userdata) {
        if (result->r < 0) {
                client_close(c, result->r == -EREMOTEIO ? -EPROTO : result->r, true);
                return;
        }
        c->state = QMP_READY;
        (void) client_flush(c);
        if (c->handler && c->handler->ready)
                c->handler->ready(c, c->userdata);
}

/* The handshake was queued, as id 0, when the client was made. */
static int handle_greeting(QmpClient *c, json_t *message) {
        if (!json_is_object(json_object_get(message, "QMP")))
                return -EPROTO;
        c->state = QMP_NEGOTIATING;
        return client_flush(c);
}

static void handle_event(QmpClient *c, const char *name, json_t *message) {
        json_t *time = json_object_get(message, "timestamp"), *data = json_object_get(message, "data");
        _cleanup_(json_decrefp) json_t *none = NULL;
        json_int_t seconds = json_integer_value(json_object_get(time, "seconds"));
        json_int_t micros = json_integer_value(json_object_get(time, "microseconds"));
        uint64_t usec = 0;

        if (!c->handler || !c->handler->event)
                return;
        if (!json_is_object(data)) {
                data = none = json_object();
                if (!none)
                        return;
        }
        /* QEMU says -1 where the host has no clock. */
        if (seconds >= 0 && micros >= 0)
                usec = (uint64_t) seconds * 1000000U + (uint64_t) micros;
        c->handler->event(c, name, data, usec, c->userdata);
}

static int handle_reply(QmpClient *c, json_t *message) {
        json_t *id = json_object_get(message, "id"), *error = json_object_get(message, "error");
        QmpResult result = { .ret = json_object_get(message, "return") };
        QmpCommand *m;

        if (!result.ret && !json_is_object(error))
                return -EPROTO;
        if (!json_is_integer(id) || json_integer_value(id) < 0)
                return 0; /* QEMU could not read our command: there is none to answer */
        m = command_take(c, (uint64_t) json_integer_value(id));
        if (!m)
                return 0;
        if (!result.ret) {
                result.r = -EREMOTEIO;
                result.class = json_string_value(json_object_get(error, "class"));
                result.desc = json_string_value(json_object_get(error, "desc"));
                if (!result.class)
                        result.class = "GenericError";
                if (!result.desc)
                        result.desc = "no reason given";
        }
        command_finish(c, m, &result);
        return 0;
}

/* QEMU writes unsigned numbers of 64 bits, all ones for "not known"; jansson has signed ones. Of those that it refuses,
 * all ones becomes -1, and what is between is as large as it can be. */
static void fold_unsigned(char *line, size_t len) {
        bool quoted = false;

        for (size_t i = 0; i < len; i++) {
                char number[21];
                uint64_t v;
                size_t n;

                if (line[i] == '"')
                        quoted = !quoted;
                else if (line[i] == '\\' && quoted)
                        i++;
                if (quoted)
                        continue;
                for (n = 0; i + n < len && line[i + n] >= '0' && line[i + n] <= '9'; n++)
                        ;
                if (n == 0)
                        continue;
                if (n >= 19 && n < sizeof(number) && (i == 0 || line[i - 1] != '-')) {
                        memcpy(number, line + i, n);
                        number[n] = '\0';
                        errno = 0;
                        v = strtoull(number, NULL, 10);
                        if (errno == 0 && v > INT64_MAX) {
                                const char *folded = v == UINT64_MAX ? "-1" : "9223372036854775807";

                                memset(line + i, ' ', n);
                                memcpy(line + i, folded, strlen(folded));
                        }
                }
                i += n - 1;
        }
}

static json_t *parse_message(const char *line, size_t len) {
        _cleanup_free_ char *copy = NULL;
        json_error_t e;
        json_t *message;

        message = json_loadb(line, len, JSON_ALLOW_NUL, &e);
        if (message || json_error_code(&e) != json_error_numeric_overflow)
                return message;
        copy = malloc(len);
        if (!copy)
                return NULL;
        memcpy(copy, line, len);
        fold_unsigned(copy, len);
        return json_loadb(copy, len, JSON_ALLOW_NUL, &e);
}

static int handle_message(QmpClient *c, const char *line, size_t len) {
        _cleanup_(json_decrefp) json_t *message = NULL;
        const char *event;

        if (!json_text_fits(line, len, QMP_TOKENS_MAX, QMP_DEPTH_MAX))
                return -EMSGSIZE;
        message = parse_message(line, len);
        if (!json_is_object(message))
                return -EBADMSG;
        event = json_string_value(json_object_get(message, "event"));
        if (event) {
                c->n_events++;
                handle_event(c, event, message);
                return 0;
        }
        if (c->state == QMP_HELLO)
                return handle_greeting(c, message);
        return handle_reply(c, message);
}

static bool is_blank(const char *s, size_t n) {
        for (size_t i = 0; i < n; i++)
                if (s[i] != ' ' && s[i] != '\r' && s[i] != '\t')
                        return false;
        return true;
}

static int keep_rest(QmpClient *c, const char *data, size_t len) {
        char *p;

        if (len == 0)
                return 0;
        if (c->n_pending + len > QMP_MESSAGE_MAX)
                return -EMSGSIZE;
        p = realloc(c->pending, c->n_pending + len);
        if (!p)
                return -ENOMEM;
        memcpy(p + c->n_pending, data, len);
        c->pending = p;
        c->n_pending += len;
        return 0;
}

/* QEMU ends each message with a newline and writes none within one. */
int qmp_client_feed(QmpClient *c, const char *data, size_t len) {
        _cleanup_(client_unrefp) _unused_ QmpClient *hold = client_ref(c);
        const char *end;
        int r;

        while (c->state != QMP_CLOSED && (end = memchr(data, '\n', len))) {
                _cleanup_free_ char *whole = NULL;
                const char *line = data;
                size_t n = (size_t) (end - data);

                len -= n + 1;
                data = end + 1;
                if (c->n_pending > 0) {
                        r = keep_rest(c, line, n);
                        if (r < 0)
                                return r;
                        line = whole = TAKE_PTR(c->pending);
                        n = TAKE_GENERIC(c->n_pending, 0);
                } else if (n > QMP_MESSAGE_MAX)
                        return -EMSGSIZE;
                if (is_blank(line, n))
                        continue;
                r = handle_message(c, line, n);
                if (r < 0)
                        return r;
        }
        return c->state == QMP_CLOSED ? 0 : keep_rest(c, data, len);
}

/* Most messages are small, and what is read is handled at once, while everybody else waits: only for one that is large
 * more is taken. */
static int client_read(QmpClient *c) {
        char buffer[32 * 1024];
        ssize_t n;
        int r;

        n = recv(c->fd, buffer, c->n_pending < SMALL_READ ? SMALL_READ : sizeof(buffer), MSG_DONTWAIT);
        if (n < 0)
                return errno == EAGAIN || errno == EINTR ? 1 : -errno;
        if (n == 0)
                return 0;
        c->n_bytes += (size_t) n;
        r = qmp_client_feed(c, buffer, (size_t) n);
        return r < 0 ? r : 1;
}

static int on_next_window(sd_event_source *s, uint64_t usec, void *userdata) {
        QmpClient *c = userdata;

        c->next_window = sd_event_source_disable_unref(c->next_window);
        (void) sd_event_source_set_enabled(c->io, SD_EVENT_ON);
        return 0;
}

/* Before a read: what was read in a window that is over does not count any more. */
static void begin_window(QmpClient *c) {
        uint64_t now;

        if (sd_event_now(sd_event_source_get_event(c->io), CLOCK_MONOTONIC, &now) < 0 || now - c->window < WINDOW_USEC)
                return;
        c->window = now;
        c->n_bytes = c->n_events = 0;
}

static void keep_within_budget(QmpClient *c) {
        sd_event *event = sd_event_source_get_event(c->io);

        if (!c->next_window && (c->n_bytes > WINDOW_BYTES || c->n_events > WINDOW_EVENTS) &&
            sd_event_add_time(event, &c->next_window, CLOCK_MONOTONIC, c->window + WINDOW_USEC, 0, on_next_window, c) >=
                    0)
                (void) sd_event_source_set_enabled(c->io, SD_EVENT_OFF);
}

static int on_io(sd_event_source *s, int fd, uint32_t revents, void *userdata) {
        QmpClient *c = userdata;
        _cleanup_(client_unrefp) _unused_ QmpClient *hold = client_ref(c);
        int r = 1;

        begin_window(c);
        if (revents & (EPOLLIN | EPOLLHUP | EPOLLERR))
                r = client_read(c);
        if (r > 0 && c->state != QMP_CLOSED && revents & EPOLLOUT) {
                r = client_flush(c);
                r = r < 0 ? r : 1;
        }
        /* QEMU that was killed leaves ECONNRESET where it owed us bytes: as orderly as EOF. */
        if (r <= 0)
                client_close(c, r == -ECONNRESET ? 0 : r, true);
        else if (c->state != QMP_CLOSED)
                keep_within_budget(c);
        return 0;
}

bool qmp_client_is_ready(const QmpClient *c) {
        return c && c->state == QMP_READY;
}

int qmp_client_new(sd_event *event, int fd, const QmpHandler *handler, void *userdata, QmpClient **ret) {
        _cleanup_(qmp_client_freep) QmpClient *c = NULL;
        int r;

        c = calloc(1, sizeof(*c));
        if (!c) {
                close(fd);
                return -ENOMEM;
        }
        c->n_ref = 1;
        c->fd = fd;
        c->userdata = userdata;
        c->last = &c->first;

        r = sd_event_add_io(event, &c->io, fd, EPOLLIN, on_io, c);
        if (r < 0)
                return r;
        (void) sd_event_source_set_description(c->io, "qmp");
        r = qmp_execute(c, "qmp_capabilities", NULL, NULL, 0, negotiated, NULL, NULL);
        if (r < 0)
                return r;
        c->handler = handler;
        *ret = TAKE_PTR(c);
        return 0;
}

/* Root listens at sockets that QEMU was handed, and nobody but root makes files that are root's. */
static int connect_to_roots(int dir_fd, const char *name) {
        struct stat st;

        if (fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
                return -errno;
        return st.st_uid == 0 ? unix_connect_in(dir_fd, name, SOCK_STREAM | SOCK_NONBLOCK, 0) : -EPERM;
}

int qmp_connect(int dir_fd, const char *name, uid_t uid, int *ret_fd, pid_t *ret_pid) {
        _cleanup_close_ int fd = unix_connect_in(dir_fd, name, SOCK_STREAM | SOCK_NONBLOCK, uid);
        struct ucred peer;
        socklen_t len = sizeof(peer);

        if (fd == -EPERM && !ret_pid)
                fd = connect_to_roots(dir_fd, name);
        if (fd < 0)
                return fd;
        if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) < 0)
                return -errno;
        *ret_fd = TAKE_FD(fd);
        if (ret_pid)
                *ret_pid = peer.pid;
        return 0;
}
