/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The daemon with a test driver, in a process of its own, and clients that behave or do not. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "base/fs.h"
#include "base/strings.h"
#include "daemon.h"
#include "test-client.h"
#include "test-driver.h"

typedef struct Fixture {
        char folder[64];
        char path[96];
        char ro_path[96];
        char admin_path[96];
        pid_t pid;
        pid_t proxy;            /* 0, or a virtproxyd in front, whose sockets are then those above */
} Fixture;

static char name[] = "guest";
static const remote_nonnull_domain guest = { .name = name, .uuid = { 1, 2, 3 }, .id = 1 };
static const rpc_void nothing;
static rpc_void void_ret;

static pid_t start_daemon_named(const Fixture *f, const char *daemon, const char *drivers, const char *timeout) {
        const char *argv[] = { "virttestd", "--name", daemon, "--drivers", drivers, "--timeout", timeout,
                               "--listen", f->folder, NULL };
        pid_t pid = fork();

        if (pid != 0)
                return pid;
        setenv("UNITVIRT_RUN", f->folder, 1);
        execv("/proc/self/exe", (char **) argv);
        _exit(127);
}

static pid_t start_daemon(const Fixture *f, const char *timeout) {
        return start_daemon_named(f, "virttestd", "test", timeout);
}

static int set_up_with(void **state, const char *timeout) {
        Fixture *f = calloc(1, sizeof(*f));

        strcpy(f->folder, "/tmp/unitvirt-test-XXXXXX");
        assert_non_null(mkdtemp(f->folder));
        snprintf(f->path, sizeof(f->path), "%s/virttestd-sock", f->folder);
        snprintf(f->ro_path, sizeof(f->ro_path), "%s/virttestd-sock-ro", f->folder);
        snprintf(f->admin_path, sizeof(f->admin_path), "%s/virttestd-admin-sock", f->folder);
        f->pid = start_daemon(f, timeout);
        *state = f;
        return f->pid < 0;
}

static int set_up_proxy(void **state) {
        TestClient c;
        Fixture *f;

        if (set_up_with(state, "0") != 0)
                return -1;
        f = *state;
        /* The daemon behind must be there first, as systemd's socket would be. */
        test_connect(&c, f->path);
        test_close(&c);
        snprintf(f->path, sizeof(f->path), "%s/libvirt-sock", f->folder);
        snprintf(f->ro_path, sizeof(f->ro_path), "%s/libvirt-sock-ro", f->folder);
        f->proxy = start_daemon_named(f, "virtproxyd", "none", "0");
        return f->proxy < 0;
}

static int set_up(void **state) {
        return set_up_with(state, "0");
}

static int set_up_idle(void **state) {
        return set_up_with(state, "1");
}

static void stop_daemon(pid_t pid) {
        int status = -1;

        kill(pid, SIGTERM);
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_true(WIFEXITED(status));
        assert_int_equal(WEXITSTATUS(status), 0);
}

/* The daemon must end by itself and well: a leak or an error that the sanitizer found is a failure of the test. */
static int tear_down(void **state) {
        Fixture *f = *state;

        stop_daemon(f->pid);
        if (f->proxy > 0)
                stop_daemon(f->proxy);
        assert_int_equal(access(f->path, F_OK), -1);
        assert_int_equal(rmdir(f->folder), 0);
        free(f);
        return 0;
}

static void check_alive(const Fixture *f) {
        remote_domain_get_state_args args = { .dom = guest, .flags = 9 };
        remote_domain_get_state_ret ret;
        TestClient c;

        test_open(&c, f->path, "test:///system", 0);
        assert_int_equal(test_remote(&c, DOMAIN_GET_STATE, &args, &ret), 0);
        assert_int_equal(ret.reason, 9);
        test_close(&c);
}

static void calls_are_answered(void **state) {
        remote_domain_lookup_by_name_args lookup = { .name = name };
        remote_domain_lookup_by_name_ret lookup_ret;
        TestClient c;

        check_alive(*state);
        test_open(&c, ((Fixture *) *state)->path, "test:///system", 0);
        assert_int_equal(test_remote(&c, DOMAIN_LOOKUP_BY_NAME, &lookup, &lookup_ret), 42);
        assert_string_equal(*c.error.message, "Domain not found: no domain with matching name 'guest'");
        assert_int_equal(c.error.domain, 10);
        assert_int_equal(c.error.level, 2);
        assert_null(c.error.dom);
        test_close(&c);
}

