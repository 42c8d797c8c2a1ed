/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A QMP client against a peer that the test plays itself, on a socket pair. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <cmocka.h>

#include "base/strings.h"
#include "run/qmp.h"

#define GREETING \
        "{\"QMP\": {\"version\": {\"qemu\": {\"micro\": 22, \"minor\": 2, \"major\": 7}}, \"capabilities\": []}}\r\n"

typedef struct Fixture {
        sd_event *event;
        QmpClient *client;
        int peer;
        bool ready, closed;
        int close_reason;
        char *last_event;
        uint64_t event_usec;
        unsigned n_events;
        unsigned n_replies;
        int reply_r;
        char *reply;
} Fixture;

static void on_ready(QmpClient *c, void *userdata) {
        ((Fixture *) userdata)->ready = true;
}

static void on_event(QmpClient *c, const char *name, json_t *data, uint64_t usec, void *userdata) {
        Fixture *f = userdata;

        assert_true(json_is_object(data));
        free(f->last_event);
        f->last_event = strdup(name);
        f->event_usec = usec;
        f->n_events++;
}

static void on_closed(QmpClient *c, int r, void *userdata) {
        Fixture *f = userdata;

        f->closed = true;
        f->close_reason = r;
}

static const QmpHandler handler = { on_ready, on_event, on_closed };

static void on_reply(QmpClient *c, const QmpResult *result, void *userdata) {
        Fixture *f = userdata;

        f->n_replies++;
        f->reply_r = result->r;
        free(f->reply);
        f->reply = result->ret ? json_dumps(result->ret, JSON_COMPACT | JSON_ENCODE_ANY)
                               : strdup(result->desc ? result->desc : "");
}

static int setup(void **state) {
        Fixture *f = calloc(1, sizeof(*f));
        int pair[2];

        assert_non_null(f);
        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair), 0);
        assert_int_equal(sd_event_new(&f->event), 0);
        assert_int_equal(qmp_client_new(f->event, pair[0], &handler, f, &f->client), 0);
        f->peer = pair[1];
        *state = f;
        return 0;
}

static int teardown(void **state) {
        Fixture *f = *state;

        qmp_client_free(f->client);
        sd_event_unref(f->event);
        if (f->peer >= 0)
                close(f->peer);
        free(f->last_event);
        free(f->reply);
        free(f);
        return 0;
}

static void pump(Fixture *f) {
        while (sd_event_run(f->event, 0) > 0)
                ;
}

static void say(Fixture *f, const char *text) {
        assert_int_equal(write(f->peer, text, strlen(text)), strlen(text));
        pump(f);
}

/* What the client wrote since the last call. */
static const char *heard(Fixture *f) {
        static char text[64 * 1024];
        ssize_t n = read(f->peer, text, sizeof(text) - 1);

        text[n < 0 ? 0 : n] = 0;
        return text;
}

static void shake_hands(Fixture *f) {
        say(f, GREETING);
        assert_string_equal(heard(f), "{\"execute\":\"qmp_capabilities\",\"id\":0}\n");
        say(f, "{\"return\": {}, \"id\": 0}\r\n");
        assert_true(f->ready);
}

static void commands_wait_for_the_handshake(void **state) {
        Fixture *f = *state;

        assert_int_equal(qmp_execute(f->client, "stop", NULL, NULL, 0, on_reply, f, NULL), 0);
        pump(f);
        assert_string_equal(heard(f), "");
        shake_hands(f);
        assert_string_equal(heard(f), "{\"execute\":\"stop\",\"id\":1}\n");
        say(f, "{\"return\": {}, \"id\": 1}\n");
        assert_int_equal(f->n_replies, 1);
        assert_int_equal(f->reply_r, 0);
        assert_string_equal(f->reply, "{}");
}

