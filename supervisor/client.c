/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A client: from the socket it arrived on to its end, and the gate that each of its calls goes through. */

#include "base/log.h"
#include "base/strings.h"
#include "server.h"
#include "upstream.h"

/* Before it has proved who it is, a client has nothing to say that is longer: SASL data of 64 KiB takes four bytes
 * each. */
#define ANONYMOUS_PACKET_MAX (512U * 1024U)

/* Those who may only look have nothing large to say, and are everybody: what one string may be, and a header. */
#define READONLY_PACKET_MAX (4U * 1024U * 1024U + 64U * 1024U)
#define USER_PARTS_MAX (64U * 1024U * 1024U)
#define ALL_PARTS_MAX (512U * 1024U * 1024U)
#define PART_TIMEOUT (30U * 1000000U)   /* for a packet that has begun */

/* A handshake that takes longer is somebody holding a connection open; so is a login from afar, though there may be
 * somebody who types a password. */
#define HANDSHAKE_MAX (10U * 1000000U) /* microseconds */
#define LOGIN_MAX (120U * 1000000U)

/* On this machine the kernel tells whose connection it is, and asking polkit takes its time: of one user so many times
 * max_anonymous_clients may be at it, and of all together, before one is dropped. */
#define USER_LOGINS 16U
#define LOCAL_LOGINS 32U

/* From afar: none is dropped for others before it has been quiet for this time. */
#define ANONYMOUS_PATIENCE (3U * 1000000U)

static int client_call(Connection *conn, Packet *p);
static int client_ready(Connection *conn);
static int client_stream(Connection *conn, Packet *p);
static PipeEnd *client_pipe(Connection *conn, const PacketHeader *h, size_t len);
static void client_moved(Connection *conn, const PacketHeader *h, size_t len);
static void client_drained(Connection *conn);
static void client_closed(Connection *conn, int r);
static void client_call_ended(size_t *n_calls);
static void client_part(Connection *conn, bool waiting);

static const ConnectionOps client_ops = {
        .call = client_call,
        .access = client_access,
        .other = client_stream,
        .other_pipe = client_pipe,
        .other_moved = client_moved,
        .ready = client_ready,
        .part = client_part,
        .drained = client_drained,
        .closed = client_closed,
        .call_ended = client_call_ended,
};

static size_t *n_anonymous(Client *c) {
        return &c->server->services[c->service].n_anonymous[listener_is_remote(c->listener)];
}

static void client_link(Client *c) {
        Server *s = c->server;

        c->next = s->clients;
        c->prev = &s->clients;
        if (s->clients)
                s->clients->prev = &c->next;
        s->clients = c;
        s->services[c->service].n_clients++;
        (*n_anonymous(c))++;
}

static void client_unlink(Client *c) {
        Server *s = c->server;

        *c->prev = c->next;
        if (c->next)
                c->next->prev = c->prev;
        s->services[c->service].n_clients--;
        if (!c->authenticated)
                (*n_anonymous(c))--;
}

const char *client_peer(const Client *c, char buf[CLIENT_PEER_MAX]) {
        const Identity *i = &c->connection->identity;

        if (i->address)
                snprintf(buf, CLIENT_PEER_MAX, "%s", i->address);
        else if (i->uid != (uid_t) -1)
                snprintf(buf, CLIENT_PEER_MAX, "of user %u, process %d", i->uid, (int) i->pid);
        else
                snprintf(buf, CLIENT_PEER_MAX, "(unknown address)");
        return buf;
}

/* Connections of one user, or from one machine. */
static bool is_same_peer(const Client *a, const Client *b) {
        const Identity *i = &a->connection->identity, *j = &b->connection->identity;
        size_t n = i->address ? strcspn(i->address, ";") : 0;

        if (i->uid != j->uid || !i->address != !j->address)
                return false;
        return !i->address || (strncmp(i->address, j->address, n) == 0 && j->address[n] == ';');
}

/* Of too many who have not proved who they are: of the peer with most of them the one that waits longest, so that
 * nobody can keep others out by connecting often. */
static Client *find_victim(const Listener *l, size_t *ret_most) {
        ServiceKind kind = socket_service(l->kind);
        Client *victim = NULL;
        size_t most = 0;

        for (Client *c = l->server->clients; c; c = c->next) {
                size_t n = 0;

                if (c->service != kind || c->authenticated || !connection_is_alive(c->connection) ||
                    listener_is_remote(c->listener) != listener_is_remote(l))
                        continue;
                for (const Client *o = l->server->clients; o; o = o->next)
                        n += o->service == kind && !o->authenticated && is_same_peer(o, c);
                /* The list has the newest first. */
                if (n >= most) {
                        most = n;
                        victim = c;
                }
        }
        *ret_most = most;
        return victim;
}

