/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Calls that another daemon answers.
 *
 * The daemon is reached at its socket, the read-only one for a read-only client. Once it is opened (upstream-own.c)
 * everything passes as it is; a client's serial numbers are unique on its connection, so they are on this one, which is
 * its alone. */

#include "upstream-internal.h"

#include <sys/socket.h>

#include "base/fs.h"
#include "base/socket.h"
#include "base/strings.h"

Upstream *upstream_find(const Client *c, DriverClass class) {
        for (Upstream *u = c->upstreams; u; u = u->next)
                if (u->class == class && !u->failed)
                        return u;
        return NULL;
}

static bool same_call(const PacketHeader *a, const PacketHeader *b) {
        return a->serial == b->serial && a->procedure == b->procedure && a->program == b->program;
}

static void finish_pending(Upstream *u, Pending **at) {
        Connection *conn = u->client->connection;
        Pending *q = *at;

        *at = q->next;
        free(q);
        connection_call_ended(conn);
}

static int add_passage(Upstream *u, const PacketHeader *h) {
        Passage *s = malloc(sizeof(*s));

        if (!s)
                return -ENOMEM;
        *s = (Passage){ .header = *h, .next = u->passages };
        u->passages = s;
        link_keep_buffers(u->link, true);
        if (u->client->connection->link)
                link_keep_buffers(u->client->connection->link, true);
        return 0;
}

static Passage **find_passage(Upstream *u, const PacketHeader *h) {
        for (Passage **s = &u->passages; *s; s = &(*s)->next)
                if (same_call(&(*s)->header, h))
                        return s;
        return NULL;
}

static void end_passage(Passage **at) {
        Passage *s = *at;

        *at = s->next;
        free(s);
}

/* From the daemon */

static int daemon_reply(Upstream *u, Packet *p) {
        int r;

        for (Pending **q = &u->pending; *q; q = &(*q)->next) {
                bool streams;

                if (!same_call(&(*q)->header, &p->header))
                        continue;
                streams = (*q)->procedure->flags & (RPC_STREAM_IN | RPC_STREAM_OUT);
                if (streams && p->header.status == PACKET_OK) {
                        r = add_passage(u, &p->header);
                        if (r < 0)
                                return r;
                }
                r = pass_packet(u->client->connection->link, p);
                finish_pending(u, q);
                return r == -ENOTCONN ? 0 : r;
        }
        return 0;
}

static int daemon_stream(Upstream *u, Packet *p) {
        Passage **s = find_passage(u, &p->header);

        if (!s)
                return 0;
        /* Anything but data is the last packet of the stream. */
        if (p->header.status != PACKET_CONTINUE)
                end_passage(s);
        return pass_packet(u->client->connection->link, p) == -ENOMEM ? -ENOMEM : 0;
}

static int daemon_keepalive(Upstream *u, const Packet *p) {
        PacketHeader pong = p->header;

        if (p->header.procedure != 1)
                return 0;
        pong.procedure = 2;
        link_flush(u->link);
        return packet_add(link_out(u->link), &pong, NULL, 0);
}

static PipeEnd *on_pipe(Link *l, const PacketHeader *h, size_t len, void *userdata) {
        Upstream *u = userdata;
        Connection *conn = u->client->connection;

        if (!conn->link || !link_is_alive(conn->link) || !find_passage(u, h))
                return NULL;
        return pass_pipe(conn->link, h, len, &u->here);
}

static void on_moved(Link *l, const PacketHeader *h, size_t len, void *userdata) {
        Upstream *u = userdata;
        Connection *conn = u->client->connection;

        if (conn->link)
                pass_moved(conn->link, h, len, &u->here);
}

static int on_packet(Link *l, Packet *p, void *userdata) {
        Upstream *u = userdata;
        Connection *conn = u->client->connection;

        if (p->header.program == KEEPALIVE_PROGRAM)
                return daemon_keepalive(u, p);
        if (p->header.serial >= OWN_SERIAL && p->header.type == PACKET_REPLY) {
                upstream_own_reply(u, p);
                return 0;
        }
        if (!conn->link || !link_is_alive(conn->link))
                return 0;
        /* The client is slow: so are we. */
        if (link_pending(conn->link) > LINK_OUT_HIGH)
                return 1;
        switch (p->header.type) {
        case PACKET_REPLY:
        case PACKET_REPLY_FDS:
                return daemon_reply(u, p);
        case PACKET_STREAM:
        case PACKET_STREAM_HOLE:
                return daemon_stream(u, p);
        case PACKET_MESSAGE:
                connection_send_event(conn, p->header.program, p->header.procedure, p->payload, p->len);
                return 0;
        default:
                return -EBADMSG;
        }
}

