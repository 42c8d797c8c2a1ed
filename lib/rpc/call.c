/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A call: arguments decoded, a fiber with the handler, the reply. */

#include "base/log.h"
#include "rpc/access.h"
#include "rpc/server.h"

struct Call {
        Connection *connection;
        PacketHeader header;
        const RpcProcedure *procedure;
        const RpcHandler *handler;
        DriverInstance *driver;
        FdList fds;
        FdList out_fds;
        Stream *stream;
        void (*replied)(Connection *c);
        void *scope;            /* what the prologue of the row keeps for its handler */
        bool checked;           /* a handler has asked whether the caller may do this */
        void *args;
        void *ret;
};

void *call_driver(const Call *c) {
        return c->driver->state;
}

void call_set_scope(Call *c, void *scope) {
        c->scope = scope;
}

void *call_scope(const Call *c) {
        return c->scope;
}

Loop *call_loop(const Call *c) {
        return c->connection->loop;
}

const RpcProcedure *call_procedure(const Call *c) {
        return c->procedure;
}

const PacketHeader *call_header(const Call *c) {
        return &c->header;
}

Connection *call_connection(const Call *c) {
        return c->connection;
}

bool call_is_readonly(const Call *c) {
        return c->connection->readonly;
}

int call_check_writable(const Call *c, Error *e) {
        if (!c->connection->readonly)
                return 0;
        return error_set(e, -EPERM, ERROR_OPERATION_DENIED, rpc_kind_origin(c->procedure->kind),
                         "read only access prevents %s", c->procedure->api);
}

int call_check_flags(const Call *c, uint32_t flags, uint32_t supported, Error *e) {
        if ((flags & ~supported) == 0)
                return 0;
        return error_set(e, -EINVAL, ERROR_INVALID_ARG, c->driver->driver->origin,
                         "unsupported flags (0x%x) in function %s", flags & ~supported,
                         c->procedure->api ?: "of this call");
}

int call_unsupported(const Call *c, Error *e) {
        return error_set(e, -EOPNOTSUPP, ERROR_NO_SUPPORT, rpc_kind_origin(c->procedure->kind), "%s",
                         c->procedure->api);
}

void call_set_checked(Call *c) {
        c->checked = true;
}

void call_after_reply(Call *c, void (*func)(Connection *c)) {
        c->replied = func;
}

/* Descriptors */

size_t call_n_fds(const Call *c) {
        return c->fds.n;
}

int call_fd(const Call *c, size_t i) {
        return i < c->fds.n ? c->fds.fd[i] : -EBADF;
}

int call_take_fd(Call *c, size_t i) {
        return i < c->fds.n ? TAKE_FD(c->fds.fd[i]) : -EBADF;
}

int call_add_fd(Call *c, int fd, Error *e) {
        _cleanup_close_ int own = fd;

        if (!c->connection->link || !link_can_pass_fds(c->connection->link))
                return error_set(e, -EOPNOTSUPP, ERROR_OPERATION_UNSUPPORTED, ORIGIN_RPC,
                                 "this connection cannot pass file descriptors");
        if (c->out_fds.n >= RPC_FDS_MAX)
                return error_set(e, -E2BIG, ERROR_INTERNAL, ORIGIN_RPC, "too many file descriptors in a reply");
        c->out_fds.fd[c->out_fds.n++] = TAKE_FD(own);
        return 0;
}

/* Streams of a call: opened by stream.c, begun by the reply. */

int call_set_stream(Call *c, Stream *s) {
        if (c->stream || !(c->procedure->flags & (RPC_STREAM_IN | RPC_STREAM_OUT)))
                return -EINVAL;
        c->stream = s;
        return 0;
}

/* The life of a call */

static Call *call_free(Call *c) {
        Connection *conn = c->connection;

        rpc_free(c->handler->codec->args, c->args);
        rpc_free(c->handler->codec->ret, c->ret);
        fd_list_close(&c->fds);
        fd_list_close(&c->out_fds);
        connection_call_ended(conn);
        connection_unref(conn);
        free(c);
        return NULL;
}

