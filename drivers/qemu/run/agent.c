/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <sys/epoll.h>
#include <sys/socket.h>

#include "base/strings.h"
#include "guest/live.h"
#include "run/agent-reader.h"
#include "run/agent.h"
#include "run/channel.h"
#include "run/monitor.h"

#define SYNC_SECONDS 5U
#define SYNC_BYTES (4U * 1024U * 1024U) /* of what an agent may say before it answers to our number */
#define USEC 1000000U
#define LOCK_USEC (30U * USEC)
#define LOOK_USEC (100U * 1000U)

/* One connection, for one command. */
typedef struct Session {
        Guest *guest;
        int fd;
        uint64_t deadline;      /* of the step that it is at, CLOCK_MONOTONIC */
        size_t n_bytes;         /* read so far */
        AgentReader reader;
        bool (*done)(const Guest *g);
} Session;

static void session_done(Session *s) {
        agent_reader_done(&s->reader);
        if (s->fd >= 0)
                close(s->fd);
}

static uint64_t now_usec(void) {
        struct timespec t;

        (void) clock_gettime(CLOCK_MONOTONIC, &t);
        return (uint64_t) t.tv_sec * USEC + (uint64_t) t.tv_nsec / 1000U;
}

/* --- is there one? --- */

static const xmlNode *channel_of(const Definition *d) {
        XML_FOREACH(channel, definition_devices(d), "channel")
                if (xml_attr_is(xml_child(channel, "target"), "name", AGENT_CHANNEL))
                        return channel;
        return NULL;
}

static int check(Guest *g, Definition **ret, Error *e) {
        _cleanup_definition_ Definition *d = NULL;
        int r;

        if (!guest_is_active(g) || !g->run)
                return object_error_inactive(&g->object, e);
        if (g->state != GUEST_RUNNING)
                return object_refuse(&g->object, e, "domain is not running");
        r = object_load(&g->object, OBJECT_LIVE, &d, e);
        if (r < 0)
                return r;
        if (!channel_of(d))
                return error_set(e, -EOPNOTSUPP, ERROR_ARGUMENT_UNSUPPORTED, ORIGIN_QEMU,
                                 "QEMU guest agent is not configured");
        if (!g->run->agent_open)
                return error_set(e, -ENOTCONN, ERROR_AGENT_UNRESPONSIVE, ORIGIN_QEMU,
                                 "QEMU guest agent is not connected");
        if (ret)
                *ret = TAKE_PTR(d);
        return 0;
}

int guest_check_agent(Guest *g, Error *e) {
        return check(g, NULL, e);
}

bool guest_has_agent(Guest *g) {
        return check(g, NULL, NULL) >= 0;
}

/* --- the connection --- */

static int session_open(Session *s, const Definition *d, Error *e) {
        const xmlNode *channel = channel_of(d);
        const char *path = xml_get(channel, "source/@path");

        if (!path || !xml_attr_is(channel, "type", "unix") ||
            xml_attr_is(xml_child(channel, "source"), "mode", "connect"))
                return error_set(e, -EOPNOTSUPP, ERROR_AGENT_UNRESPONSIVE, ORIGIN_QEMU,
                                 "the channel of the guest agent is not a socket that can be connected to");
        s->fd = guest_connect_channel(s->guest, path);
        if (s->fd < 0)
                return error_set(e, s->fd, ERROR_AGENT_UNRESPONSIVE, ORIGIN_QEMU,
                                 "cannot connect to the guest agent's channel: %s", strerror(-s->fd));
        return 0;
}

static int lost(const Session *s, Error *e) {
        if (!guest_is_active(s->guest))
                return object_error_inactive(&s->guest->object, e);
        return error_set(e, -ECONNRESET, ERROR_AGENT_UNRESPONSIVE, ORIGIN_QEMU,
                         "guest agent disappeared while executing command");
}

static bool is_done(const Session *s) {
        return s->done && s->done(s->guest);
}

/* 1: something can be read. 0: the command needs no answer any more. -ETIMEDOUT. */
static int session_wait(Session *s) {
        for (;;) {
                uint64_t now = now_usec(), left;
                int r;

                if (is_done(s))
                        return 0;
                left = now < s->deadline ? s->deadline - now : 0;
                r = fiber_wait_fd(s->fd, EPOLLIN, s->done ? MIN(left, (uint64_t) LOOK_USEC) : left);
                if (r > 0)
                        return 1;
                if (r != -ETIMEDOUT || now_usec() >= s->deadline)
                        return r == 0 ? -EIO : r;
        }
}

