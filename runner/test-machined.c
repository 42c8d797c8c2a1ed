/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* machined's side is a socket pair: sd-bus, which is not ours, reads what we send; what we read is made here. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <systemd/sd-bus.h>

#include <cmocka.h>

#include "base/strings.h"
#include "machined.h"

static const uint8_t uuid[16] = { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16 };

/* A message's fixed header, without fields and body. */
static void add_head(StrBuf *b, int type, uint32_t body, uint32_t fields) {
        strbuf_addn(b, (char[]) { 'l', (char) type, 0, 1 }, 4);
        strbuf_addn(b, (const char *) &body, 4);
        strbuf_addn(b, (const char[4]) { 9 }, 4);
        strbuf_addn(b, (const char *) &fields, 4);
}

/* Field 5: the serial of the call that is answered, 5 for the registration. */
static void add_reply_field(StrBuf *b) {
        strbuf_addn(b, "\5\1u\0\5\0\0\0", 8);
}

static int finish_with(const StrBuf *b, char **ret) {
        int s[2], r;

        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, s), 0);
        assert_int_equal(send(s[1], b->data, b->len, 0), b->len);
        close(s[1]);
        r = machined_finish(s[0], ret);
        close(s[0]);
        return r;
}

static void a_return_is_success(void **state) {
        _cleanup_strbuf_ StrBuf b = {};
        _cleanup_free_ char *message = NULL;

        /* a signal first, with a field of another kind: passed over */
        add_head(&b, 4, 0, 7);
        strbuf_addn(&b, "\10\1g\0\1s\0\0", 8);
        add_head(&b, 2, 0, 8);
        add_reply_field(&b);
        assert_int_equal(finish_with(&b, &message), 0);
        assert_null(message);
}

static void an_error_gives_its_text(void **state) {
        _cleanup_strbuf_ StrBuf b = {};
        _cleanup_free_ char *message = NULL;

        add_head(&b, 3, 9, 8);
        add_reply_field(&b);
        strbuf_addn(&b, "\4\0\0\0nope\0", 9);
        assert_int_equal(finish_with(&b, &message), -EREMOTEIO);
        assert_string_equal(message, "nope");
}

static void unsound_answers_are_refused(void **state) {
        static const struct {
                const char *bytes;
                size_t n;
                int r;
        } cases[] = {
                { "", 0, -ECONNRESET },
                { "l\2\0\1", 4, -ECONNRESET },
                /* more than any answer has */
                { "l\2\0\1\0\0\0\0\1\0\0\0\0\0\0\7", 16, -EPROTO },
                /* another byte order */
                { "B\2\0\1\0\0\0\0\1\0\0\0\0\0\0\0", 16, -EPROTO },
                /* a field that ends behind the fields */
                { "l\2\0\1\0\0\0\0\1\0\0\0\10\0\0\0\4\1s\0\377\0\0\0", 24, -EPROTO },
                { "l\2\0\1\0\0\0\0\1\0\0\0\4\0\0\0\5\1u\0\0\0\0\0", 24, -EPROTO },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                StrBuf b = { .data = (char *) cases[i].bytes, .len = cases[i].n };
                _cleanup_free_ char *message = NULL;

                assert_int_equal(finish_with(&b, &message), cases[i].r);
        }
}

static int on_message(sd_bus_message *m, void *userdata, sd_bus_error *e) {
        const char *name, *service, *class, *root;
        const void *bytes;
        uint32_t leader;
        size_t n;

        if (!sd_bus_message_is_method_call(m, "org.freedesktop.machine1.Manager", "RegisterMachine"))
                return 0;
        assert_true(sd_bus_message_has_signature(m, "sayssus"));
        assert_true(sd_bus_message_read(m, "s", &name) > 0);
        assert_true(sd_bus_message_read_array(m, 'y', &bytes, &n) >= 0);
        assert_true(sd_bus_message_read(m, "ssus", &service, &class, &leader, &root) > 0);
        assert_string_equal(name, "web");
        assert_int_equal(n, 16);
        assert_memory_equal(bytes, uuid, 16);
        assert_string_equal(class, "vm");
        assert_int_equal(leader, 4711);
        *(bool *) userdata = true;
        return sd_bus_reply_method_return(m, "");
}

static void sd_bus_understands_the_request(void **state) {
        sd_id128_t id = SD_ID128_MAKE(1, 2, 3, 4, 5, 6, 7, 8, 9, a, b, c, d, e, f, 0);
        static const char hello[] = "\0AUTH ANONYMOUS 78\r\nBEGIN\r\n";
        _cleanup_free_ char *message = NULL;
        char answer[256];
        bool seen = false;
        sd_bus *bus;
        int s[2];

        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, s), 0);
        assert_true(sd_bus_new(&bus) >= 0);
        assert_true(sd_bus_set_fd(bus, s[1], s[1]) >= 0);
        assert_true(sd_bus_set_server(bus, true, id) >= 0);
        assert_true(sd_bus_set_anonymous(bus, true) >= 0);
        assert_true(sd_bus_set_trusted(bus, true) >= 0);
        assert_true(sd_bus_add_filter(bus, NULL, on_message, &seen) >= 0);
        assert_int_equal(send(s[0], hello, sizeof hello - 1, 0), sizeof hello - 1);
        assert_true(sd_bus_start(bus) >= 0);
        assert_int_equal(machined_register(s[0], "web", uuid, 4711), 0);
        for (int i = 0; i < 100 && !seen; i++)
                if (sd_bus_process(bus, NULL) == 0)
                        (void) sd_bus_wait(bus, 100000);
        assert_true(seen);
        (void) sd_bus_flush(bus);
        /* "OK" and its line end, then the reply */
        for (size_t n = 0; n == 0 || answer[n - 1] != '\n'; n++)
                assert_int_equal(recv(s[0], answer + n, 1, 0), 1);
        assert_int_equal(machined_finish(s[0], &message), 0);
        close(s[0]);
        sd_bus_flush_close_unref(bus);
}

int main(void) {
        const struct CMUnitTest all[] = {
                cmocka_unit_test(a_return_is_success),
                cmocka_unit_test(an_error_gives_its_text),
                cmocka_unit_test(unsound_answers_are_refused),
                cmocka_unit_test(sd_bus_understands_the_request),
        };

        return cmocka_run_group_tests(all, NULL, NULL);
}
