/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "machined.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>

#include "base/strings.h"

#define BUS "/run/dbus/system_bus_socket"
#define MACHINED "org.freedesktop.machine1"
#define MANAGER "/org/freedesktop/machine1"
#define TIMEOUT_SEC 5
/* Longer answers than these are none to our questions. */
#define MESSAGE_MAX 65536U

enum { TYPE_CALL = 1, TYPE_RETURN = 2, TYPE_ERROR = 3 };
enum { FIELD_PATH = 1, FIELD_INTERFACE, FIELD_MEMBER, FIELD_ERROR, FIELD_REPLY, FIELD_DESTINATION, FIELD_SENDER, FIELD_SIGNATURE };

/* Each of our calls has a number of its own; the answer names it. */
enum { SERIAL_HELLO = 1, SERIAL_GET, SERIAL_UNIT, SERIAL_UNREGISTER, SERIAL_REGISTER };

/* --- writing --- */

static void pad(StrBuf *b, size_t to) {
        while (!b->failed && b->len % to > 0)
                strbuf_addc(b, 0);
}

/* In the machine's byte order, which the first byte of a message names. */
static void add_u32(StrBuf *b, uint32_t v) {
        pad(b, 4);
        strbuf_addn(b, (const char *) &v, sizeof v);
}

static void add_string(StrBuf *b, const char *s) {
        add_u32(b, (uint32_t) strlen(s));
        strbuf_addn(b, s, strlen(s) + 1);
}

static void add_bytes(StrBuf *b, const uint8_t *bytes, uint32_t n) {
        add_u32(b, n);
        strbuf_addn(b, (const char *) bytes, n);
}

static void add_field(StrBuf *b, int code, char type, const char *value) {
        pad(b, 8);
        strbuf_addn(b, (char[]) { (char) code, 1, type, 0 }, 4);
        if (type == 'g') {
                strbuf_addc(b, (char) strlen(value));
                strbuf_addn(b, value, strlen(value) + 1);
        } else
                add_string(b, value);
}

static int send_all(int fd, const char *data, size_t n) {
        while (n > 0) {
                ssize_t k = send(fd, data, n, MSG_NOSIGNAL);

                if (k < 0 && errno == EINTR)
                        continue;
                if (k < 0)
                        return errno == EAGAIN ? -ETIMEDOUT : -errno;
                data += k;
                n -= (size_t) k;
        }
        return 0;
}

typedef struct BusCall {
        uint32_t serial;
        const char *destination, *path, *interface, *member;
        const char *signature;   /* of the body; NULL: none */
} BusCall;

/* body is consumed. */
static int send_call(int fd, const BusCall *c, StrBuf *body) {
        _cleanup_strbuf_ StrBuf b = {};
        char order = *(const char *) &(uint16_t) { 1 } ? 'l' : 'B';
        uint32_t n;

        strbuf_addn(&b, (char[]) { order, TYPE_CALL, 0, 1 }, 4);
        add_u32(&b, body ? (uint32_t) body->len : 0);
        add_u32(&b, c->serial);
        add_u32(&b, 0);
        add_field(&b, FIELD_PATH, 'o', c->path);
        add_field(&b, FIELD_DESTINATION, 's', c->destination);
        add_field(&b, FIELD_INTERFACE, 's', c->interface);
        add_field(&b, FIELD_MEMBER, 's', c->member);
        if (c->signature)
                add_field(&b, FIELD_SIGNATURE, 'g', c->signature);
        n = (uint32_t) b.len - 16;
        pad(&b, 8);
        if (body && !body->failed)
                strbuf_addn(&b, body->data, body->len);
        if (b.failed || (body && body->failed))
                return -ENOMEM;
        memcpy(b.data + 12, &n, sizeof n);
        return send_all(fd, b.data, b.len);
}

/* --- reading --- */

static int receive(int fd, void *data, size_t n) {
        char *p = data;

        while (n > 0) {
                ssize_t k = recv(fd, p, n, 0);

                if (k < 0 && errno == EINTR)
                        continue;
                if (k < 0)
                        return errno == EAGAIN ? -ETIMEDOUT : -errno;
                if (k == 0)
                        return -ECONNRESET;
                p += k;
                n -= (size_t) k;
        }
        return 0;
}

typedef struct BusReply {
        int type;
        uint32_t serial;         /* of the call that it answers, 0: none */
        char *error;             /* name of the error, in data */
        char *data;              /* fields, then body */
        size_t body, len;        /* where the body begins, and the end */
} BusReply;

