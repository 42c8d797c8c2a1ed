/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Calls that another daemon answers.
 *
 * The daemon is reached at its socket, the read-only one for a read-only client. Three calls of our own come first, one
 * behind the other without waiting: the list of authentication methods (we are root, or the same user, and need none),
 * who the caller is, and the opening. Then everything passes as it is; a client's serial numbers are unique on its
 * connection, so they are on this one, which is its alone. */

#include "upstream.h"

#include <sys/socket.h>

#include "base/fs.h"
#include "base/socket.h"
#include "base/strings.h"
#include "pass.h"
#include "rpc/typed-params.h"

#define OWN_SERIAL 0xffffff00U /* of our own calls; a client that counts that far gets its number refused */
#define XDR(f) ((xdrproc_t) (void (*)(void))(f))

enum {
        SERIAL_AUTH = OWN_SERIAL,
        SERIAL_IDENTITY,
        SERIAL_OPEN,
        SERIAL_QUESTION, /* the first of those that are asked later */
};

/* A call whose answer has not come. */
typedef struct Pending {
        PacketHeader header;
        const RpcProcedure *procedure;
        ErrorOrigin origin;
        struct Pending *next;
} Pending;

/* A stream that a call opened there. */
typedef struct Passage {
        PacketHeader header;
        struct Passage *next;
} Passage;

/* A call of our own, on the stack of the fiber that waits for its answer. */
typedef struct Question {
        uint32_t serial;
        const RpcCodec *codec;
        void *ret;
        Error *e;
        FiberQueue asker;
        bool listed;
        struct Question *next;
} Question;

struct Upstream {
        Client *client;
        DriverClass class;
        const char *driver; /* a known one's name, which outlives this */
        Link *link;
        bool opened;
        bool failed;
        int result; /* of the opening */
        Error error;
        FiberQueue waiters;
        Pending *pending;
        Passage *passages;
        Duct there, here;       /* to the daemon, to the client */
        bool moving;            /* what the client's link moves is for this daemon */
        Question *questions;
        uint32_t n_asked;
        Upstream *next;
};