static uint64_t now_usec(const Server *s) {
        uint64_t now = 0;

        (void) sd_event_now(loop_event(s->loop), CLOCK_MONOTONIC, &now);
        return now;
}

/* Whose handshake goes on has not been waiting. */
static void note_progress(const Listener *l) {
        for (Client *c = l->server->clients; c; c = c->next) {
                unsigned steps =
                        c->authenticated || !c->connection->link ? 0 : link_handshake_steps(c->connection->link);

                if (steps == c->handshake_steps)
                        continue;
                c->handshake_steps = steps;
                c->since = now_usec(l->server);
        }
}

/* Many may come at once and mean well, and a handshake takes its time. */
bool client_must_wait(const Listener *l) {
        ServiceKind kind = socket_service(l->kind);
        const Client *victim;
        size_t most;

        if (!listener_is_remote(l) ||
            l->server->services[kind].n_anonymous[1] < l->server->config.limits[kind].max_anonymous_clients)
                return false;
        note_progress(l);
        victim = find_victim(l, &most);
        return victim && now_usec(l->server) < victim->since + ANONYMOUS_PATIENCE;
}

static void drop_anonymous(const Listener *l, size_t n) {
        char peer[CLIENT_PEER_MAX];
        size_t most, max = l->server->config.limits[socket_service(l->kind)].max_anonymous_clients;
        const Client *victim = find_victim(l, &most);

        if (!victim || (!listener_is_remote(l) && most <= max * USER_LOGINS && n <= max * LOCAL_LOGINS))
                return;
        log_notice("too many clients that are not authenticated: closing %s", client_peer(victim, peer));
        connection_close(victim->connection, -EUSERS);
}

static int on_deadline(sd_event_source *source, uint64_t usec, void *userdata) {
        char peer[CLIENT_PEER_MAX];
        Client *c = userdata;

        log_notice("client %s is refused: it did not end its %s in time", client_peer(c, peer),
                   c->authenticated ? "packet" : c->ready ? "login" : "handshake");
        connection_close(c->connection, -ETIMEDOUT);
        return 0;
}

static int set_deadline(Client *c, uint64_t usec) {
        c->deadline = sd_event_source_disable_unref(c->deadline);
        return sd_event_add_time_relative(loop_event(c->server->loop), &c->deadline, CLOCK_MONOTONIC, usec, 0,
                                          on_deadline, c);
}

/* Half a packet, and the rest never: takes memory for nothing. */
static void client_part(Connection *conn, bool waiting) {
        Client *c = connection_client(conn);

        if (!c->authenticated)
                return;
        if (waiting)
                (void) set_deadline(c, PART_TIMEOUT);
        else
                c->deadline = sd_event_source_disable_unref(c->deadline);
}

static LinkBudget *budget_of(Server *s, uid_t uid) {
        UserBudget *b;

        s->parts.max = ALL_PARTS_MAX;
        for (b = s->budgets; b; b = b->next)
                if (b->uid == uid)
                        return &b->budget;
        b = malloc(sizeof(*b));
        if (!b)
                return &s->parts;
        *b = (UserBudget) { .uid = uid, .budget = { .max = USER_PARTS_MAX, .parent = &s->parts }, .next = s->budgets };
        s->budgets = b;
        return &b->budget;
}

void server_free_budgets(Server *s) {
        while (s->budgets) {
                UserBudget *b = s->budgets;

                s->budgets = b->next;
                free(b);
        }
}

/* The peer is known as far as the transport tells it. */
static int client_ready(Connection *conn) {
        Client *c = connection_client(conn);
        Transport *t = link_transport(conn->link);
        Server *s = c->server;
        int r;

        c->ready = true;
        c->deadline = sd_event_source_disable_unref(c->deadline);
        r = t->ops->identify(t, &conn->identity);
        if (r < 0)
                return r;
        s->parts.max = ALL_PARTS_MAX;
        link_set_budget(conn->link, t->kind == TRANSPORT_UNIX ? budget_of(s, conn->identity.uid) : &s->parts);
        c->auth = listener_auth(c->listener, &conn->identity);
        if (c->auth == AUTH_NONE)
                client_authenticated(c);
        else if (t->kind != TRANSPORT_UNIX)
                return set_deadline(c, LOGIN_MAX);
        return 0;
}

/* What is answered without an opening. */
static void set_own_targets(Client *c) {
        const Server *s = c->server;

        if (c->service == SERVICE_ADMIN) {
                c->target[DRIVER_ADMIN].here = s->admin;
                return;
        }
        c->target[DRIVER_LOG].here = server_instance_of(s, DRIVER_LOG);
        c->target[DRIVER_LOCK].here = server_instance_of(s, DRIVER_LOCK);
}

