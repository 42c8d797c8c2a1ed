/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* QEMUs that answer on their QMP socket and nothing more. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>

#include <cmocka.h>

#include "base/strings.h"
#include "test-host.h"

struct FakeQemu {
        FakeQemu *next;
        TestHost *host;
        char *name;
        int listener, fd;
        pid_t pid;              /* who listens, for those who ask: a process that can end */
        sd_event_source *accept_source, *read_source;
        const char *status;
        char line[4096];
        size_t n;
        const char *command;    /* that is being answered */
        int owed[16];           /* commands that it has not answered */
        size_t n_owed;
};

static void qemu_write(FakeQemu *q, const char *text) {
        assert_int_equal(write(q->fd, text, strlen(text)), strlen(text));
}

static void qemu_event(FakeQemu *q, const char *name) {
        char text[128];

        snprintf(text, sizeof(text), "{\"event\": \"%s\", \"timestamp\": {\"seconds\": 1, \"microseconds\": 2}}\r\n",
                 name);
        qemu_write(q, text);
}

static void qemu_reply(FakeQemu *q, json_t *id, const char *value) {
        _cleanup_free_ char *lie = q->host->lie ? q->host->lie(q->command, q->host->liar) : NULL, *text = NULL;

        assert_true(asprintf(&text, "{%s%s, \"id\": %i}\r\n", lie ? "" : "\"return\": ", lie ? lie : value,
                             (int) json_integer_value(id)) > 0);
        qemu_write(q, text);
}

static void qemu_refuse(FakeQemu *q, json_t *id) {
        char text[256];

        snprintf(text, sizeof(text), "{\"error\": {\"class\": \"GenericError\", \"desc\": \"no\"}, \"id\": %i}\r\n",
                 (int) json_integer_value(id));
        qemu_write(q, text);
}

/* Those about devices; false: it is another one. */
static bool qemu_device_command(FakeQemu *q, json_t *m, const char *command, json_t *id) {
        static const struct {
                const char *command, *answer;
        } answers[] = {
                { "query-version", "{\"qemu\": {\"major\": 10, \"minor\": 0, \"micro\": 2}, \"package\": \"\"}" },
                { "query-fdsets", "[]" },
                { "query-named-block-nodes", "[]" },
        };
        char text[256];

        for (size_t i = 0; i < ELEMENTSOF(answers); i++)
                if (streq(answers[i].command, command)) {
                        qemu_reply(q, id, answers[i].answer);
                        return true;
                }
        if (streq(command, "qom-list")) {
                qemu_reply(q, id, q->host->peripherals ? q->host->peripherals : "[]");
                return true;
        }
        if (streq(command, "query-hotpluggable-cpus") && q->host->places) {
                qemu_reply(q, id, q->host->places);
                return true;
        }
        if (streq(command, "closefd")) {
                qemu_refuse(q, id);
                return true;
        }
        if (streq(command, "device_del") && !q->host->slow_unplug) {
                snprintf(text, sizeof(text),
                         "{\"event\": \"DEVICE_DELETED\", \"data\": {\"device\": \"%s\", \"path\": \"/\"}, "
                         "\"timestamp\": {\"seconds\": 1, \"microseconds\": 2}}\r\n",
                         json_string_value(json_object_get(json_object_get(m, "arguments"), "id")));
                qemu_write(q, text);
        }
        return false;
}

const char *test_commands(TestHost *h) {
        static char text[sizeof(h->commands)];

        strcpy(text, h->commands);
        h->commands[0] = 0;
        return text;
}

static void qemu_command(FakeQemu *q, const char *line) {
        _cleanup_(json_decrefp) json_t *m = json_loads(line, 0, NULL);
        const char *command = json_string_value(json_object_get(m, "execute"));
        json_t *id = json_object_get(m, "id");

        assert_non_null(command);
        q->command = command;
        if (q->host->hear)
                q->host->hear(m, q->host->userdata);
        if (q->host->silent) {
                if (q->n_owed < ELEMENTSOF(q->owed))
                        q->owed[q->n_owed++] = (int) json_integer_value(id);
                return;
        }
        if (!startswith(command, "query-") && !streq(command, "qmp_capabilities") && !streq(command, "qom-list")) {
                size_t n = strlen(q->host->commands);

                snprintf(q->host->commands + n, sizeof(q->host->commands) - n, "%s;", command);
        }
        if (streq_ptr(q->host->refuse, command)) {
                qemu_refuse(q, id);
                return;
        }
        if (qemu_device_command(q, m, command, id))
                return;
        if (streq(command, "query-status")) {
                char text[64];

                snprintf(text, sizeof(text), "{\"status\": \"%s\"}", q->status);
                qemu_reply(q, id, text);
                return;
        }
        if (streq(command, "query-chardev")) {
                qemu_reply(q, id, q->host->chardevs ? q->host->chardevs : "[]");
                return;
        }
        if (streq(command, "stop") || streq(command, "cont")) {
                q->status = streq(command, "cont") ? "running" : "paused";
                qemu_event(q, streq(command, "cont") ? "RESUME" : "STOP");
        }
        qemu_reply(q, id, "{}");
}