static void reply_done(BusReply *r) {
        free(r->data);
        *r = (BusReply) {};
}
#define _cleanup_reply_ _cleanup_(reply_done)

/* A string at *at, which is moved behind it; NULL where there is no whole one. */
static char *read_string(const BusReply *r, size_t *at, size_t end) {
        size_t p = (*at + 3) & ~(size_t) 3;
        uint32_t n;

        if (p + 4 > end)
                return NULL;
        memcpy(&n, r->data + p, sizeof n);
        p += 4;
        if (n >= end - p || r->data[p + n])
                return NULL;
        *at = p + n + 1;
        return r->data + p;
}

/* The header's fields: those with one string, one number or one signature; a message of the bus has no others. */
static int read_fields(BusReply *r, size_t end) {
        for (size_t at = 0; at < end;) {
                int code;
                char type;

                at = (at + 7) & ~(size_t) 7;
                if (at + 4 > end || r->data[at + 1] != 1)
                        return -EPROTO;
                code = r->data[at];
                type = r->data[at + 2];
                at += 4;
                if (type == 'u') {
                        if (at + 4 > end)
                                return -EPROTO;
                        if (code == FIELD_REPLY)
                                memcpy(&r->serial, r->data + at, sizeof r->serial);
                        at += 4;
                } else if (type == 'g') {
                        if (at >= end || (unsigned char) r->data[at] + 2U > end - at)
                                return -EPROTO;
                        at += (unsigned char) r->data[at] + 2U;
                } else if (type == 's' || type == 'o') {
                        char *s = read_string(r, &at, end);

                        if (!s)
                                return -EPROTO;
                        if (code == FIELD_ERROR)
                                r->error = s;
                } else
                        return -EPROTO;
        }
        return 0;
}

static int read_message(int fd, BusReply *r) {
        struct {
                uint8_t order, type, flags, version;
                uint32_t body, serial, fields;
        } head;
        int k;

        k = receive(fd, &head, sizeof head);
        if (k < 0)
                return k;
        if (head.version != 1 || head.order != (*(const char *) &(uint16_t) { 1 } ? 'l' : 'B') ||
            head.fields > MESSAGE_MAX || head.body > MESSAGE_MAX)
                return -EPROTO;
        r->type = head.type;
        r->body = (head.fields + 7U) & ~7U;
        r->len = r->body + head.body;
        r->data = malloc(r->len + 1);
        if (!r->data)
                return -ENOMEM;
        k = receive(fd, r->data, r->len);
        return k < 0 ? k : read_fields(r, head.fields);
}

/* The answer to one call; signals of the bus are passed over. 1 for an error. */
static int wait_reply(int fd, uint32_t serial, BusReply *ret) {
        for (;;) {
                _cleanup_reply_ BusReply r = {};
                int k;

                k = read_message(fd, &r);
                if (k < 0)
                        return k;
                if (r.serial != serial || (r.type != TYPE_RETURN && r.type != TYPE_ERROR))
                        continue;
                *ret = r;
                r = (BusReply) {};
                return ret->type == TYPE_ERROR;
        }
}

static bool is_error(const BusReply *r, const char *name) {
        return r->type == TYPE_ERROR && streq_ptr(r->error, name);
}

/* --- the conversation --- */

static int authenticate(int fd) {
        static const char begin[] = "BEGIN\r\n";
        _cleanup_strbuf_ StrBuf b = {};
        char uid[16], answer[256];
        size_t n = 0;
        int r;

        (void) snprintf(uid, sizeof uid, "%u", (unsigned) geteuid());
        strbuf_addc(&b, 0);
        strbuf_add(&b, "AUTH EXTERNAL ");
        for (const char *c = uid; *c; c++)
                strbuf_addf(&b, "%02x", (unsigned char) *c);
        strbuf_add(&b, "\r\n");
        r = b.failed ? -ENOMEM : send_all(fd, b.data, b.len);
        while (r >= 0 && (n < 2 || answer[n - 1] != '\n')) {
                if (n == sizeof answer)
                        return -EPROTO;
                r = receive(fd, answer + n++, 1);
        }
        if (r < 0)
                return r;
        if (n < 3 || memcmp(answer, "OK ", 3) != 0)
                return -EACCES;
        return send_all(fd, begin, strlen(begin));
}