static void wrong_calls_get_the_errors_clients_expect(void **state) {
        remote_connect_open_args foreign = { .name = (char *[]) { (char *) "xen:///system" } };
        remote_connect_list_all_interfaces_args list = { .need_results = 1 };
        remote_connect_list_all_interfaces_ret list_ret;
        remote_domain_get_state_args state_args = { .dom = guest };
        remote_domain_get_state_ret state_ret;
        Fixture *f = *state;
        TestClient c;

        test_connect(&c, f->path);
        assert_int_equal(test_remote(&c, DOMAIN_GET_STATE, &state_args, &state_ret), 1);
        assert_string_equal(*c.error.message, "internal error: connection not open");
        assert_int_equal(test_remote(&c, CONNECT_OPEN, &foreign, &void_ret), 5);
        assert_string_equal(*c.error.message, "no connection driver available for xen:///system");
        assert_int_equal(c.error.domain, 0);
        test_close(&c);

        test_open(&c, f->path, "test:///system", 0);
        assert_int_equal(test_call(&c, REMOTE_PROGRAM, 9999, &remote_codec_CONNECT_CLOSE, &nothing, &void_ret), 39);
        assert_string_equal(*c.error.message, "unknown procedure: 9999");
        assert_int_equal(c.error.domain, 7);
        /* An event cannot be called. */
        assert_int_equal(test_call(&c, REMOTE_PROGRAM, 107, &remote_codec_CONNECT_CLOSE, &nothing, &void_ret), 39);
        assert_int_equal(test_call(&c, 0x1234, 1, &remote_codec_CONNECT_CLOSE, &nothing, &void_ret), 39);
        assert_string_equal(*c.error.message, "Cannot find program 4660 version 1");
        assert_int_equal(test_remote(&c, CONNECT_LIST_ALL_INTERFACES, &list, &list_ret), 3);
        assert_string_equal(*c.error.message,
                            "this function is not supported by the connection driver: virConnectListAllInterfaces");
        assert_int_equal(c.error.domain, 26);
        assert_int_equal(test_remote(&c, CONNECT_OPEN, &(remote_connect_open_args) {}, &void_ret), 1);
        assert_string_equal(*c.error.message, "internal error: connection already open");
        /* Arguments that do not decode. */
        assert_int_equal(test_call(&c, REMOTE_PROGRAM, REMOTE_PROC_DOMAIN_CREATE, &remote_codec_CONNECT_CLOSE, &nothing,
                                   &void_ret), 39);
        test_close(&c);
        check_alive(f);
}

static void readonly_connections_cannot_write(void **state) {
        remote_domain_create_args args = { .dom = guest };
        remote_domain_get_state_args state_args = { .dom = guest };
        remote_domain_get_state_ret state_ret;
        Fixture *f = *state;
        TestClient c;

        for (int i = 0; i < 2; i++) {
                test_open(&c, i == 0 ? f->ro_path : f->path, "test:///system", i == 0 ? 0 : 1);
                assert_int_equal(test_remote(&c, DOMAIN_CREATE, &args, &void_ret), 29);
                assert_string_equal(*c.error.message, "operation forbidden: read only access prevents virDomainCreate");
                assert_int_equal(test_remote(&c, DOMAIN_GET_STATE, &state_args, &state_ret), 0);
                test_close(&c);
        }
}

static void slow_calls_do_not_hold_up_others(void **state) {
        remote_domain_suspend_args slow = { .dom = guest };
        remote_domain_get_state_args quick = { .dom = guest };
        Fixture *f = *state;
        uint32_t expected[] = { 3, 2 };
        TestClient c;
        TestPacket p;

        slow.dom.id = 200;
        test_open(&c, f->path, "test:///system", 0);
        test_send_call(&c, REMOTE_PROGRAM, REMOTE_PROC_DOMAIN_SUSPEND, remote_codec_DOMAIN_SUSPEND.args, &slow);
        test_send_call(&c, REMOTE_PROGRAM, REMOTE_PROC_DOMAIN_GET_STATE, remote_codec_DOMAIN_GET_STATE.args, &quick);
        for (size_t i = 0; i < ELEMENTSOF(expected); i++) {
                assert_true(test_receive(&c, &p));
                assert_int_equal(p.header.serial, expected[i]);
                buffer_done(&p.body);
        }
        test_close(&c);
}