void client_authenticated(Client *c) {
        if (c->authenticated)
                return;
        c->authenticated = true;
        c->deadline = sd_event_source_disable_unref(c->deadline);
        (*n_anonymous(c))--;
        service_update(c->server, c->service);
        link_set_packet_max(c->connection->link, c->connection->readonly ? READONLY_PACKET_MAX : PACKET_SIZE_MAX);
}

int client_new(Server *s, Listener *l, int fd) {
        ServiceKind kind = socket_service(l->kind);
        Transport *t;
        Client *c;
        int r;

        r = transport_new_socket(fd, &t);
        if (r < 0)
                return r;
        if (l->kind == SOCKET_TLS) {
                r = server_wrap_tls(s, &t);
                if (r < 0) {
                        transport_free(t);
                        return r;
                }
        }
        c = calloc(1, sizeof(*c));
        if (!c) {
                transport_free(t);
                return -ENOMEM;
        }
        *c = (Client) { .server = s, .listener = l, .service = kind, .since = now_usec(s) };
        r = connection_new(s->loop, t, &client_ops, c, s->events, &c->connection);
        if (r < 0) {
                free(c);
                return r;
        }
        c->connection->id = ++s->next_client;
        c->connection->readonly = l->kind == SOCKET_RO;
        c->connection->controlled = s->config.fine_access && kind == SERVICE_MAIN;
        c->connection->max_calls = s->config.limits[kind].max_client_requests;
        c->connection->n_calls_total = &s->services[kind].n_calls;
        link_set_packet_max(c->connection->link, ANONYMOUS_PACKET_MAX);
        set_own_targets(c);
        client_link(c);

        if (!t->ops->handshake)
                r = client_ready(c->connection);
        else {
                (void) identity_from_address(&c->connection->identity, t->fd);
                r = set_deadline(c, HANDSHAKE_MAX);
        }
        if (r < 0)
                connection_close(c->connection, r);
        else if (*n_anonymous(c) > s->config.limits[kind].max_anonymous_clients)
                drop_anonymous(l, *n_anonymous(c));
        return r;
}

/* Streams that are not of this process belong to calls that were passed on. */
static int client_stream(Connection *conn, Packet *p) {
        return upstream_stream(connection_client(conn), p);
}

static PipeEnd *client_pipe(Connection *conn, const PacketHeader *h, size_t len) {
        return upstream_pipe(connection_client(conn), h, len);
}

static void client_moved(Connection *conn, const PacketHeader *h, size_t len) {
        upstream_moved(connection_client(conn), h, len);
}

static void client_drained(Connection *conn) {
        upstream_client_drained(connection_client(conn));
}

static void client_closed(Connection *conn, int r) {
        Client *c = connection_client(conn);
        Server *s = c->server;

        if (r < 0)
                log_debug("client %llu: closed: %s", (unsigned long long) conn->id, strerror(-r));
        for (int k = 0; k < _DRIVER_CLASS_MAX; k++) {
                const DriverInstance *i = c->target[k].here;

                /* logs and locks are not opened */
                if (i && (c->used & 1U << k || connection_data(conn, i->driver)) && i->driver->close)
                        i->driver->close(i->state, conn);
        }
        sd_event_source_disable_unref(c->deadline);
        client_drop_login(c);
        upstream_drop_all(c);
        client_unlink(c);
        if (c->waiting)
                s->services[c->service].n_waiting--;
        service_update(s, c->service);
        server_touch(s);
        /* Calls that are still at work know the connection, and nothing of the client. */
        conn->userdata = NULL;
        connection_unref(conn);
        free(c->uri);
        free(c);
}

static bool program_is_known(const Client *c, uint32_t program) {
        if (c->service == SERVICE_ADMIN)
                return program == ADMIN_PROGRAM;
        if (c->target[DRIVER_LOG].here || c->target[DRIVER_LOCK].here)
                return (program == LOG_PROGRAM && c->target[DRIVER_LOG].here) ||
                       (program == LOCK_PROGRAM && c->target[DRIVER_LOCK].here);
        return program == REMOTE_PROGRAM || program == QEMU_PROGRAM;
}