static void on_drained(Link *l, void *userdata) {
        Upstream *u = userdata;

        if (u->client->connection->link)
                link_resume(u->client->connection->link);
}

int upstream_unreachable(const char *driver, int r, Error *e) {
        return error_set_errno(e, r, ORIGIN_RPC, "cannot reach the daemon virt%sd (systemctl status virt%sd.service)",
                               driver, driver);
}

/* Daemons without the driver refuse the opening: for the client the function is not supported, as if nobody were there.
 * One that ends before it has answered could not be started (systemd closes its socket then) or has crashed. */
static void refuse_call(const Upstream *u, const Pending *q, Error *e) {
        if (u->opened)
                error_set(e, -ECONNRESET, ERROR_RPC, ORIGIN_RPC, "the daemon behind this call has gone");
        else if (u->error.code != 0)
                error_set(e, -EOPNOTSUPP, ERROR_NO_SUPPORT, q->origin, "%s", q->procedure->api ?: "this call");
        else
                (void) upstream_unreachable(u->driver, u->result, e);
}

static void refuse_pending(Upstream *u) {
        Connection *conn = u->client->connection;

        while (u->pending) {
                const Pending *q = u->pending;
                _cleanup_error_ Error e = ERROR_INIT;

                refuse_call(u, q, &e);
                connection_reply_error(conn, &q->header, -ECONNRESET, &e);
                finish_pending(u, &u->pending);
        }
        while (u->passages) {
                PacketHeader h = u->passages->header;

                h.type = PACKET_STREAM;
                if (conn->link && link_out(conn->link) &&
                    packet_add_error(link_out(conn->link), &h, -ECONNRESET, NULL) >= 0)
                        link_flush(conn->link);
                end_passage(&u->passages);
        }
}

/* The client that opened this daemon has lost what it is connected to. It is told if it asked for that, and then has to
 * connect anew. */
static void lost_primary(Client *c) {
        remote_connect_event_connection_closed_msg msg = { .reason = 1 /* end of file */ };
        _cleanup_buffer_ Buffer b = {};

        if (c->close_callback && rpc_encode(&b, 64, remote_codec_CONNECT_EVENT_CONNECTION_CLOSED.ret, &msg) >= 0)
                connection_send_event(c->connection, REMOTE_PROGRAM, REMOTE_PROC_CONNECT_EVENT_CONNECTION_CLOSED,
                                      b.data, b.len);
        if (c->connection->link)
                link_close_when_drained(c->connection->link);
}

static void upstream_free(Upstream *u) {
        upstream_drop_questions(u);
        fiber_queue_wake_all(&u->waiters, -ECONNRESET);
        link_free(u->link);
        duct_done(&u->there);
        duct_done(&u->here);
        error_done(&u->error);
        free(u);
}

/* One that refused is kept, without its link, for whoever waits to read the cause. */
static void on_closed(Link *l, int r, void *userdata) {
        Upstream *u = userdata;
        Client *c = u->client;
        bool primary = u->opened && c->opened && c->primary && c->primary->class == u->class;

        u->failed = true;
        if (u->result >= 0)
                u->result = -ECONNRESET;
        refuse_pending(u);
        upstream_drop_questions(u);
        fiber_queue_wake_all(&u->waiters, u->result);
        /* what the client sent for it waits no longer */
        if (c->connection->link)
                link_resume(c->connection->link);
        if (primary)
                lost_primary(c);
}

static const LinkOps link_ops = {
        .packet = on_packet,
        .pipe = on_pipe,
        .moved = on_moved,
        .drained = on_drained,
        .closed = on_closed,
};

/* To the daemon */