static void pipelined_calls_wait_for_their_turn(void **state) {
        remote_domain_suspend_args slow = { .dom = guest };
        Fixture *f = *state;
        uint32_t seen = 0;
        TestClient c;
        TestPacket p;

        /* Twenty, of which five are in work at once; each is answered once. */
        slow.dom.id = 20;
        test_open(&c, f->path, "test:///system", 0);
        for (int i = 0; i < 20; i++)
                test_send_call(&c, REMOTE_PROGRAM, REMOTE_PROC_DOMAIN_SUSPEND, remote_codec_DOMAIN_SUSPEND.args, &slow);
        for (uint32_t i = 0; i < 20; i++) {
                assert_true(test_receive(&c, &p));
                assert_in_range(p.header.serial, 2, 21);
                assert_false(seen & 1U << p.header.serial);
                seen |= 1U << p.header.serial;
                assert_int_equal(p.header.status, PACKET_OK);
                buffer_done(&p.body);
        }
        test_close(&c);
}

static void calls_wait_for_the_opening(void **state) {
        char *uri = (char *) "test:///system";
        remote_connect_open_args open_args = { .name = &uri };
        remote_domain_get_state_args args = { .dom = guest };
        Fixture *f = *state;
        TestClient c;
        TestPacket p;

        test_connect(&c, f->path);
        test_send_call(&c, REMOTE_PROGRAM, REMOTE_PROC_AUTH_LIST, remote_codec_AUTH_LIST.args, &nothing);
        test_send_call(&c, REMOTE_PROGRAM, REMOTE_PROC_CONNECT_OPEN, remote_codec_CONNECT_OPEN.args, &open_args);
        test_send_call(&c, REMOTE_PROGRAM, REMOTE_PROC_DOMAIN_GET_STATE, remote_codec_DOMAIN_GET_STATE.args, &args);
        for (int i = 0; i < 3; i++) {
                assert_true(test_receive(&c, &p));
                assert_int_equal(p.header.status, PACKET_OK);
                buffer_done(&p.body);
        }
        test_close(&c);
}

static void events_reach_those_who_registered(void **state) {
        remote_connect_domain_event_callback_register_any_args reg = { .eventID = 0 };
        remote_connect_domain_event_callback_register_any_ret reg_ret;
        remote_connect_domain_event_register_any_args old = { .eventID = 11 };
        remote_domain_event_callback_lifecycle_msg msg = {};
        remote_domain_event_pmwakeup_msg old_msg = {};
        remote_nonnull_domain other = { .name = name, .uuid = { 9 } };
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

        assert_int_equal(test_remote(&c, DOMAIN_CREATE, &(remote_domain_create_args) { .dom = guest }, &void_ret), 0);
        assert_int_equal(c.n_events, 1);
        assert_int_equal(c.event.procedure, REMOTE_PROC_DOMAIN_EVENT_CALLBACK_LIFECYCLE);
        assert_int_equal(c.event.serial, 1);
        assert_int_equal(rpc_decode(c.event_body.data, c.event_body.len, remote_codec_DOMAIN_EVENT_CALLBACK_LIFECYCLE.ret, &msg), 0);
        assert_int_equal(msg.callbackID, 0);
        assert_int_equal(msg.msg.event, 2);
        rpc_free(remote_codec_DOMAIN_EVENT_CALLBACK_LIFECYCLE.ret, &msg);

        assert_int_equal(test_remote(&c, DOMAIN_PM_WAKEUP, &(remote_domain_pm_wakeup_args) { .dom = guest }, &void_ret), 0);
        assert_int_equal(c.n_events, 2);
        assert_int_equal(c.event.procedure, REMOTE_PROC_DOMAIN_EVENT_PMWAKEUP);
        assert_int_equal(rpc_decode(c.event_body.data, c.event_body.len, remote_codec_DOMAIN_EVENT_PMWAKEUP.ret, &old_msg), 0);
        assert_string_equal(old_msg.dom.name, "guest");
        rpc_free(remote_codec_DOMAIN_EVENT_PMWAKEUP.ret, &old_msg);

        assert_int_equal(test_remote(&c, CONNECT_DOMAIN_EVENT_CALLBACK_DEREGISTER_ANY,
                                     &(remote_connect_domain_event_callback_deregister_any_args) { 0 }, &void_ret), 0);
        assert_int_equal(test_remote(&c, CONNECT_DOMAIN_EVENT_CALLBACK_DEREGISTER_ANY,
                                     &(remote_connect_domain_event_callback_deregister_any_args) { 0 }, &void_ret), 1);
        assert_int_equal(test_remote(&c, DOMAIN_CREATE, &(remote_domain_create_args) { .dom = guest }, &void_ret), 0);
        assert_int_equal(c.n_events, 2);
        test_close(&c);
}

