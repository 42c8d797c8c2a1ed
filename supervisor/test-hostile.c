/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Clients that do not keep to the protocol. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <sys/socket.h>

#include "base/strings.h"
#include "test-fixture.h"

/* Each of these costs its sender the connection, and nobody else anything. */
static void hostile_frames_harm_nobody_else(void **state) {
        static const struct {
                const char *what;
                uint8_t bytes[64];
                size_t len;
        } frames[] = {
                { "length of zero", {}, 28 },
                { "length below the header", { 0, 0, 0, 27 }, 28 },
                { "length beyond all limits", { 0xff, 0xff, 0xff, 0xff }, 28 },
                { "length beyond the limit of the anonymous", { 0x02, 0, 0, 0x05 }, 28 },
                { "text", "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", 36 },
                { "more descriptors than allowed",
                  { 0, 0, 0, 32, 0x20, 0, 0x80, 0x86, 0, 0, 0, 1, 0, 0, 0, 1,
                    0, 0, 0, 4,  0,    0, 0,    0,    0, 0, 0, 0, 0, 0, 0, 33 },
                  32 },
                { "descriptors announced, bytes without any",
                  { 0, 0, 0, 32, 0x20, 0, 0x80, 0x86, 0, 0, 0, 1, 0, 0, 0, 1, 0,
                    0, 0, 4, 0,  0,    0, 0,    0,    0, 0, 0, 0, 0, 0, 1, 0 },
                  33 },
                { "descriptors without a count",
                  { 0, 0, 0, 28, 0x20, 0, 0x80, 0x86, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0 },
                  28 },
        };
        Fixture *f = *state;
        TestClient c;

        for (size_t i = 0; i < ELEMENTSOF(frames); i++) {
                test_connect(&c, f->path);
                test_send(&c, frames[i].bytes, frames[i].len);
                if (!test_is_closed(&c))
                        fail_msg("%s: not closed", frames[i].what);
                test_close(&c);
        }
        check_alive(f);
}

static void descriptors_of_no_packet_are_refused(void **state) {
        _cleanup_(transport_freep) Transport *t = NULL;
        Fixture *f = *state;
        TestClient c;

        test_connect(&c, f->path);
        assert_int_equal(transport_new_socket(dup(c.fd), &t), 0);
        for (int i = 0; i < 100 && t->ops->write_fd(t, STDERR_FILENO) == 0; i++)
                ;
        assert_true(test_is_closed(&c));
        test_close(&c);
        check_alive(f);
}

static void half_a_frame_costs_a_connection_only(void **state) {
        static const uint8_t half[] = { 0, 0, 1, 0, 0x20, 0, 0x80, 0x86, 0 };
        Fixture *f = *state;
        TestClient slow[15], c;

        for (size_t i = 0; i < ELEMENTSOF(slow); i++) {
                test_connect(&slow[i], f->path);
                test_send(&slow[i], half, sizeof(half));
        }
        check_alive(f);
        for (size_t i = 0; i < ELEMENTSOF(slow); i++)
                test_close(&slow[i]);

        /* One byte at a time is slow, and right. */
        test_connect(&c, f->path);
        for (uint32_t i = 0; i < 28; i++) {
                static const uint8_t call[28] = { 0, 0, 0, 28, 0x20, 0, 0x80, 0x86, 0, 0, 0, 1, 0, 0, 0, 66 };

                test_send(&c, call + i, 1);
                usleep(1000);
        }
        {
                TestPacket p;

                assert_true(test_receive(&c, &p));
                assert_int_equal(p.header.status, PACKET_OK);
                buffer_done(&p.body);
        }
        test_close(&c);
}