/* What may be called in which state of the connection: 0, or negative and e. */
static int check_state(const Client *c, const Packet *p, const RpcProcedure *procedure, Error *e) {
        int32_t n = p->header.procedure;

        if (!c->authenticated && procedure->kind != RPC_KIND_AUTH)
                return error_set(e, -EACCES, ERROR_RPC, ORIGIN_RPC, "authentication required");
        if (c->opened || procedure->kind == RPC_KIND_AUTH ||
            (p->header.program != REMOTE_PROGRAM && p->header.program != QEMU_PROGRAM))
                return 0;
        if (p->header.program == QEMU_PROGRAM)
                return error_set(e, -ENOTCONN, ERROR_INTERNAL, ORIGIN_RPC, "connection not open");
        if (n == REMOTE_PROC_CONNECT_OPEN || n == REMOTE_PROC_CONNECT_CLOSE ||
            n == REMOTE_PROC_CONNECT_SUPPORTS_FEATURE || n == REMOTE_PROC_CONNECT_SET_IDENTITY)
                return 0;
        return error_set(e, -ENOTCONN, ERROR_INTERNAL, ORIGIN_RPC, "connection not open");
}

static int check_call(const Client *c, const Packet *p, const RpcProcedure **ret, Error *e) {
        const PacketHeader *h = &p->header;
        const RpcProcedure *procedure;
        int r;

        if (!program_is_known(c, h->program) || h->version != RPC_VERSION)
                return error_set(e, -EPROTO, ERROR_RPC, ORIGIN_RPC, "Cannot find program %d version %d",
                                 (int) h->program, (int) h->version);
        if (h->status != PACKET_OK)
                return error_set(e, -EPROTO, ERROR_RPC, ORIGIN_RPC, "Unexpected message status %u", h->status);
        procedure = rpc_procedure(h->program, h->procedure);
        if (!procedure || procedure->flags & RPC_EVENT)
                return error_set(e, -EOPNOTSUPP, ERROR_RPC, ORIGIN_RPC, "unknown procedure: %d", h->procedure);
        r = check_state(c, p, procedure, e);
        if (r < 0)
                return r;
        /* Telling who calls changes nothing, and a daemon that passes a read-only client on must do it. */
        if (procedure->flags & RPC_RW_ONLY && c->connection->readonly &&
            !(h->program == REMOTE_PROGRAM && h->procedure == REMOTE_PROC_CONNECT_SET_IDENTITY))
                return error_set(e, -EPERM, ERROR_OPERATION_DENIED, rpc_kind_origin(procedure->kind),
                                 "read only access prevents %s", procedure->api ?: "this call");
        *ret = procedure;
        return 0;
}

/* The limit of the service: what virt-admin calls its workers. Logging in is no work. */
static bool service_is_full(Client *c) {
        Service *v = &c->server->services[c->service];
        unsigned max = c->server->config.limits[c->service].max_calls;

        if (max == 0 || v->n_calls < max || !c->authenticated)
                return false;
        if (!c->waiting)
                v->n_waiting++;
        c->waiting = true;
        return true;
}

static void client_call_ended(size_t *n_calls) {
        Service *v = container_of(n_calls, Service, n_calls);

        if (v->n_waiting > 0)
                loop_defer(v->server->loop, &v->resume);
}

/* All may try; those who find it full again wait again. The list has the newest first, and who waits longest is to come
 * first. */
void service_resume(Deferred *d) {
        Service *v = container_of(d, Service, resume);
        Client *last = NULL;

        for (Client *c = v->server->clients; c; c = c->next)
                last = c;
        for (Client *c = last; c; c = c == v->server->clients ? NULL : container_of(c->prev, Client, next)) {
                if (!c->waiting || &v->server->services[c->service] != v)
                        continue;
                c->waiting = false;
                v->n_waiting--;
                link_resume(c->connection->link);
        }
}

#define FULL_TOLD_EVERY (60U * 1000000U) /* microseconds */

/* Once for a client, and no flood for many. */
static void warn_of_limit(Client *c) {
        Service *v = &c->server->services[c->service];
        uint64_t now = now_usec(c->server);
        char peer[CLIENT_PEER_MAX];

        if (c->full_told || (v->full_told > 0 && now < v->full_told + FULL_TOLD_EVERY))
                return;
        c->full_told = true;
        v->full_told = now;
        log_warning("client %s has %u calls in work, and more of them wait: the limit is max_client_requests",
                    client_peer(c, peer), c->connection->max_calls);
}

static int client_call(Connection *conn, Packet *p) {
        _cleanup_error_ Error e = ERROR_INIT;
        Client *c = connection_client(conn);
        const RpcProcedure *procedure = NULL;
        int r;

        if (connection_is_full(conn) && c->opened)
                warn_of_limit(c);
        /* Until it is open, one call at a time: who sends the opening and a call at once may expect the call to
         * wait. */
        if (connection_is_full(conn) || (!c->opened && conn->n_calls > 0) || service_is_full(c))
                return 1;
        r = check_call(c, p, &procedure, &e);
        if (r < 0) {
                connection_reply_error(conn, &p->header, r, &e);
                return 0;
        }
        server_used(c->server);
        return router_call(c, p, procedure);
}
