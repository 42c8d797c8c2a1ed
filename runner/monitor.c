/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <sys/socket.h>

#include "base/fds.h"
#include "base/strings.h"
#include "run.h"

/* No answer that vm-run asks for comes near. */
#define MESSAGE_MAX (1024U * 1024U)

static void send_next(Run *run) {
        Monitor *m = &run->monitor;
        const char *p;
        size_t n;

        if (m->sent || m->n_queue == 0 || m->fd < 0 || !m->greeted)
                return;
        p = m->queue[0].text;
        n = strlen(p);
        while (n > 0) {
                ssize_t k = send_fds(m->fd, p, n, &m->queue[0].fd, m->queue[0].fd >= 0, 0);

                if (k == -EINTR)
                        continue;
                if (k < 0)
                        return; /* the end of the connection tells */
                closep(&m->queue[0].fd);
                m->queue[0].fd = -EBADF;
                p += k;
                n -= (size_t) k;
        }
        m->sent = true;
}

int monitor_send_fd(Run *run, const char *json, int fd, ReplyFunction reply) {
        _cleanup_close_ int owned = fd;
        Monitor *m = &run->monitor;
        char *text;

        if (m->n_queue == COMMANDS_MAX)
                return -ENOBUFS;
        text = strdup(json);
        if (!text)
                return -ENOMEM;
        m->queue[m->n_queue++] = (Command) { text, TAKE_FD(owned), reply };
        send_next(run);
        return 0;
}

int monitor_send(Run *run, const char *json, ReplyFunction reply) {
        return monitor_send_fd(run, json, -EBADF, reply);
}

int monitor_execute(Run *run, const char *command, ReplyFunction reply) {
        char json[128];

        (void) snprintf(json, sizeof json, "{\"execute\":\"%s\"}\n", command);
        return monitor_send(run, json, reply);
}

static void take_reply(Run *run, const json_t *message) {
        Monitor *m = &run->monitor;
        const char *error;
        Command c;

        if (!m->sent)
                return;
        c = m->queue[0];
        m->n_queue--;
        memmove(m->queue, m->queue + 1, m->n_queue * sizeof(Command));
        m->sent = false;
        error = json_string_value(json_object_get(json_object_get(message, "error"), "desc"));
        if (c.reply)
                c.reply(run, json_object_get(message, "return"), error);
        free(c.text);
        send_next(run);
}

static void take_message(Run *run, const char *text, size_t len) {
        json_t *message = json_loadb(text, len, 0, NULL);
        const char *event = json_string_value(json_object_get(message, "event"));

        if (event)
                run_event(run, event, json_object_get(message, "data"));
        else if (json_object_get(message, "QMP")) {
                run->monitor.greeted = true;
                run_greeted(run);
        } else if (message)
                take_reply(run, message);
        json_decref(message);
}

static bool reserve(Monitor *m) {
        size_t size = m->size ? m->size * 2 : 4096;
        char *p;

        if (m->size - m->len >= 2048)
                return true;
        p = size <= MESSAGE_MAX ? realloc(m->buffer, size) : NULL;
        if (!p)
                return false;
        m->buffer = p;
        m->size = size;
        return true;
}

void monitor_read(Run *run) {
        Monitor *m = &run->monitor;
        char *end;
        ssize_t n;

        if (!reserve(m)) {
                run_monitor_closed(run);
                return;
        }
        n = recv(m->fd, m->buffer + m->len, m->size - m->len, MSG_DONTWAIT);
        if (n < 0 && (errno == EAGAIN || errno == EINTR))
                return;
        if (n <= 0) {
                run_monitor_closed(run);
                return;
        }
        m->len += (size_t) n;
        while (m->fd >= 0 && (end = memchr(m->buffer, '\n', m->len))) {
                size_t k = (size_t) (end - m->buffer) + 1;

                take_message(run, m->buffer, k);
                m->len -= k;
                memmove(m->buffer, m->buffer + k, m->len);
        }
}

void monitor_done(Monitor *m) {
        if (m->fd >= 0)
                close(m->fd);
        m->fd = -EBADF;
        for (size_t i = 0; i < m->n_queue; i++) {
                free(m->queue[i].text);
                closep(&m->queue[i].fd);
        }
        m->n_queue = 0;
        m->sent = false;
        free(m->buffer);
        m->buffer = NULL;
        m->len = m->size = 0;
}