static int on_qemu_read(sd_event_source *s, int fd, uint32_t revents, void *userdata) {
        FakeQemu *q = userdata;
        ssize_t n = read(fd, q->line + q->n, sizeof(q->line) - q->n - 1);
        char *end;

        if (n <= 0) {
                q->read_source = sd_event_source_disable_unref(q->read_source);
                close(TAKE_FD(q->fd));
                return 0;
        }
        q->n += (size_t) n;
        q->line[q->n] = 0;
        while ((end = strchr(q->line, '\n'))) {
                *end = 0;
                qemu_command(q, q->line);
                q->n -= (size_t) (end + 1 - q->line);
                memmove(q->line, end + 1, q->n + 1);
        }
        return 0;
}

static int on_qemu_accept(sd_event_source *s, int fd, uint32_t revents, void *userdata) {
        FakeQemu *q = userdata;

        q->fd = accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
        assert_true(q->fd >= 0);
        q->n = 0;
        assert_true(sd_event_add_io(loop_event(q->host->loop), &q->read_source, q->fd, EPOLLIN, on_qemu_read, q) >= 0);
        qemu_write(q, "{\"QMP\": {\"version\": {}, \"capabilities\": []}}\r\n");
        return 0;
}

static FakeQemu *find(TestHost *h, const char *name) {
        for (FakeQemu *q = h->qemus; q; q = q->next)
                if (streq(q->name, name))
                        return q;
        fail_msg("no QEMU of %s", name);
        return NULL;
}

void fake_qemu_free(FakeQemu *q) {
        FakeQemu **p = &q->host->qemus;

        while (*p != q)
                p = &(*p)->next;
        *p = q->next;
        sd_event_source_disable_unref(q->accept_source);
        sd_event_source_disable_unref(q->read_source);
        close(q->listener);
        if (q->fd >= 0)
                close(q->fd);
        (void) kill(q->pid, SIGKILL);
        (void) waitpid(q->pid, NULL, 0);
        free(q->name);
        free(q);
}

void fake_qemu_kill(TestHost *h, const char *name) {
        fake_qemu_free(find(h, name));
}

/* The states that it goes to by itself. */
static const char *status_after(const char *message, const char *before) {
        static const struct {
                const char *event, *status;
        } statuses[] = {
                { "'SUSPEND'", "suspended" },
                { "'WAKEUP'", "running" },
                { "'GUEST_PANICKED'", "guest-panicked" },
        };

        for (size_t i = 0; i < ELEMENTSOF(statuses); i++)
                if (strstr(message, statuses[i].event))
                        return statuses[i].status;
        return before;
}

void test_qemu_say(TestHost *h, const char *name, const char *message) {
        _cleanup_free_ char *text = NULL;

        find(h, name)->status = status_after(message, find(h, name)->status);
        assert_true(asprintf(&text, "%s\r\n", message) > 0);
        for (char *p = text; *p; p++)
                *p = *p == '\'' ? '"' : *p;
        qemu_write(find(h, name), text);
        test_pump(h);
}

void test_qemu_catch_up(TestHost *h, const char *name) {
        FakeQemu *q = find(h, name);
        char text[64];

        h->silent = false;
        for (size_t i = 0; i < q->n_owed; i++) {
                snprintf(text, sizeof(text), "{\"return\": {}, \"id\": %i}\r\n", q->owed[i]);
                qemu_write(q, text);
        }
        q->n_owed = 0;
        test_pump(h);
}

void test_qemu_hide(TestHost *h, const char *name) {
        FakeQemu *q = find(h, name);

        q->accept_source = sd_event_source_disable_unref(q->accept_source);
        q->read_source = sd_event_source_disable_unref(q->read_source);
        (void) shutdown(q->listener, SHUT_RDWR);
        close(TAKE_FD(q->fd));
        test_pump(h);
}

void test_qemu_close(TestHost *h, const char *name) {
        fake_qemu_kill(h, name);
        test_pump(h);
}

/* The peer of a socket is who called listen(). */
static pid_t listen_in_child(int fd) {
        int ready[2];
        pid_t pid;
        char c;

        assert_int_equal(pipe(ready), 0);
        pid = fork();
        assert_true(pid >= 0);
        if (pid == 0) {
                (void) prctl(PR_SET_PDEATHSIG, SIGKILL);
                if (listen(fd, 5) < 0 || write(ready[1], "x", 1) != 1)
                        _exit(1);
                close(fd);
                for (;;)
                        pause();
        }
        assert_int_equal(read(ready[0], &c, 1), 1);
        close(ready[0]);
        close(ready[1]);
        return pid;
}

void fake_qemu_new(TestHost *h, const char *name, const char *socket_path, bool running) {
        FakeQemu *q = calloc(1, sizeof(*q));
        struct sockaddr_un address = { .sun_family = AF_UNIX };

        assert_non_null(q);
        q->host = h;
        q->name = strdup(name);
        q->fd = -EBADF;
        q->status = running ? "running" : "prelaunch";
        q->next = h->qemus;
        h->qemus = q;
        strcpy(address.sun_path, socket_path);
        (void) unlink(socket_path);
        q->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        assert_int_equal(bind(q->listener, (struct sockaddr *) &address, sizeof(address)), 0);
        q->pid = listen_in_child(q->listener);
        assert_true(sd_event_add_io(loop_event(h->loop), &q->accept_source, q->listener, EPOLLIN, on_qemu_accept, q) >=
                    0);
}