static int reply_with_fds(Call *c) {
        Link *l = c->connection->link;
        PacketHeader h = c->header;
        Buffer *out = link_out(l);
        size_t start, before = out->len;
        int r;

        h.type = PACKET_REPLY_FDS;
        r = packet_begin(out, &h, &start);
        if (r >= 0)
                r = buffer_add(out, (uint8_t[4]) { 0, 0, 0, (uint8_t) c->out_fds.n }, 4);
        if (r >= 0)
                r = rpc_encode(out, PACKET_PAYLOAD_MAX - 4, c->handler->codec->ret, c->ret);
        if (r >= 0)
                r = packet_end(out, start);
        if (r < 0) {
                out->len = before;
                return r;
        }
        for (unsigned i = 0; i < c->out_fds.n && r >= 0; i++)
                r = link_add_fd(l, TAKE_FD(c->out_fds.fd[i]));
        /* Half of the descriptors announced cannot be taken back. */
        if (r < 0)
                link_close(l, r);
        link_flush(l);
        return 0;
}

static void call_reply(Call *c, int r, const Error *e) {
        Connection *conn = c->connection;

        if (r >= 0 && conn->link && link_out(conn->link)) {
                if (c->out_fds.n > 0)
                        r = reply_with_fds(c);
                else
                        connection_reply(conn, &c->header, c->handler->codec->ret, c->ret);
        }
        if (r < 0)
                connection_reply_error(conn, &c->header, r, e);
        else if (c->replied && conn->link && link_is_alive(conn->link))
                c->replied(conn);
        if (!c->stream)
                return;
        if (r >= 0)
                stream_begin(c->stream);
        else
                stream_drop(c->stream);
}

static void call_main(void *userdata) {
        _cleanup_error_ Error e = ERROR_INIT;
        Call *c = userdata;
        int r;

        r = driver_instance_start(c->driver, &e);
        if (r >= 0)
                r = call_check_connect(c, &e);
        if (r >= 0)
                r = c->handler->prologue ? c->handler->prologue(c, c->handler, c->args, c->ret, &e)
                                         : c->handler->func(c, c->args, c->ret, &e);
        if (r >= 0 && !c->checked && call_needs_check(c)) {
                log_error("%s: the caller's access was not checked: its result is held back", c->procedure->api);
                r = error_set(&e, -EACCES, ERROR_ACCESS_DENIED, ORIGIN_ACCESS, "%s checks no access",
                              c->procedure->api);
        }
        call_reply(c, r, &e);
        call_free(c);
}

static size_t align(size_t n) {
        return (n + 15U) & ~(size_t) 15U;
}

void call_start(Connection *conn, Packet *p, const RpcProcedure *procedure, const RpcHandler *handler,
                DriverInstance *driver) {
        size_t args_at = align(sizeof(Call)), ret_at = args_at + align(handler->codec->args_size);
        _cleanup_error_ Error e = ERROR_INIT;
        Call *c;
        int r;

        c = calloc(1, ret_at + handler->codec->ret_size);
        if (!c) {
                connection_reply_error(conn, &p->header, -ENOMEM, NULL);
                return;
        }
        *c = (Call) {
                .connection = connection_ref(conn),
                .header = p->header,
                .procedure = procedure,
                .handler = handler,
                .driver = driver,
                .fds = *p->fds,
                .args = (char *) c + args_at,
                .ret = (char *) c + ret_at,
        };
        p->fds->n = 0;
        connection_call_began(conn);
        if (procedure->kind == RPC_KIND_SECRET)
                link_leave_no_trace(conn->link);

        r = rpc_decode(p->payload, p->len, handler->codec->args, c->args);
        if (r < 0)
                error_set(&e, r, ERROR_RPC, ORIGIN_RPC, "Unable to decode message payload");
        else
                r = fiber_spawn(conn->loop, call_main, c, NULL);
        if (r >= 0)
                return;
        call_reply(c, r, &e);
        call_free(c);
}