static void replies_find_their_commands_in_any_order(void **state) {
        Fixture *f = *state;

        shake_hands(f);
        assert_int_equal(qmp_execute(f->client, "a", NULL, NULL, 0, NULL, NULL, NULL), 0);
        assert_int_equal(qmp_execute(f->client, "b", json_pack("{s:i}", "x", 3), NULL, 0, on_reply, f, NULL), 0);
        assert_string_equal(heard(f),
                            "{\"execute\":\"a\",\"id\":1}\n{\"execute\":\"b\",\"arguments\":{\"x\":3},\"id\":2}\n");
        say(f, "{\"id\": 2, \"error\": {\"class\": \"GenericError\", \"desc\": \"no such thing\"}}\n");
        assert_int_equal(f->reply_r, -EREMOTEIO);
        assert_string_equal(f->reply, "no such thing");
        say(f, "{\"id\": 1, \"return\": 5}\n{\"id\": 77, \"return\": 5}\n");
        assert_int_equal(f->n_replies, 1);
        assert_false(f->closed);
}

/* What guest-stats of a balloon looks like whose guest has no driver. */
static void unsigned_numbers_are_read(void **state) {
        Fixture *f = *state;

        shake_hands(f);
        assert_int_equal(qmp_execute(f->client, "qom-get", NULL, NULL, 0, on_reply, f, NULL), 0);
        say(f, "{\"return\": [18446744073709551615, \"18446744073709551615 \\\" 9223372036854775808\", "
               "9223372036854775808, 7,"
               " -9223372036854775808, 9223372036854775807], \"id\": 1}\n");
        assert_int_equal(f->reply_r, 0);
        assert_string_equal(f->reply, "[-1,\"18446744073709551615 \\\" 9223372036854775808\",9223372036854775807,7,"
                                      "-9223372036854775808,9223372036854775807]");
        assert_false(f->closed);
}

static void events_come_in_parts_and_with_their_time(void **state) {
        Fixture *f = *state;

        shake_hands(f);
        say(f, "{\"timestamp\": {\"seconds\": 12, \"microseconds\": 5}, \"ev");
        assert_null(f->last_event);
        say(f, "ent\": \"STOP\"}\r");
        say(f, "\n");
        assert_string_equal(f->last_event, "STOP");
        assert_int_equal(f->event_usec, 12000005);
}

static void an_end_answers_what_is_owed(void **state) {
        Fixture *f = *state;

        shake_hands(f);
        assert_int_equal(qmp_execute(f->client, "quit", NULL, NULL, 0, on_reply, f, NULL), 0);
        close(TAKE_FD(f->peer));
        pump(f);
        assert_int_equal(f->n_replies, 1);
        assert_int_equal(f->reply_r, -ECONNRESET);
        assert_true(f->closed);
        assert_int_equal(f->close_reason, 0);
        assert_int_equal(qmp_execute(f->client, "stop", json_object(), NULL, 0, on_reply, f, NULL), -ENOTCONN);
}

static void freeing_answers_what_is_owed(void **state) {
        Fixture *f = *state;

        assert_int_equal(qmp_execute(f->client, "stop", NULL, NULL, 0, on_reply, f, NULL), 0);
        f->client = qmp_client_free(f->client);
        assert_int_equal(f->n_replies, 1);
        assert_int_equal(f->reply_r, -ECANCELED);
        assert_false(f->closed);
}

static void a_cancelled_reply_is_not_delivered(void **state) {
        Fixture *f = *state;
        uint64_t id;

        shake_hands(f);
        assert_int_equal(qmp_execute(f->client, "stop", NULL, NULL, 0, on_reply, f, &id), 0);
        qmp_cancel(f->client, id);
        say(f, "{\"return\": {}, \"id\": 1}\n");
        assert_int_equal(f->n_replies, 0);
}

static void garbage_ends_the_connection(void **state) {
        static const char *const bad[] = { "hello\n", "[1]\n", "{\"return\": {}}x\n", "{\"what\": 1}\n" };

        for (size_t i = 0; i < ELEMENTSOF(bad); i++) {
                void *inner;
                Fixture *f;

                setup(&inner);
                f = inner;
                say(f, bad[i]);
                assert_true(f->closed);
                assert_true(f->close_reason < 0);
                teardown(&inner);
        }
}

