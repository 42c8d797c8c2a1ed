/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What is more than a call and its answer: events, streams, large replies, descriptors. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "base/strings.h"
#include "test-fixture.h"

static rpc_void void_ret;

static void events_reach_those_who_registered(void **state) {
        remote_connect_domain_event_callback_register_any_args reg = { .eventID = 0 };
        remote_connect_domain_event_callback_register_any_ret reg_ret;
        remote_connect_domain_event_register_any_args old = { .eventID = 11 };
        remote_domain_event_callback_lifecycle_msg msg = {};
        remote_domain_event_pmwakeup_msg old_msg = {};
        remote_nonnull_domain other = { .name = (char *) "guest", .uuid = { 9 } };
        Fixture *f = *state;
        TestClient c;

        test_open(&c, f->path, "test:///system", 0);
        assert_int_equal(test_remote(&c, CONNECT_DOMAIN_EVENT_CALLBACK_REGISTER_ANY, &reg, &reg_ret), 0);
        assert_int_equal(reg_ret.callbackID, 0);
        reg.dom = &other;
        assert_int_equal(test_remote(&c, CONNECT_DOMAIN_EVENT_CALLBACK_REGISTER_ANY, &reg, &reg_ret), 0);
        assert_int_equal(reg_ret.callbackID, 1);
        assert_int_equal(test_remote(&c, CONNECT_DOMAIN_EVENT_REGISTER_ANY, &old, &void_ret), 0);
        assert_int_equal(test_remote(&c, CONNECT_DOMAIN_EVENT_REGISTER_ANY, &old, &void_ret), 1);
        old.eventID = 16;
        assert_int_equal(test_remote(&c, CONNECT_DOMAIN_EVENT_REGISTER_ANY, &old, &void_ret), 8);

        assert_int_equal(test_remote(&c, DOMAIN_CREATE, &(remote_domain_create_args){ .dom = TEST_GUEST }, &void_ret),
                         0);
        assert_int_equal(c.n_events, 1);
        assert_int_equal(c.event.procedure, REMOTE_PROC_DOMAIN_EVENT_CALLBACK_LIFECYCLE);
        assert_int_equal(c.event.serial, 1);
        assert_int_equal(
                rpc_decode(c.event_body.data, c.event_body.len, remote_codec_DOMAIN_EVENT_CALLBACK_LIFECYCLE.ret, &msg),
                0);
        assert_int_equal(msg.callbackID, 0);
        assert_int_equal(msg.msg.event, 2);
        rpc_free(remote_codec_DOMAIN_EVENT_CALLBACK_LIFECYCLE.ret, &msg);

        assert_int_equal(
                test_remote(&c, DOMAIN_PM_WAKEUP, &(remote_domain_pm_wakeup_args){ .dom = TEST_GUEST }, &void_ret), 0);
        assert_int_equal(c.n_events, 2);
        assert_int_equal(c.event.procedure, REMOTE_PROC_DOMAIN_EVENT_PMWAKEUP);
        assert_int_equal(
                rpc_decode(c.event_body.data, c.event_body.len, remote_codec_DOMAIN_EVENT_PMWAKEUP.ret, &old_msg), 0);
        assert_string_equal(old_msg.dom.name, "guest");
        rpc_free(remote_codec_DOMAIN_EVENT_PMWAKEUP.ret, &old_msg);

        assert_int_equal(test_remote(&c, CONNECT_DOMAIN_EVENT_CALLBACK_DEREGISTER_ANY,
                                     &(remote_connect_domain_event_callback_deregister_any_args) { 0 }, &void_ret), 0);
        assert_int_equal(test_remote(&c, CONNECT_DOMAIN_EVENT_CALLBACK_DEREGISTER_ANY,
                                     &(remote_connect_domain_event_callback_deregister_any_args) { 0 }, &void_ret), 1);
        assert_int_equal(test_remote(&c, DOMAIN_CREATE, &(remote_domain_create_args){ .dom = TEST_GUEST }, &void_ret),
                         0);
        assert_int_equal(c.n_events, 2);
        test_close(&c);
}

static void large_replies_arrive_whole(void **state) {
        remote_domain_get_xml_desc_args args = { .dom = TEST_GUEST, .flags = 4 * 1024 * 1024 };
        remote_domain_get_xml_desc_ret ret;
        Fixture *f = *state;
        TestClient c;

        test_open(&c, f->path, "test:///system", 0);
        assert_int_equal(test_remote(&c, DOMAIN_GET_XML_DESC, &args, &ret), 0);
        assert_int_equal(strlen(ret.xml), args.flags);
        rpc_free(remote_codec_DOMAIN_GET_XML_DESC.ret, &ret);
        /* One more than the limit of strings is the handler's mistake, which the client learns of. */
        args.flags++;
        assert_int_equal(test_remote(&c, DOMAIN_GET_XML_DESC, &args, &ret), 39);
        test_close(&c);
}

static void send_stream(TestClient *c, int32_t procedure, uint32_t serial, PacketStatus status, const char *text) {
        PacketHeader h = { .program = REMOTE_PROGRAM, .version = 1, .procedure = procedure, .type = PACKET_STREAM,
                           .serial = serial, .status = status };
        _cleanup_buffer_ Buffer b = {};

        assert_int_equal(packet_add(&b, &h, text, strlen(text)), 0);
        test_send(c, b.data, b.len);
}