static int connect_bus(void) {
        const struct sockaddr_un sa = { .sun_family = AF_UNIX, .sun_path = BUS };
        const struct timeval limit = { .tv_sec = TIMEOUT_SEC };
        const BusCall hello = { SERIAL_HELLO, "org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus", "Hello", NULL };
        _cleanup_reply_ BusReply reply = {};
        _cleanup_close_ int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        int r;

        if (fd < 0)
                return -errno;
        (void) setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
        (void) setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
        if (connect(fd, (const struct sockaddr *) &sa, sizeof sa) < 0)
                return errno == ECONNREFUSED ? -ENOENT : -errno;
        r = authenticate(fd);
        if (r >= 0)
                r = send_call(fd, &hello, NULL);
        if (r >= 0)
                r = wait_reply(fd, SERIAL_HELLO, &reply);
        if (r != 0)
                return r < 0 ? r : -EACCES;
        return TAKE_FD(fd);
}

/* 1 where the machine is one of this unit. */
static int is_ours(int fd, const char *path, const char *unit) {
        const BusCall get = { SERIAL_UNIT, MACHINED, path, "org.freedesktop.DBus.Properties", "Get", "ss" };
        _cleanup_strbuf_ StrBuf body = {};
        _cleanup_reply_ BusReply reply = {};
        const char *value;
        size_t at;
        int r;

        add_string(&body, MACHINED ".Machine");
        add_string(&body, "Unit");
        r = send_call(fd, &get, &body);
        if (r >= 0)
                r = wait_reply(fd, SERIAL_UNIT, &reply);
        if (r != 0)
                return r < 0 ? r : 0;
        /* a variant: its signature "s", then the string */
        at = reply.body + 3;
        if (at > reply.len || memcmp(reply.data + reply.body, "\1s", 3) != 0)
                return -EPROTO;
        value = read_string(&reply, &at, reply.len);
        return value ? streq(value, unit) : -EPROTO;
}

static int unregister(int fd, const char *machine) {
        const BusCall call = { SERIAL_UNREGISTER, MACHINED, MANAGER, MACHINED ".Manager", "UnregisterMachine", "s" };
        _cleanup_strbuf_ StrBuf body = {};
        _cleanup_reply_ BusReply reply = {};
        int r;

        add_string(&body, machine);
        r = send_call(fd, &call, &body);
        if (r >= 0)
                r = wait_reply(fd, SERIAL_UNREGISTER, &reply);
        return r;
}

/* Also starts machined where it does not run yet. */
static int free_name(int fd, const char *machine, const char *unit) {
        const BusCall call = { SERIAL_GET, MACHINED, MANAGER, MACHINED ".Manager", "GetMachine", "s" };
        _cleanup_strbuf_ StrBuf body = {};
        _cleanup_reply_ BusReply reply = {};
        const char *path;
        size_t at;
        int r;

        add_string(&body, machine);
        r = send_call(fd, &call, &body);
        if (r >= 0)
                r = wait_reply(fd, SERIAL_GET, &reply);
        if (r < 0)
                return r;
        if (is_error(&reply, MACHINED ".NoSuchMachine"))
                return 0;
        if (r > 0)
                return -ENOENT;
        at = reply.body;
        path = read_string(&reply, &at, reply.len);
        r = path ? is_ours(fd, path, unit) : -EPROTO;
        if (r == 0)
                return -EEXIST;
        return r < 0 ? r : unregister(fd, machine);
}

int machined_connect(const char *machine, const char *unit, int *ret) {
        _cleanup_close_ int fd = connect_bus();
        int r;

        if (fd < 0)
                return fd;
        r = free_name(fd, machine, unit);
        if (r < 0)
                return r;
        *ret = TAKE_FD(fd);
        return 0;
}

int machined_register(int fd, const char *machine, const uint8_t uuid[16], uint32_t leader) {
        const BusCall call = { SERIAL_REGISTER, MACHINED, MANAGER, MACHINED ".Manager", "RegisterMachine", "sayssus" };
        _cleanup_strbuf_ StrBuf body = {};

        add_string(&body, machine);
        add_bytes(&body, uuid, 16);
        add_string(&body, "unitvirt");
        add_string(&body, "vm");
        add_u32(&body, leader);
        add_string(&body, "");
        return send_call(fd, &call, &body);
}

int machined_finish(int fd, char **ret_message) {
        _cleanup_reply_ BusReply reply = {};
        const char *text;
        size_t at;
        int r;

        r = wait_reply(fd, SERIAL_REGISTER, &reply);
        if (r <= 0)
                return r;
        at = reply.body;
        text = read_string(&reply, &at, reply.len);
        *ret_message = strdup(text ?: reply.error ?: "no reason given");
        return *ret_message ? -EREMOTEIO : -ENOMEM;
}