static void an_endless_message_ends_the_connection(void **state) {
        Fixture *f = *state;
        _cleanup_free_ char *block = malloc(1024 * 1024);
        int r = 0;

        memset(block, 'a', 1024 * 1024);
        for (unsigned i = 0; i < 9 && r >= 0; i++)
                r = qmp_client_feed(f->client, block, 1024 * 1024);
        assert_int_equal(r, -EMSGSIZE);
}

static void a_command_too_many_is_refused(void **state) {
        Fixture *f = *state;
        int r = 0;
        unsigned n = 0;

        for (; n <= QMP_QUEUE_MAX && r >= 0; n++)
                r = qmp_execute(f->client, "stop", NULL, NULL, 0, NULL, NULL, NULL);
        assert_int_equal(r, -ENOBUFS);
}

static void descriptors_travel_with_their_command(void **state) {
        Fixture *f = *state;
        int pipe_fds[2], got;
        char text[256], space[CMSG_SPACE(sizeof(int))], byte;
        struct iovec iov = { text, sizeof(text) };
        struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1,
                              .msg_control = space, .msg_controllen = sizeof(space) };

        shake_hands(f);
        assert_int_equal(pipe2(pipe_fds, O_CLOEXEC), 0);
        assert_int_equal(qmp_execute(f->client, "getfd", json_pack("{s:s}", "fdname", "x"), pipe_fds, 1,
                                     NULL, NULL, NULL), 0);
        close(pipe_fds[0]);
        assert_true(recvmsg(f->peer, &msg, MSG_CMSG_CLOEXEC) > 0);
        assert_non_null(CMSG_FIRSTHDR(&msg));
        memcpy(&got, CMSG_DATA(CMSG_FIRSTHDR(&msg)), sizeof(got));
        assert_int_equal(write(pipe_fds[1], "!", 1), 1);
        assert_int_equal(read(got, &byte, 1), 1);
        assert_int_equal(byte, '!');
        close(got);
        close(pipe_fds[1]);
}

/* Eight megabytes of "{}," would become hundreds of megabytes of memory. */
static void a_message_of_too_many_values_ends_the_connection(void **state) {
        Fixture *f = *state;
        _cleanup_free_ char *bomb = malloc(3 * (QMP_TOKENS_MAX + 1U) + 64U);
        char *p = bomb;

        shake_hands(f);
        p += sprintf(p, "{\"event\":\"X\",\"data\":{\"a\":[");
        for (unsigned i = 0; i < QMP_TOKENS_MAX / 2; i++)
                p += sprintf(p, "{},");
        p += sprintf(p, "{}]}}\r\n");
        assert_int_equal(qmp_client_feed(f->client, bomb, (size_t) (p - bomb)), -EMSGSIZE);
        /* The same in quotes is one value. */
        p = bomb + sprintf(bomb, "{\"event\":\"X\",\"data\":{\"a\":\"");
        memset(p, ',', QMP_TOKENS_MAX + 10U);
        strcpy(p + QMP_TOKENS_MAX + 10U, "\"}}\r\n");
        assert_int_equal(qmp_client_feed(f->client, bomb, strlen(bomb)), 0);
        assert_string_equal(f->last_event, "X");
}

/* Who floods is read slowly, and not lost. */
static void a_flood_is_read_slowly(void **state) {
        static const char event[] = "{\"event\":\"E\",\"data\":{}}\r\n";
        Fixture *f = *state;
        unsigned turns = 0;
        ssize_t n = 0;

        shake_hands(f);
        for (unsigned i = 0; i < 10000; i++) {
                if (n >= 0)
                        n = write(f->peer, event, strlen(event));
                if (sd_event_run(f->event, 0) > 0)
                        turns++;
        }
        /* 10000 turns without a wait are milliseconds: two windows at most, of which each is over after one read too
         * many. */
        assert_in_range(turns, 1, 500);
        assert_false(f->closed);
        assert_int_equal(qmp_execute(f->client, "stop", NULL, NULL, 0, on_reply, f, NULL), 0);
        for (unsigned i = 0; i < 200 && !strstr(heard(f), "stop"); i++)
                (void) sd_event_run(f->event, 10000);
        assert_false(f->closed);
}