/* The next message: 1; 0 where none is needed any more. */
static int session_read(Session *s, json_t **ret) {
        char buffer[32U * 1024U];
        int r;

        for (;;) {
                ssize_t n;

                r = agent_reader_next(&s->reader, ret);
                if (r != 0)
                        return r;
                r = session_wait(s);
                if (r <= 0)
                        return r;
                n = read(s->fd, buffer, sizeof(buffer));
                if (n < 0 && errno != EAGAIN && errno != EINTR)
                        return -errno;
                if (n == 0)
                        return -ECONNRESET;
                s->n_bytes += n > 0 ? (size_t) n : 0;
                r = n > 0 ? agent_reader_add(&s->reader, buffer, (size_t) n) : 0;
                /* One that writes without end shall not keep the others waiting. */
                if (r >= 0)
                        r = fiber_yield();
                if (r < 0)
                        return r;
        }
}

static int session_write(Session *s, const char *before, const json_t *request) {
        _cleanup_free_ char *text = json_dumps(request, JSON_COMPACT), *line = NULL;
        uint64_t now = now_usec();

        line = text ? text_format("%s%s\n", before, text) : NULL;
        if (!line)
                return -ENOMEM;
        return fiber_write_all(s->fd, line, strlen(line), now < s->deadline ? s->deadline - now : 0);
}

/* --- a command --- */

/* What an earlier command or client has left is read until the agent answers to a number that nobody has used. */
static int wait_for_number(Session *s, json_int_t number) {
        while (s->n_bytes < SYNC_BYTES) {
                _cleanup_(json_decrefp) json_t *m = NULL;
                json_t *value;
                int r = session_read(s, &m);

                if (r == -EBADMSG)
                        continue;
                if (r < 0)
                        return r;
                value = json_object_get(m, "return");
                if (json_is_integer(value) && json_integer_value(value) == number)
                        return 0;
        }
        return -EMSGSIZE;
}

static int synchronise(Session *s, unsigned seconds, Error *e) {
        _cleanup_(json_decrefp) json_t *request = NULL;
        json_int_t number = (json_int_t) (now_usec() & INT32_MAX);
        int r;

        request = json_pack("{s:s,s:{s:I}}", "execute", "guest-sync-delimited", "arguments", "id", number);
        if (!request)
                return -ENOMEM;
        s->deadline = now_usec() + (uint64_t) seconds * USEC;
        /* the byte ends what an earlier client has half sent */
        r = session_write(s, "\xff", request);
        if (r >= 0)
                r = wait_for_number(s, number);
        if (r == -ETIMEDOUT)
                return error_set(e, r, ERROR_AGENT_UNRESPONSIVE, ORIGIN_QEMU,
                                 "guest agent didn't respond to synchronization within '%u' seconds", seconds);
        if (r == -EMSGSIZE)
                return error_set(e, r, ERROR_AGENT_UNRESPONSIVE, ORIGIN_QEMU,
                                 "guest agent writes without end and does not answer");
        return r < 0 && r != -ECANCELED ? lost(s, e) : r;
}

static int refused(const char *command, json_t *error, Error *e) {
        const char *class = json_string_value(json_object_get(error, "class"));
        const char *desc = json_string_value(json_object_get(error, "desc"));
        bool unknown = class && (streq(class, "CommandNotFound") || streq(class, "CommandDisabled"));

        if (desc && (strstr(desc, "this feature or command is not currently supported") ||
                     strstr(desc, "is not supported")))
                unknown = true;
        return error_set(e, unknown ? -EOPNOTSUPP : -EREMOTEIO, ERROR_AGENT_COMMAND_FAILED, ORIGIN_QEMU,
                         "unable to execute QEMU agent command '%s': %.1000s", command,
                         desc ?: class ?: "no reason given");
}

static int take_answer(const char *command, json_t *message, bool whole, json_t **ret, Error *e) {
        json_t *error = json_object_get(message, "error"), *value = json_object_get(message, "return");

        if (error)
                return refused(command, error, e);
        if (!value)
                return error_set(e, -EBADMSG, ERROR_INTERNAL, ORIGIN_QEMU,
                                 "unable to execute QEMU agent command '%s': the answer has no result", command);
        if (ret)
                *ret = json_incref(whole ? message : value);
        return 0;
}

