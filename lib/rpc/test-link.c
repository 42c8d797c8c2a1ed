/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What passes a link without being read: it arrives whole and in order, whatever pieces it comes in, and nothing waits
 * for ever for room. */

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include "rpc/link.h"

/* last: it has a macro fail() */
#include <cmocka.h>

#define PAYLOAD 5000U
#define SLOTS 16U /* of a pipe of 64 KiB */

typedef struct Test {
        Loop *loop;
        Link *link;
        int peer;
        PipeEnd *in, *out;
        size_t moved;           /* told by moved() */
        unsigned n_moved, n_read;
        size_t read;            /* bytes of packets that were read */
        bool closed;
} Test;

static int on_packet(Link *l, Packet *p, void *userdata) {
        Test *t = userdata;

        t->n_read++;
        t->read += p->len;
        return 0;
}

static PipeEnd *on_pipe(Link *l, const PacketHeader *h, size_t len, void *userdata) {
        Test *t = userdata;

        return h->type == PACKET_STREAM ? t->in : NULL;
}

static void on_moved(Link *l, const PacketHeader *h, size_t len, void *userdata) {
        Test *t = userdata;

        t->moved += len;
        t->n_moved++;
}

static void on_closed(Link *l, int r, void *userdata) {
        Test *t = userdata;

        t->closed = true;
}

static const LinkOps ops = { .packet = on_packet, .pipe = on_pipe, .moved = on_moved, .closed = on_closed };

static int setup(void **state) {
        Test *t = calloc(1, sizeof *t);
        int pair[2], p[2];
        Transport *transport;

        assert_int_equal(loop_new(&t->loop), 0);
        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair), 0);
        assert_int_equal(pipe2(p, O_CLOEXEC | O_NONBLOCK), 0);
        assert_int_equal(fcntl(p[1], F_SETPIPE_SZ, 4096 * SLOTS), 4096 * SLOTS);
        t->out = pipe_end_new(p[0]);
        t->in = pipe_end_new(p[1]);
        t->peer = pair[1];
        assert_int_equal(transport_new_socket(pair[0], &transport), 0);
        assert_int_equal(link_new(t->loop, transport, &ops, t, &t->link), 0);
        link_keep_buffers(t->link, true);
        *state = t;
        return 0;
}

static int teardown(void **state) {
        Test *t = *state;

        link_free(t->link);
        pipe_end_unref(t->in);
        pipe_end_unref(t->out);
        close(t->peer);
        loop_free(t->loop);
        free(t);
        return 0;
}

static void turn(Test *t) {
        for (unsigned i = 0; i < 4; i++)
                assert_int_equal(loop_run_once(t->loop, 1000), 0);
}

static void say(Test *t, const void *data, size_t len) {
        assert_int_equal(send(t->peer, data, len, MSG_NOSIGNAL), (ssize_t) len);
        turn(t);
}

static void say_header(Test *t, PacketType type, size_t len) {
        const PacketHeader h = { .program = 1, .version = 1, .procedure = 1, .type = type, .serial = 1,
                                 .status = PACKET_CONTINUE };
        _cleanup_buffer_ Buffer b = {};
        size_t start;

        assert_int_equal(packet_begin(&b, &h, &start), 0);
        packet_set_size(b.data, b.len + len);
        say(t, b.data, b.len);
}

static void expect(Test *t, const uint8_t *data, size_t len) {
        for (size_t at = 0; at < len;) {
                uint8_t seen[PAYLOAD];
                ssize_t n = read(t->out->fd, seen, MIN(sizeof seen, len - at));

                assert_true(n > 0);
                assert_memory_equal(seen, data + at, (size_t) n);
                at += (size_t) n;
        }
}

static void fill(uint8_t *data, size_t len) {
        for (size_t i = 0; i < len; i++)
                data[i] = (uint8_t) (i * 7 + i / 251);
}

static void payload_goes_into_a_pipe(void **state) {
        Test *t = *state;
        uint8_t data[PAYLOAD];

        fill(data, sizeof data);
        say_header(t, PACKET_STREAM, sizeof data);
        say(t, data, 1000);
        assert_int_equal(t->n_moved, 0);
        say(t, data + 1000, sizeof data - 1000);
        assert_int_equal(t->n_moved, 1);
        assert_int_equal(t->moved, sizeof data);
        assert_int_equal(t->n_read, 0);
        expect(t, data, sizeof data);
        /* what comes behind it is read, as far as it is no stream's */
        say_header(t, PACKET_CALL, 4);
        say(t, data, 4);
        assert_int_equal(t->n_read, 1);
        assert_int_equal(t->read, 4);
        say_header(t, PACKET_STREAM, 0);
        assert_int_equal(t->n_read, 2);
}

/* Each byte is a piece of its own. */
static void drip(Test *t, const uint8_t *data, size_t len) {
        for (size_t i = 0; i < len; i++)
                say(t, data + i, 1);
}