/* What is handled in one turn is what everybody else waits for. */
static void a_turn_takes_little_of_a_flood(void **state) {
        static const char event[] = "{\"event\":\"STOP\",\"data\":{}}\r\n";
        _cleanup_strbuf_ StrBuf flood = {};
        Fixture *f = *state;

        shake_hands(f);
        for (unsigned i = 0; i < 1000; i++)
                strbuf_add(&flood, event);
        assert_int_equal(write(f->peer, flood.data, flood.len), flood.len);
        for (unsigned turn = 0, before = 0; turn < 20; turn++, before = f->n_events) {
                (void) sd_event_run(f->event, 0);
                assert_in_range(f->n_events - before, 0, 4096 / strlen(event) + 1);
        }
        assert_in_range(f->n_events, 1, 999);
}

static void only_a_socket_of_the_right_user_is_connected_to(void **state) {
        char dir[] = "/tmp/test-qmp-XXXXXX", path[64];
        struct sockaddr_un address = { .sun_family = AF_UNIX };
        _cleanup_close_ int listener = -EBADF, dir_fd = -EBADF, fd = -EBADF;
        pid_t pid = 0;

        assert_non_null(mkdtemp(dir));
        dir_fd = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
        assert_int_equal(qmp_connect(dir_fd, "qmp.sock", getuid(), &fd, &pid), -ENOENT);

        snprintf(path, sizeof(path), "%s/qmp.sock", dir);
        strcpy(address.sun_path, path);
        listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        assert_int_equal(bind(listener, (struct sockaddr *) &address, sizeof(address)), 0);
        assert_int_equal(qmp_connect(dir_fd, "qmp.sock", getuid(), &fd, &pid), -ECONNREFUSED);
        assert_int_equal(listen(listener, 5), 0);
        assert_int_equal(qmp_connect(dir_fd, "qmp.sock", getuid() + 1, &fd, &pid), -EPERM);
        assert_int_equal(qmp_connect(dir_fd, "qmp.sock", getuid(), &fd, &pid), 0);
        assert_int_equal(pid, getpid());

        assert_int_equal(symlinkat("qmp.sock", dir_fd, "link"), 0);
        close(TAKE_FD(fd));
        assert_int_equal(qmp_connect(dir_fd, "link", getuid(), &fd, &pid), -ENOTSOCK);

        unlinkat(dir_fd, "link", 0);
        unlinkat(dir_fd, "qmp.sock", 0);
        rmdir(dir);
}

int main(void) {
        const struct CMUnitTest list[] = {
                cmocka_unit_test_setup_teardown(commands_wait_for_the_handshake, setup, teardown),
                cmocka_unit_test_setup_teardown(replies_find_their_commands_in_any_order, setup, teardown),
                cmocka_unit_test_setup_teardown(unsigned_numbers_are_read, setup, teardown),
                cmocka_unit_test_setup_teardown(events_come_in_parts_and_with_their_time, setup, teardown),
                cmocka_unit_test_setup_teardown(an_end_answers_what_is_owed, setup, teardown),
                cmocka_unit_test_setup_teardown(freeing_answers_what_is_owed, setup, teardown),
                cmocka_unit_test_setup_teardown(a_cancelled_reply_is_not_delivered, setup, teardown),
                cmocka_unit_test(garbage_ends_the_connection),
                cmocka_unit_test_setup_teardown(an_endless_message_ends_the_connection, setup, teardown),
                cmocka_unit_test_setup_teardown(a_message_of_too_many_values_ends_the_connection, setup, teardown),
                cmocka_unit_test_setup_teardown(a_flood_is_read_slowly, setup, teardown),
                cmocka_unit_test_setup_teardown(a_turn_takes_little_of_a_flood, setup, teardown),
                cmocka_unit_test_setup_teardown(a_command_too_many_is_refused, setup, teardown),
                cmocka_unit_test_setup_teardown(descriptors_travel_with_their_command, setup, teardown),
                cmocka_unit_test(only_a_socket_of_the_right_user_is_connected_to),
        };

        return cmocka_run_group_tests(list, NULL, NULL);
}