static Upstream *find(const Client *c, DriverClass class) {
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

static void read_error(const Packet *p, Error *e) {
        rpc_error wire = {};

        if (rpc_decode(p->payload, p->len, XDR(xdr_rpc_error), &wire) < 0)
                return;
        *e = (Error){ .code = wire.code, .origin = wire.domain };
        e->message = wire.message ? strdup(*wire.message) : NULL;
        e->detail = wire.str2 ? strdup(*wire.str2) : NULL;
        rpc_free(XDR(xdr_rpc_error), &wire);
}

static void answer(Upstream *u, const Packet *p) {
        int r = 0;

        for (Question **at = &u->questions; *at; at = &(*at)->next) {
                Question *q = *at;

                if (q->serial != p->header.serial)
                        continue;
                if (p->header.status == PACKET_OK)
                        r = rpc_decode(p->payload, p->len, q->codec->ret, q->ret);
                else {
                        read_error(p, q->e);
                        r = -EREMOTEIO;
                }
                *at = q->next;
                q->listed = false;
                fiber_queue_wake_one(&q->asker, r);
                return;
        }
}

static void drop_questions(Upstream *u) {
        while (u->questions) {
                Question *q = u->questions;

                u->questions = q->next;
                q->listed = false;
                fiber_queue_wake_one(&q->asker, -ECONNRESET);
        }
}

static void own_reply(Upstream *u, const Packet *p) {
        if (p->header.serial >= SERIAL_QUESTION) {
                answer(u, p);
                return;
        }
        if (p->header.status == PACKET_ERROR && u->result >= 0) {
                u->result = -ENODEV;
                read_error(p, &u->error);
        }
        if (p->header.serial != SERIAL_OPEN)
                return;
        u->opened = u->result >= 0;
        fiber_queue_wake_all(&u->waiters, u->result);
        if (u->result < 0)
                link_close(u->link, u->result);
}

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
                own_reply(u, p);
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
        drop_questions(u);
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
        drop_questions(u);
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

static int send_own(Upstream *u, int32_t procedure, uint32_t serial, xdrproc_t codec, const void *args) {
        const PacketHeader h = {
                .program = REMOTE_PROGRAM, .version = RPC_VERSION, .procedure = procedure, .serial = serial
        };

        link_flush(u->link);
        return packet_add_value(link_out(u->link), &h, codec, args);
}

static int send_identity(Upstream *u) {
        const Connection *conn = u->client->connection;
        const Identity *i = conn->real ?: &conn->identity;
        _cleanup_typed_params_ TypedParams p = {};
        remote_connect_set_identity_args args = {};
        int r;

        typed_params_add_string(&p, "user-name", i->user);
        typed_params_add_string(&p, "group-name", i->group);
        if (i->uid != (uid_t) -1)
                typed_params_add_ullong(&p, "unix-user-id", i->uid);
        if (i->gid != (gid_t) -1)
                typed_params_add_ullong(&p, "unix-group-id", i->gid);
        if (i->pid > 0)
                typed_params_add_llong(&p, "process-id", i->pid);
        if (i->pid_start > 0)
                typed_params_add_ullong(&p, "process-time", i->pid_start);
        typed_params_add_string(&p, "sasl-user-name", i->sasl_user);
        typed_params_add_string(&p, "x509-distinguished-name", i->x509_dname);
        typed_params_add_string(&p, "selinux-context", i->selinux);
        r = typed_params_take(&p, &args.params.params_val, &args.params.params_len);
        if (r < 0)
                return r;
        r = send_own(u, REMOTE_PROC_CONNECT_SET_IDENTITY, SERIAL_IDENTITY, remote_codec_CONNECT_SET_IDENTITY.args,
                     &args);
        rpc_free(remote_codec_CONNECT_SET_IDENTITY.args, &args);
        return r;
}

static int send_opening(Upstream *u, const char *driver, const char *uri) {
        remote_connect_open_args args = { .flags = u->client->connection->readonly };
        char text[64], *name = text;
        int r;

        snprintf(text, sizeof(text), "%s:///system", driver);
        if (uri)
                name = (char *) uri;
        args.name = &name;
        r = send_own(u, REMOTE_PROC_AUTH_LIST, SERIAL_AUTH, XDR(xdr_rpc_void), &(rpc_void){});
        if (r >= 0)
                r = send_identity(u);
        if (r >= 0)
                r = send_own(u, REMOTE_PROC_CONNECT_OPEN, SERIAL_OPEN, remote_codec_CONNECT_OPEN.args, &args);
        return r;
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

        u = find(c, class);
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
                r = send_opening(u, driver, uri);
        if (r < 0) {
                upstream_free(u);
                return r;
        }
        u->next = c->upstreams;
        c->upstreams = u;
        *ret = u;
        return 0;
}

/* The client may go while this waits, and its connections to other daemons with it. */
int upstream_wait(Call *call, DriverClass class, Error *e) {
        const Client *c = call_client(call);
        Upstream *u = c ? find(c, class) : NULL;
        int r;

        if (!u)
                return -ENOTCONN;
        if (u->opened)
                return 0;
        r = fiber_queue_wait(&u->waiters, FIBER_FOREVER);
        c = call_client(call);
        if (!c)
                return -ENOTCONN;
        if (r >= 0)
                return 0;
        for (u = c->upstreams; u; u = u->next)
                if (u->class == class && u->error.code != 0)
                        error_move(e, &u->error);
        return r;
}

/* Of a question that was given up the answer may come late, and finds nobody. Numbers are used again after all others.
 */
int upstream_ask(Call *call, DriverClass class, int32_t procedure, const RpcCodec *codec, const void *args, void *ret,
                 Error *e) {
        const Client *c = call_client(call);
        Upstream *u = c ? find(c, class) : NULL;
        Question q = { .codec = codec, .ret = ret, .e = e };
        int r;

        if (!u)
                return -ENOTCONN;
        q.serial = SERIAL_QUESTION + u->n_asked++ % (UINT32_MAX - SERIAL_QUESTION);
        r = send_own(u, procedure, q.serial, codec->args, args);
        if (r < 0)
                return r;
        link_flush(u->link);
        q.next = u->questions;
        q.listed = true;
        u->questions = &q;
        r = fiber_queue_wait(&q.asker, FIBER_FOREVER);
        /* A fiber that is cancelled was not answered; while the question is listed, the connection is there. */
        for (Question **at = q.listed ? &u->questions : NULL; at && *at; at = &(*at)->next)
                if (*at == &q) {
                        *at = q.next;
                        break;
                }
        return r;
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