static void full_pipe_is_waited_for(void **state) {
        Test *t = *state;
        uint8_t data[3 * SLOTS];

        fill(data, sizeof data);
        say_header(t, PACKET_STREAM, sizeof data);
        drip(t, data, sizeof data);
        assert_int_equal(t->n_moved, 0);
        for (size_t at = 0; at < sizeof data; at += SLOTS) {
                expect(t, data + at, SLOTS);
                turn(t);
        }
        assert_int_equal(t->n_moved, 1);
        assert_int_equal(t->moved, sizeof data);
        assert_false(t->closed);
}

static void full_duct_is_handed_on(void **state) {
        Test *t = *state;
        uint8_t data[3 * SLOTS];

        t->in->duct = true;
        fill(data, sizeof data);
        say_header(t, PACKET_STREAM, sizeof data);
        drip(t, data, sizeof data);
        assert_int_equal(t->n_moved, 1);
        assert_int_equal(t->moved, SLOTS);
        for (size_t at = 0; at < sizeof data; at += SLOTS) {
                expect(t, data + at, SLOTS);
                turn(t);
        }
        assert_int_equal(t->moved, sizeof data);
}

/* What is left of it is a packet, once nobody shall wait for the pipe any more. */
static void waiting_can_be_given_up(void **state) {
        Test *t = *state;
        uint8_t data[3 * SLOTS];
        PacketHeader h;
        size_t left;

        assert_false(link_stop_move(t->link, &h, &left));
        fill(data, sizeof data);
        say_header(t, PACKET_STREAM, sizeof data);
        drip(t, data, sizeof data);
        assert_true(link_stop_move(t->link, &h, &left));
        assert_int_equal(left, 2 * SLOTS);
        assert_int_equal(h.serial, 1);
        turn(t);
        assert_int_equal(t->n_read, 1);
        assert_int_equal(t->read, 2 * SLOTS);
        expect(t, data, SLOTS);
}

static void pipe_without_a_reader_takes_nothing(void **state) {
        Test *t = *state;
        uint8_t data[PAYLOAD] = {};

        t->out = pipe_end_unref(t->out);
        say_header(t, PACKET_STREAM, sizeof data);
        say(t, data, sizeof data);
        assert_int_equal(t->n_moved, 0);
        assert_false(t->closed);
        say_header(t, PACKET_CALL, 4);
        say(t, data, 4);
        assert_int_equal(t->n_read, 1);
}

static void pipes_go_out_between_packets(void **state) {
        Test *t = *state;
        const PacketHeader h = { .program = 1, .version = 1, .procedure = 1, .type = PACKET_STREAM, .serial = 7 };
        uint8_t data[PAYLOAD], seen[3 * PACKET_HEADER_SIZE + PAYLOAD + 8];
        size_t start;

        fill(data, sizeof data);
        assert_int_equal(write(t->in->fd, data, sizeof data), PAYLOAD);
        assert_int_equal(packet_add(link_out(t->link), &h, "abcd", 4), 0);
        assert_int_equal(packet_begin(link_out(t->link), &h, &start), 0);
        packet_set_size(link_out(t->link)->data + start, PACKET_HEADER_SIZE + PAYLOAD);
        assert_int_equal(link_add_pipe(t->link, t->out, PAYLOAD), 0);
        assert_int_equal(packet_add(link_out(t->link), &h, "efgh", 4), 0);
        assert_int_equal(link_pending(t->link), sizeof seen);
        link_flush(t->link);
        turn(t);
        assert_int_equal(link_pending(t->link), 0);
        assert_int_equal(recv(t->peer, seen, sizeof seen, MSG_WAITALL), sizeof seen);
        assert_memory_equal(seen + PACKET_HEADER_SIZE, "abcd", 4);
        assert_int_equal(packet_word(seen + PACKET_HEADER_SIZE + 4), PACKET_HEADER_SIZE + PAYLOAD);
        assert_memory_equal(seen + 2 * PACKET_HEADER_SIZE + 4, data, PAYLOAD);
        assert_memory_equal(seen + sizeof seen - 4, "efgh", 4);
}

int main(void) {
        const struct CMUnitTest all[] = {
                cmocka_unit_test_setup_teardown(payload_goes_into_a_pipe, setup, teardown),
                cmocka_unit_test_setup_teardown(full_pipe_is_waited_for, setup, teardown),
                cmocka_unit_test_setup_teardown(full_duct_is_handed_on, setup, teardown),
                cmocka_unit_test_setup_teardown(waiting_can_be_given_up, setup, teardown),
                cmocka_unit_test_setup_teardown(pipe_without_a_reader_takes_nothing, setup, teardown),
                cmocka_unit_test_setup_teardown(pipes_go_out_between_packets, setup, teardown),
        };

        signal(SIGPIPE, SIG_IGN);
        return cmocka_run_group_tests(all, NULL, NULL);
}