static void large_replies_arrive_whole(void **state) {
        remote_domain_get_xml_desc_args args = { .dom = guest, .flags = 4 * 1024 * 1024 };
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
        remote_domain_open_console_args args = { .dom = guest };
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
        remote_domain_screenshot_args args = { .dom = guest };
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
        remote_domain_open_graphics_fd_args out_args = { .dom = guest };
        remote_domain_fd_associate_args in_args = { .dom = guest, .name = name };
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

        test_send_call(&c, REMOTE_PROGRAM, REMOTE_PROC_DOMAIN_OPEN_GRAPHICS_FD, remote_codec_DOMAIN_OPEN_GRAPHICS_FD.args, &out_args);
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

static void closing_answers_first(void **state) {
        Fixture *f = *state;
        TestClient c;

        test_open(&c, f->path, "test:///system", 0);
        assert_int_equal(test_remote(&c, CONNECT_CLOSE, &nothing, &void_ret), 0);
        assert_true(test_is_closed(&c));
        test_close(&c);
}

static void pings_are_answered(void **state) {
        PacketHeader ping = { .program = KEEPALIVE_PROGRAM, .version = 1, .procedure = 1, .type = PACKET_MESSAGE };
        _cleanup_buffer_ Buffer b = {};
        TestPacket p;
        TestClient c;

        test_connect(&c, ((Fixture *) *state)->path);
        assert_int_equal(packet_add(&b, &ping, NULL, 0), 0);
        test_send(&c, b.data, b.len);
        assert_true(test_receive(&c, &p));
        assert_int_equal(p.header.program, KEEPALIVE_PROGRAM);
        assert_int_equal(p.header.procedure, 2);
        assert_int_equal(p.header.type, PACKET_MESSAGE);
        buffer_done(&p.body);
        test_close(&c);
}

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
                  { 0, 0, 0, 32, 0x20, 0, 0x80, 0x86, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 33 },
                  32 },
                { "descriptors announced, bytes without any",
                  { 0, 0, 0, 32, 0x20, 0, 0x80, 0x86, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0 },
                  33 },
                { "descriptors without a count",
                  { 0, 0, 0, 28, 0x20, 0, 0x80, 0x86, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0 }, 28 },
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