static void a_console_goes_both_ways(void **state) {
        remote_domain_open_console_args args = { .dom = TEST_GUEST };
        Fixture *f = *state;
        StrBuf got = {};
        uint32_t serial;
        TestPacket p;
        TestClient c;

        test_open(&c, f->path, "test:///system", 0);
        serial = c.serial;
        assert_int_equal(test_remote(&c, DOMAIN_OPEN_CONSOLE, &args, &void_ret), 0);
        send_stream(&c, REMOTE_PROC_DOMAIN_OPEN_CONSOLE, serial, PACKET_CONTINUE, "hello");
        while (got.len < 5) {
                assert_true(test_receive(&c, &p));
                assert_int_equal(p.header.type, PACKET_STREAM);
                assert_int_equal(p.header.status, PACKET_CONTINUE);
                assert_int_equal(p.header.serial, serial);
                strbuf_addn(&got, (char *) p.body.data, p.body.len);
                buffer_done(&p.body);
        }
        assert_string_equal(got.data, "hello");
        strbuf_done(&got);

        send_stream(&c, REMOTE_PROC_DOMAIN_OPEN_CONSOLE, serial, PACKET_OK, "");
        assert_true(test_receive(&c, &p));
        assert_int_equal(p.header.type, PACKET_STREAM);
        assert_int_equal(p.header.status, PACKET_OK);
        buffer_done(&p.body);
        /* It is over: more data is for nobody, and harms nobody. */
        send_stream(&c, REMOTE_PROC_DOMAIN_OPEN_CONSOLE, serial, PACKET_CONTINUE, "late");
        assert_int_equal(test_remote(&c, DOMAIN_OPEN_CONSOLE, &args, &void_ret), 0);
        test_close(&c);
        check_alive(f);
}

static void a_download_ends_with_an_empty_packet(void **state) {
        remote_domain_screenshot_args args = { .dom = TEST_GUEST };
        remote_domain_screenshot_ret ret;
        struct stat st;
        Fixture *f = *state;
        size_t got = 0;
        TestPacket p;
        TestClient c;

        test_open(&c, f->path, "test:///system", 0);
        assert_int_equal(stat("/proc/self/exe", &st), 0);
        assert_int_equal(test_remote(&c, DOMAIN_SCREENSHOT, &args, &ret), 0);
        for (size_t n = 1; n > 0; got += n) {
                assert_true(test_receive(&c, &p));
                assert_int_equal(p.header.status, PACKET_CONTINUE);
                n = p.body.len;
                buffer_done(&p.body);
        }
        assert_int_equal(got, (size_t) st.st_size);
        test_close(&c);
}

static void descriptors_travel_both_ways(void **state) {
        remote_domain_open_graphics_fd_args out_args = { .dom = TEST_GUEST };
        remote_domain_fd_associate_args in_args = { .dom = TEST_GUEST, .name = (char *) "guest" };
        PacketHeader h = { .program = REMOTE_PROGRAM, .version = 1, .procedure = REMOTE_PROC_DOMAIN_FD_ASSOCIATE,
                           .type = PACKET_CALL_FDS, .serial = 77 };
        _cleanup_(transport_freep) Transport *t = NULL;
        _cleanup_buffer_ Buffer b = {};
        FdList fds = {};
        uint8_t frame[64], byte;
        int pipe_fds[2];
        size_t start;
        TestPacket p;
        TestClient c;
        char buf[8];

        test_open(&c, ((Fixture *) *state)->path, "test:///system", 0);
        assert_int_equal(transport_new_socket(dup(c.fd), &t), 0);

        test_send_call(&c, REMOTE_PROGRAM, REMOTE_PROC_DOMAIN_OPEN_GRAPHICS_FD,
                       remote_codec_DOMAIN_OPEN_GRAPHICS_FD.args, &out_args);
        assert_int_equal(recv(c.fd, frame, 32, MSG_WAITALL), 32);
        assert_int_equal(packet_word(frame), 32);
        assert_int_equal(packet_word(frame + 16), PACKET_REPLY_FDS);
        assert_int_equal(packet_word(frame + 28), 1);
        while (t->ops->read(t, &byte, 1, &fds) == -EAGAIN)
                usleep(1000);
        assert_int_equal(fds.n, 1);
        assert_int_equal(read(fds.fd[0], buf, sizeof(buf)), 4);
        fd_list_close(&fds);

        assert_int_equal(pipe2(pipe_fds, O_CLOEXEC), 0);
        assert_int_equal(packet_begin(&b, &h, &start), 0);
        assert_int_equal(buffer_add(&b, (uint8_t[]) { 0, 0, 0, 1 }, 4), 0);
        assert_int_equal(rpc_encode(&b, 4096, remote_codec_DOMAIN_FD_ASSOCIATE.args, &in_args), 0);
        assert_int_equal(packet_end(&b, start), 0);
        test_send(&c, b.data, b.len);
        assert_int_equal(t->ops->write_fd(t, pipe_fds[1]), 0);
        assert_true(test_receive(&c, &p));
        assert_int_equal(p.header.serial, 77);
        assert_int_equal(p.header.status, PACKET_OK);
        buffer_done(&p.body);
        assert_int_equal(read(pipe_fds[0], buf, sizeof(buf)), 5);
        close(pipe_fds[0]);
        close(pipe_fds[1]);
        test_close(&c);
}

int main(int argc, char **argv) {
        static const struct CMUnitTest tests[] = {
                daemon_test(events_reach_those_who_registered),
                daemon_test(large_replies_arrive_whole),
                daemon_test(a_console_goes_both_ways),
                daemon_test(a_download_ends_with_an_empty_packet),
                daemon_test(descriptors_travel_both_ways),
                proxy_test(events_reach_those_who_registered),
                proxy_test(large_replies_arrive_whole),
                proxy_test(a_console_goes_both_ways),
                proxy_test(a_download_ends_with_an_empty_packet),
                proxy_test(descriptors_travel_both_ways),
        };

        if (is_test_daemon(argv))
                return run_test_daemon(argc, argv);
        return cmocka_run_group_tests(tests, NULL, NULL);
}
