/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A connection as the server sees it: keepalive and streams are dealt with here, calls are the program's. */

#include "rpc/server.h"

#include <time.h>

static int on_packet(Link *l, Packet *p, void *userdata);
static bool is_urgent(const PacketHeader *h);
static PipeEnd *on_pipe(Link *l, const PacketHeader *h, size_t len, void *userdata);
static void on_moved(Link *l, const PacketHeader *h, size_t len, void *userdata);
static void on_drained(Link *l, void *userdata);
static int on_ready(Link *l, void *userdata);
static void on_closed(Link *l, int r, void *userdata);
static void on_part(Link *l, bool waiting, void *userdata);

static const LinkOps link_ops = {
        .packet = on_packet,
        .urgent = is_urgent,
        .pipe = on_pipe,
        .moved = on_moved,
        .drained = on_drained,
        .ready = on_ready,
        .part = on_part,
        .closed = on_closed,
};

int connection_new(Loop *loop, Transport *t, const ConnectionOps *ops, void *userdata, EventHub *events,
                   Connection **ret) {
        _cleanup_(connection_unrefp) Connection *c = calloc(1, sizeof(*c));
        int r;

        if (!c) {
                transport_free(t);
                return -ENOMEM;
        }
        *c = (Connection) {
                .n_ref = 1,
                .since = (uint64_t) time(NULL),
                .loop = loop,
                .ops = ops,
                .userdata = userdata,
                .events = events,
                .identity = IDENTITY_INIT,
                .max_calls = 5,
        };
        r = link_new(loop, t, &link_ops, c, &c->link);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(c);
        return 0;
}

Connection *connection_ref(Connection *c) {
        c->n_ref++;
        return c;
}

Connection *connection_unref(Connection *c) {
        if (!c || --c->n_ref > 0)
                return NULL;
        sd_event_source_disable_unref(c->keepalive);
        link_free(c->link);
        connection_drop_held(c);
        identity_done(&c->identity);
        if (c->real)
                identity_done(c->real);
        free(c->real);
        free(c);
        return NULL;
}

void connection_close(Connection *c, int r) {
        if (c->link)
                link_close(c->link, r);
}

uint64_t connection_id(const Connection *c) {
        return c->id;
}

const Identity *connection_identity(const Connection *c) {
        return &c->identity;
}

bool connection_is_readonly(const Connection *c) {
        return c->readonly;
}

bool connection_is_alive(const Connection *c) {
        return c->link && link_is_alive(c->link);
}

int connection_fd(const Connection *c) {
        return c->link ? link_transport(c->link)->fd : -EBADF;
}

bool connection_is_quiet(const Connection *c) {
        return connection_is_alive(c) && c->n_calls == 0 && link_is_quiet(c->link);
}

void *connection_data(const Connection *c, const Driver *d) {
        return c->data[d->class].driver == d ? c->data[d->class].data : NULL;
}

void connection_set_data(Connection *c, const Driver *d, void *data) {
        c->data[d->class].driver = d;
        c->data[d->class].data = data;
}

void connection_call_began(Connection *c) {
        c->n_calls++;
        if (c->n_calls_total)
                (*c->n_calls_total)++;
}

void connection_call_ended(Connection *c) {
        c->n_calls--;
        if (c->n_calls_total) {
                (*c->n_calls_total)--;
                if (c->ops->call_ended)
                        c->ops->call_ended(c->n_calls_total);
        }
        if (c->link)
                link_resume(c->link);
}

/* What is sent */

void connection_reply_error(Connection *c, const PacketHeader *call, int r, const Error *e) {
        PacketHeader h = *call;
        Buffer *out = c->link ? link_out(c->link) : NULL;

        if (!out)
                return;
        h.type = PACKET_REPLY;
        if (packet_add_error(out, &h, r, e) < 0)
                link_close(c->link, -ENOMEM);
        else
                link_flush(c->link);
}

void connection_reply(Connection *c, const PacketHeader *call, xdrproc_t codec, const void *ret) {
        _cleanup_error_ Error e = ERROR_INIT;
        PacketHeader h = *call;
        Buffer *out = c->link ? link_out(c->link) : NULL;
        int r;

        if (!out)
                return;
        h.type = PACKET_REPLY;
        h.status = PACKET_OK;
        r = packet_add_value(out, &h, codec, ret);
        if (r >= 0)
                link_flush(c->link);
        else
                connection_reply_error(
                        c, call, r, (error_set(&e, r, ERROR_RPC, ORIGIN_RPC, "Unable to encode message payload"), &e));
}

