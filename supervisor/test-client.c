/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "test-client.h"

#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "base/strings.h"

#define XDR_ERROR ((xdrproc_t) (void (*)(void)) xdr_rpc_error)

/* A test that fails is torn down; what it started ends with it. */
#define must(x)                                                                                              \
        do                                                                                                   \
                if (!(x))                                                                                    \
                        fail_msg("%s:%d: %s failed: %s", __FILE__, __LINE__, #x, strerror(errno));           \
        while (0)

void test_connect(TestClient *c, const char *path) {
        union {
                struct sockaddr sa;
                struct sockaddr_un un;
        } a = { .un.sun_family = AF_UNIX };

        *c = (TestClient) {};
        snprintf(a.un.sun_path, sizeof(a.un.sun_path), "%s", path);
        c->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        must(c->fd >= 0);
        for (int i = 0; connect(c->fd, &a.sa, sizeof(a.un)) < 0; i++) {
                must((errno == ENOENT || errno == ECONNREFUSED) && i < 500);
                usleep(10000);
        }
}

void test_close(TestClient *c) {
        close(c->fd);
        buffer_done(&c->event_body);
        rpc_free(XDR_ERROR, &c->error);
}

void test_open(TestClient *c, const char *path, const char *uri, unsigned flags) {
        remote_connect_open_args args = { .name = (char **) &uri, .flags = flags };
        remote_auth_list_ret auth = {};

        test_connect(c, path);
        must(test_remote(c, AUTH_LIST, &(rpc_void) {}, &auth) == 0);
        rpc_free(remote_codec_AUTH_LIST.ret, &auth);
        must(test_remote(c, CONNECT_OPEN, &args, &(rpc_void) {}) == 0);
}

void test_send(TestClient *c, const void *data, size_t len) {
        const char *p = data;

        while (len > 0) {
                ssize_t n = send(c->fd, p, len, MSG_NOSIGNAL);

                if (n < 0 && (errno == EPIPE || errno == ECONNRESET))
                        return;
                must(n > 0);
                p += n;
                len -= (size_t) n;
        }
}

void test_send_call(TestClient *c, uint32_t program, int32_t procedure, xdrproc_t codec, const void *args) {
        PacketHeader h = { .program = program, .version = 1, .procedure = procedure, .serial = c->serial++ };
        _cleanup_buffer_ Buffer b = {};

        must(packet_add_value(&b, &h, codec, args) == 0);
        test_send(c, b.data, b.len);
}

static bool receive_all(TestClient *c, void *data, size_t len) {
        char *p = data;

        while (len > 0) {
                struct pollfd pfd = { .fd = c->fd, .events = POLLIN };
                ssize_t n;

                must(poll(&pfd, 1, 20000) == 1);
                n = recv(c->fd, p, len, 0);
                if (n == 0 || (n < 0 && errno == ECONNRESET))
                        return false;
                must(n > 0);
                p += n;
                len -= (size_t) n;
        }
        return true;
}

bool test_receive(TestClient *c, TestPacket *ret) {
        uint8_t head[PACKET_HEADER_SIZE];
        size_t len;

        *ret = (TestPacket) {};
        if (!receive_all(c, head, sizeof(head)))
                return false;
        packet_parse_header(head, &ret->header);
        len = packet_word(head) - PACKET_HEADER_SIZE;
        must(buffer_reserve(&ret->body, len) == 0);
        ret->body.len = len;
        if (receive_all(c, ret->body.data, len))
                return true;
        buffer_done(&ret->body);
        return false;
}

static void keep_event(TestClient *c, TestPacket *p) {
        c->n_events++;
        c->event = p->header;
        buffer_done(&c->event_body);
        c->event_body = p->body;
}

int test_call(TestClient *c, uint32_t program, int32_t procedure, const RpcCodec *codec, const void *args, void *ret) {
        uint32_t serial = c->serial;
        TestPacket p;
        int r;

        test_send_call(c, program, procedure, codec->args, args);
        for (;;) {
                must(test_receive(c, &p));
                if (p.header.type == PACKET_REPLY && p.header.serial == serial)
                        break;
                keep_event(c, &p);
        }
        must(p.header.program == program && p.header.procedure == procedure && p.header.version == 1);
        rpc_free(XDR_ERROR, &c->error);
        if (p.header.status == PACKET_OK) {
                memset(ret, 0, codec->ret_size);
                must(rpc_decode(p.body.data, p.body.len, codec->ret, ret) == 0);
                r = 0;
        } else {
                must(rpc_decode(p.body.data, p.body.len, XDR_ERROR, &c->error) == 0);
                r = c->error.code;
        }
        buffer_done(&p.body);
        return r;
}

bool test_is_closed(TestClient *c) {
        char buf[4096];

        for (;;) {
                struct pollfd pfd = { .fd = c->fd, .events = POLLIN };
                ssize_t n;

                if (poll(&pfd, 1, 5000) != 1)
                        return false;
                n = recv(c->fd, buf, sizeof(buf), 0);
                if (n <= 0)
                        return true;
        }
}