static int error_no_answer(const Session *s, const char *command, unsigned seconds, int r, Error *e) {
        switch (r) {
        case -ETIMEDOUT:
                return error_set(e, r, ERROR_AGENT_UNRESPONSIVE, ORIGIN_QEMU,
                                 "guest agent didn't respond to command within '%u' seconds", seconds);
        case -EBADMSG:
                return error_set(e, r, ERROR_INTERNAL, ORIGIN_QEMU,
                                 "cannot parse the guest agent's answer to '%s'", command);
        case -EMSGSIZE:
                return error_set(e, r, ERROR_INTERNAL, ORIGIN_QEMU,
                                 "the guest agent's answer to '%s' is too long or too deep", command);
        case -ECANCELED:
        case -ENOMEM:
                return r;
        default:
                return lost(s, e);
        }
}

typedef struct AgentCommand {
        json_t *request;
        unsigned seconds, sync_seconds;
        bool (*done)(const Guest *g);
        bool whole;
} AgentCommand;

static int run_command(Guest *g, const Definition *d, const AgentCommand *c, json_t **ret, Error *e) {
        _cleanup_(session_done) Session s = { .guest = g, .fd = -EBADF };
        const char *command = json_string_value(json_object_get(c->request, "execute"));
        _cleanup_(json_decrefp) json_t *message = NULL;
        int r;

        r = session_open(&s, d, e);
        if (r >= 0)
                r = synchronise(&s, c->sync_seconds, e);
        if (r < 0)
                return r;
        s.done = c->done;
        s.deadline = now_usec() + (uint64_t) c->seconds * USEC;
        r = session_write(&s, "", c->request);
        if (r >= 0)
                r = session_read(&s, &message);
        if (r < 0 && is_done(&s))
                return 0;
        if (r < 0)
                return error_no_answer(&s, command, c->seconds, r, e);
        return r == 0 ? 0 : take_answer(command, message, c->whole, ret, e);
}

/* request is taken. */
static int ask(Guest *g, const AgentCommand *c, json_t **ret, Error *e) {
        _cleanup_(json_decrefp) json_t *request = c->request;
        _cleanup_guest_ Guest *hold = guest_ref(g);
        _cleanup_definition_ Definition *d = NULL;
        int r;

        if (!request)
                return -ENOMEM;
        r = check(g, &d, e);
        if (r < 0)
                return r;
        r = fiber_lock(&hold->agent_lock, LOCK_USEC);
        if (r == -ETIMEDOUT)
                return error_set(e, r, ERROR_OPERATION_TIMEOUT, ORIGIN_QEMU,
                                 "cannot ask the guest agent of domain '%s': another call waits for its answer",
                                 g->object.name);
        if (r < 0)
                return r;
        /* it may have gone while we waited */
        r = check(g, NULL, e);
        if (r >= 0)
                r = run_command(g, d, c, ret, e);
        fiber_unlock(&hold->agent_lock);
        return r;
}

static json_t *request_of(const char *command, json_t *arguments) {
        return arguments ? json_pack("{s:s,s:o}", "execute", command, "arguments", arguments)
                         : json_pack("{s:s}", "execute", command);
}

/* What a client has said about this guest goes before what a command usually takes. */
static AgentCommand command_of(const Guest *g, unsigned seconds) {
        AgentCommand c = { .seconds = seconds, .sync_seconds = SYNC_SECONDS };

        if (g->agent_timeout == AGENT_TIMEOUT_DEFAULT)
                c.seconds = SYNC_SECONDS;
        else if (g->agent_timeout >= 0) {
                c.seconds = (unsigned) g->agent_timeout;
                c.sync_seconds = MIN(c.seconds, SYNC_SECONDS);
        }
        return c;
}

int guest_agent(Guest *g, const char *command, json_t *arguments, unsigned seconds, json_t **ret, Error *e) {
        AgentCommand c = command_of(g, seconds);

        c.request = request_of(command, arguments);
        return ask(g, &c, ret, e);
}

int guest_agent_until(Guest *g, const char *command, json_t *arguments, unsigned seconds,
                      bool (*done)(const Guest *g), Error *e) {
        AgentCommand c = command_of(g, seconds);

        c.request = request_of(command, arguments);
        c.done = done;
        return ask(g, &c, NULL, e);
}

int guest_agent_request(Guest *g, json_t *request, int timeout, json_t **ret, Error *e) {
        AgentCommand c = { .request = request, .seconds = AGENT_LONG, .sync_seconds = SYNC_SECONDS, .whole = true };

        if (timeout == AGENT_TIMEOUT_DEFAULT)
                c.seconds = SYNC_SECONDS;
        else if (timeout >= 0) {
                c.seconds = (unsigned) timeout;
                c.sync_seconds = MIN(c.seconds, SYNC_SECONDS);
        }
        return ask(g, &c, ret, e);
}