/* Announces size bytes and sends as many of them as have. False where the connection ended before. */
static bool send_part(TestClient *c, uint32_t size, size_t have) {
        uint8_t head[28] = { (uint8_t) (size >> 24),
                             (uint8_t) (size >> 16),
                             (uint8_t) (size >> 8),
                             (uint8_t) size,
                             0x20,
                             0,
                             0x80,
                             0x86,
                             0,
                             0,
                             0,
                             1,
                             0,
                             0,
                             0,
                             1 };
        static const uint8_t zeros[64 * 1024];

        for (size_t done = 0; done < have;) {
                ssize_t n = done == 0 ? send(c->fd, head, sizeof(head), MSG_NOSIGNAL)
                                      : send(c->fd, zeros, MIN(sizeof(zeros), have - done), MSG_NOSIGNAL);

                if (n <= 0)
                        return false;
                done += (size_t) n;
        }
        return true;
}

/* Parts of packets of one user have a budget: who goes beyond it is closed. */
static void half_packets_do_not_fill_the_memory(void **state) {
        Fixture *f = *state;
        unsigned n_closed = 0;
        TestClient c[8];

        for (size_t i = 0; i < ELEMENTSOF(c); i++) {
                test_open(&c[i], f->path, "test:///system", 0);
                (void) send_part(&c[i], 30U * 1024 * 1024, 20U * 1024 * 1024);
        }
        for (size_t i = 0; i < ELEMENTSOF(c); i++)
                n_closed += !send_part(&c[i], 30U * 1024 * 1024, 64U * 1024);
        assert_in_range(n_closed, 4, ELEMENTSOF(c));
        for (size_t i = 0; i < ELEMENTSOF(c); i++)
                test_close(&c[i]);
        check_alive(f);
}

/* Who may only look has nothing to say that is that long. */
static void long_packets_are_for_those_who_may_write(void **state) {
        _cleanup_free_ char *ro = text_format("%s-ro", ((Fixture *) *state)->path);
        Fixture *f = *state;
        TestClient c;

        test_open(&c, ro, "test:///system", 1);
        (void) send_part(&c, 5U * 1024 * 1024, 64U * 1024);
        assert_true(test_is_closed(&c));
        test_close(&c);
        check_alive(f);
}

/* Asks for 400 MiB and reads nothing: the daemon stops taking its calls. */
static void a_client_that_never_reads_is_held_back(void **state) {
        remote_domain_get_xml_desc_args args = { .dom = TEST_GUEST, .flags = 4 * 1024 * 1024 };
        PacketHeader h = { .program = REMOTE_PROGRAM, .version = 1, .procedure = REMOTE_PROC_DOMAIN_GET_XML_DESC };
        char path[64], line[256];
        Fixture *f = *state;
        unsigned long kib = 0;
        FILE *status;
        TestClient c;

        test_open(&c, f->path, "test:///system", 0);
        for (h.serial = 0; h.serial < 100; h.serial++) {
                _cleanup_buffer_ Buffer b = {};

                assert_int_equal(packet_add_value(&b, &h, remote_codec_DOMAIN_GET_XML_DESC.args, &args), 0);
                if (send(c.fd, b.data, b.len, MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
                        break;
        }
        check_alive(f);
        check_alive(f);
        snprintf(path, sizeof(path), "/proc/%d/status", f->pid);
        status = fopen(path, "re");
        assert_non_null(status);
        while (fgets(line, sizeof(line), status))
                if (sscanf(line, "VmRSS: %lu", &kib) == 1)
                        break;
        fclose(status);
#ifndef __SANITIZE_ADDRESS__
        assert_in_range(kib, 1, 64 * 1024);
#endif
        test_close(&c);
        check_alive(f);
}

int main(int argc, char **argv) {
        static const struct CMUnitTest tests[] = {
                daemon_test(hostile_frames_harm_nobody_else),
                daemon_test(descriptors_of_no_packet_are_refused),
                daemon_test(half_a_frame_costs_a_connection_only),
                daemon_test(half_packets_do_not_fill_the_memory),
                daemon_test(long_packets_are_for_those_who_may_write),
                daemon_test(a_client_that_never_reads_is_held_back),
                proxy_test(a_client_that_never_reads_is_held_back),
        };

        if (is_test_daemon(argv))
                return run_test_daemon(argc, argv);
        return cmocka_run_group_tests(tests, NULL, NULL);
}