static int connect_daemon(const Client *c, const char *driver) {
        _cleanup_free_ char *path =
                text_format("%s/virt%sd-sock%s", path_run(), driver, c->connection->readonly ? "-ro" : "");

        return path ? unix_connect(path, SOCK_STREAM | SOCK_NONBLOCK) : -ENOMEM;
}

/* One that failed before makes room: a daemon may have been installed or started since. */
static void forget_failed(Client *c, DriverClass class) {
        for (Upstream **u = &c->upstreams; *u;)
                if ((*u)->class == class && (*u)->failed && fiber_queue_is_empty(&(*u)->waiters)) {
                        Upstream *gone = *u;

                        *u = gone->next;
                        upstream_free(gone);
                } else
                        u = &(*u)->next;
}

int upstream_get(Client *c, DriverClass class, const char *driver, const char *uri, Upstream **ret) {
        Transport *t;
        Upstream *u;
        int fd, r;

        u = upstream_find(c, class);
        if (u) {
                *ret = u;
                return 0;
        }
        forget_failed(c, class);
        fd = connect_daemon(c, driver);
        if (fd < 0)
                return fd;
        r = transport_new_socket(fd, &t);
        if (r < 0)
                return r;
        u = calloc(1, sizeof(*u));
        if (!u) {
                transport_free(t);
                return -ENOMEM;
        }
        *u = (Upstream){ .client = c, .class = class, .driver = driver };
        r = link_new(c->server->loop, t, &link_ops, u, &u->link);
        if (r >= 0)
                r = upstream_send_opening(u, driver, uri);
        if (r < 0) {
                upstream_free(u);
                return r;
        }
        u->next = c->upstreams;
        c->upstreams = u;
        *ret = u;
        return 0;
}

int upstream_call(Upstream *u, Packet *p, const RpcProcedure *procedure, ErrorOrigin origin) {
        Connection *conn = u->client->connection;
        Pending *q;
        int r;

        if (link_pending(u->link) > LINK_OUT_HIGH)
                return 1;
        if (p->header.serial >= OWN_SERIAL)
                return -EBADMSG;
        q = malloc(sizeof(*q));
        if (!q)
                return -ENOMEM;
        *q = (Pending){ .header = p->header, .procedure = procedure, .origin = origin, .next = u->pending };
        u->pending = q;
        connection_call_began(conn);
        if (procedure->kind == RPC_KIND_SECRET) {
                link_leave_no_trace(conn->link);
                link_leave_no_trace(u->link);
        }
        r = pass_packet(u->link, p);
        if (r >= 0)
                return 0;
        connection_reply_error(conn, &p->header, r, NULL);
        finish_pending(u, &u->pending);
        return 0;
}

int upstream_stream(Client *c, Packet *p) {
        for (Upstream *u = c->upstreams; u; u = u->next) {
                if (u->failed || !find_passage(u, &p->header))
                        continue;
                if (link_pending(u->link) > LINK_OUT_HIGH)
                        return 1;
                return pass_packet(u->link, p) == -ENOMEM ? -ENOMEM : 0;
        }
        return 0;
}

PipeEnd *upstream_pipe(Client *c, const PacketHeader *h, size_t len) {
        PipeEnd *end = NULL;

        for (Upstream *u = c->upstreams; u; u = u->next) {
                u->moving = !end && !u->failed && find_passage(u, h);
                if (u->moving)
                        end = pass_pipe(u->link, h, len, &u->there);
        }
        return end;
}

/* Also where the daemon has ended the stream meanwhile: it does not mind. */
void upstream_moved(Client *c, const PacketHeader *h, size_t len) {
        for (Upstream *u = c->upstreams; u; u = u->next)
                if (u->moving && !u->failed)
                        pass_moved(u->link, h, len, &u->there);
}

void upstream_client_drained(Client *c) {
        for (Upstream *u = c->upstreams; u; u = u->next)
                if (!u->failed)
                        link_resume(u->link);
}

void upstream_drop_all(Client *c) {
        Connection *conn = c->connection;

        while (c->upstreams) {
                Upstream *u = c->upstreams;

                c->upstreams = u->next;
                while (u->pending) {
                        Pending *q = u->pending;

                        u->pending = q->next;
                        free(q);
                        connection_call_ended(conn);
                }
                while (u->passages)
                        end_passage(&u->passages);
                upstream_free(u);
        }
}