/* Asks for 400 MiB and reads nothing: the daemon stops taking its calls. */
static void a_client_that_never_reads_is_held_back(void **state) {
        remote_domain_get_xml_desc_args args = { .dom = guest, .flags = 4 * 1024 * 1024 };
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

static void idle_daemons_end_and_busy_ones_do_not(void **state) {
        Fixture *f = *state;
        TestClient c;
        int status;

        test_open(&c, f->path, "test:///system", 0);
        sleep(2);
        assert_int_equal(waitpid(f->pid, &status, WNOHANG), 0);
        test_close(&c);
        assert_int_equal(waitpid(f->pid, &status, 0), f->pid);
        assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
        f->pid = start_daemon(f, "0");
        check_alive(f);
}

static void other_programs_are_for_other_sockets(void **state) {
        Fixture *f = *state;
        TestClient c;

        test_connect(&c, f->admin_path);
        assert_int_equal(test_remote(&c, CONNECT_OPEN, &(remote_connect_open_args) {}, &void_ret), 39);
        test_close(&c);
}

/* The daemon behind dies: the calls that wait for it are answered, and the connection ends; a new one works again. */
static void a_daemon_that_dies_is_told_of(void **state) {
        remote_domain_suspend_args slow = { .dom = guest };
        Fixture *f = *state;
        char path[96];
        TestPacket p;
        TestClient c;

        slow.dom.id = 20000;
        test_open(&c, f->path, "test:///system", 0);
        assert_int_equal(test_remote(&c, CONNECT_REGISTER_CLOSE_CALLBACK, &nothing, &void_ret), 0);
        test_send_call(&c, REMOTE_PROGRAM, REMOTE_PROC_DOMAIN_SUSPEND, remote_codec_DOMAIN_SUSPEND.args, &slow);
        usleep(50000);
        kill(f->pid, SIGKILL);
        waitpid(f->pid, NULL, 0);
        assert_true(test_receive(&c, &p));
        assert_int_equal(p.header.type, PACKET_REPLY);
        assert_int_equal(p.header.status, PACKET_ERROR);
        buffer_done(&p.body);
        assert_true(test_receive(&c, &p));
        assert_int_equal(p.header.type, PACKET_MESSAGE);
        assert_int_equal(p.header.procedure, REMOTE_PROC_CONNECT_EVENT_CONNECTION_CLOSED);
        buffer_done(&p.body);
        assert_true(test_is_closed(&c));
        test_close(&c);

        f->pid = start_daemon(f, "0");
        snprintf(path, sizeof(path), "%s/virttestd-sock", f->folder);
        test_connect(&c, path);
        test_close(&c);
        check_alive(f);
}

static void proxies_refuse_what_nobody_holds(void **state) {
        remote_connect_open_args foreign = { .name = (char *[]) { (char *) "lxc:///" } };
        remote_connect_open_args absent = { .name = (char *[]) { (char *) "network:///system" } };
        remote_connect_num_of_networks_ret ret;
        Fixture *f = *state;
        TestClient c;

        test_connect(&c, f->path);
        assert_int_equal(test_remote(&c, CONNECT_OPEN, &foreign, &void_ret), 5);
        assert_int_equal(test_remote(&c, CONNECT_OPEN, &absent, &void_ret), 38);
        test_close(&c);
        test_open(&c, f->path, "test:///system", 0);
        assert_int_equal(test_remote(&c, CONNECT_NUM_OF_NETWORKS, &nothing, &ret), 3);
        assert_int_equal(c.error.domain, 19);
        test_close(&c);
}

#define proxy_test(f) cmocka_unit_test_setup_teardown(f, set_up_proxy, tear_down)
#define daemon_test(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

/* Under the daemon's name it is the daemon: a process of its own that inherits nothing. */
/* A file that asks for access control by polkit, which is not there, must not be served without. */
int main(int argc, char **argv) {
        static const struct CMUnitTest tests[] = {
                daemon_test(calls_are_answered),
                daemon_test(wrong_calls_get_the_errors_clients_expect),
                daemon_test(readonly_connections_cannot_write),
                daemon_test(slow_calls_do_not_hold_up_others),
                daemon_test(pipelined_calls_wait_for_their_turn),
                daemon_test(calls_wait_for_the_opening),
                daemon_test(events_reach_those_who_registered),
                daemon_test(large_replies_arrive_whole),
                daemon_test(a_console_goes_both_ways),
                daemon_test(a_download_ends_with_an_empty_packet),
                daemon_test(descriptors_travel_both_ways),
                daemon_test(closing_answers_first),
                daemon_test(pings_are_answered),
                daemon_test(hostile_frames_harm_nobody_else),
                daemon_test(descriptors_of_no_packet_are_refused),
                daemon_test(half_a_frame_costs_a_connection_only),
                daemon_test(a_client_that_never_reads_is_held_back),
                daemon_test(other_programs_are_for_other_sockets),
                proxy_test(calls_are_answered),
                proxy_test(readonly_connections_cannot_write),
                proxy_test(slow_calls_do_not_hold_up_others),
                proxy_test(pipelined_calls_wait_for_their_turn),
                proxy_test(events_reach_those_who_registered),
                proxy_test(large_replies_arrive_whole),
                proxy_test(a_console_goes_both_ways),
                proxy_test(a_download_ends_with_an_empty_packet),
                proxy_test(descriptors_travel_both_ways),
                proxy_test(a_client_that_never_reads_is_held_back),
                proxy_test(a_daemon_that_dies_is_told_of),
                proxy_test(proxies_refuse_what_nobody_holds),
                cmocka_unit_test_setup_teardown(idle_daemons_end_and_busy_ones_do_not, set_up_idle, tear_down),
        };

        if (streq(argv[0], "virttestd"))
                return daemon_main(argc, argv, test_drivers, n_test_drivers);
        return cmocka_run_group_tests(tests, NULL, NULL);
}