void connection_send_event(Connection *c, uint32_t program, int32_t procedure, const void *body, size_t len) {
        const PacketHeader h = {
                .program = program,
                .version = RPC_VERSION,
                .procedure = procedure,
                .type = PACKET_MESSAGE,
                .serial = 1,
        };
        Buffer *out = c->link ? link_out(c->link) : NULL;
        int r;

        if (!out)
                return;
        r = link_pending(c->link) > LINK_OUT_MAX ? -ENOBUFS : packet_add(out, &h, body, len);
        if (r < 0)
                link_close(c->link, r);
        else
                link_flush(c->link);
}

/* Keepalive */

enum {
        KEEPALIVE_PING = 1,
        KEEPALIVE_PONG = 2,
};

static void send_keepalive(Connection *c, int32_t procedure) {
        const PacketHeader h = {
                .program = KEEPALIVE_PROGRAM,
                .version = RPC_VERSION,
                .procedure = procedure,
                .type = PACKET_MESSAGE,
        };

        if (packet_add(link_out(c->link), &h, NULL, 0) < 0)
                link_close(c->link, -ENOMEM);
        else
                link_flush(c->link);
}

/* A disk that hangs may not hide from the client that we live. */
static void stop_moving(Connection *c) {
        PacketHeader h;
        size_t left;

        if (link_stop_move(c->link, &h, &left) && !c->moves_other)
                connection_stream_unpiped(c, &h, left);
}

static int on_keepalive_tick(sd_event_source *s, uint64_t usec, void *userdata) {
        Connection *c = userdata;

        if (!connection_is_alive(c))
                return 0;
        stop_moving(c);
        if (c->heard)
                c->keepalive_missed = 0;
        else if (c->keepalive_missed >= c->keepalive_count) {
                link_close(c->link, -ETIMEDOUT);
                return 0;
        } else {
                c->keepalive_missed++;
                send_keepalive(c, KEEPALIVE_PING);
        }
        c->heard = false;
        return sd_event_source_set_time_relative(s, (uint64_t) c->keepalive_interval * 1000000U);
}

/* A tick an interval, whatever is received meanwhile, so that calls cost no timer: the peer is asked after one to two
 * quiet intervals. */
int connection_start_keepalive(Connection *c, int interval, unsigned count) {
        int r;

        if (interval <= 0 || c->keepalive)
                return 0;
        c->keepalive_interval = interval;
        c->keepalive_count = count;
        c->heard = true;
        r = sd_event_add_time_relative(loop_event(c->loop), &c->keepalive, CLOCK_MONOTONIC,
                                       (uint64_t) interval * 1000000U, 500000U, on_keepalive_tick, c);
        if (r < 0)
                return r;
        return sd_event_source_set_enabled(c->keepalive, SD_EVENT_ON);
}

/* What is received */

static int on_packet(Link *l, Packet *p, void *userdata) {
        Connection *c = userdata;

        c->heard = true;
        if (p->header.program == KEEPALIVE_PROGRAM) {
                if (p->header.type == PACKET_MESSAGE && p->header.procedure == KEEPALIVE_PING)
                        send_keepalive(c, KEEPALIVE_PONG);
                return 0;
        }
        switch (p->header.type) {
        case PACKET_CALL:
        case PACKET_CALL_FDS:
                return c->ops->call(c, p);
        case PACKET_STREAM:
        case PACKET_STREAM_HOLE:
                return connection_stream_packet(c, p);
        default:
                /* Replies and events are not a client's to send. */
                return 0;
        }
}

/* A client that asks whether we live is answered while its calls wait. */
static bool is_urgent(const PacketHeader *h) {
        return h->program == KEEPALIVE_PROGRAM;
}

static PipeEnd *on_pipe(Link *l, const PacketHeader *h, size_t len, void *userdata) {
        Connection *c = userdata;
        PipeEnd *end = connection_stream_pipe(c, h, len);

        c->heard = true;
        c->moves_other = !end && c->ops->other_pipe;
        return c->moves_other ? c->ops->other_pipe(c, h, len) : end;
}

static void on_moved(Link *l, const PacketHeader *h, size_t len, void *userdata) {
        Connection *c = userdata;

        if (c->moves_other)
                c->ops->other_moved(c, h, len);
}

static void on_drained(Link *l, void *userdata) {
        Connection *c = userdata;

        connection_streams_drained(c);
        if (c->ops->drained)
                c->ops->drained(c);
}

static int on_ready(Link *l, void *userdata) {
        Connection *c = userdata;

        return c->ops->ready ? c->ops->ready(c) : 0;
}

static void on_closed(Link *l, int r, void *userdata) {
        Connection *c = connection_ref(userdata);

        c->keepalive = sd_event_source_disable_unref(c->keepalive);
        connection_streams_drop(c);
        if (c->events)
                event_unregister_all(c->events, c);
        c->ops->closed(c, r);
        c->link = link_free(c->link);
        connection_unref(c);
}

static void on_part(Link *l, bool waiting, void *userdata) {
        Connection *c = userdata;

        if (c->ops->part)
                c->ops->part(c, waiting);
}
