/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Streams of a connection: found by program, procedure and serial of the call that opened them.
 *
 * What the client sends goes to the owner as it comes. What the owner does not take is kept, in order, and
 * once that is much, the next packet is refused, which stops reading the connection until the owner has caught up. */

#include "rpc/server.h"

#define STREAM_IN_MAX (1024U * 1024U)
#define STREAMS_MAX 64U /* of one connection */

struct Stream {
        Connection *connection;
        PacketHeader header;
        const StreamOps *ops;
        void *userdata;
        Buffer in;              /* not taken yet, from in_off */
        size_t in_off;
        bool begun;
        bool want_writable;
        bool finish_queued;     /* behind what is in the buffer */
        bool finishing;         /* the owner will answer */
        bool busy;              /* inside one of ops: it must not be freed */
        bool dead;              /* ended, to be freed when not busy */
        Stream *next;
        Stream **prev;
};

static void stream_free(Stream *s) {
        buffer_done(&s->in);
        free(s);
}

/* Takes it out of the connection and tells the owner; the memory goes when no function of the owner is on the stack. */
static void stream_end(Stream *s) {
        if (s->dead)
                return;
        s->dead = true;
        *s->prev = s->next;
        if (s->next)
                s->next->prev = s->prev;
        s->connection->n_streams--;
        s->ops->closed(s);
        if (s->connection->link && s->connection->n_streams == 0)
                link_keep_buffers(s->connection->link, false);
        if (s->connection->link)
                link_resume(s->connection->link);
        if (!s->busy)
                stream_free(s);
}

/* Brackets calls of the owner. leave() is false where the stream has gone meanwhile. */
static void enter(Stream *s) {
        s->busy = true;
}

static bool leave(Stream *s) {
        s->busy = false;
        if (!s->dead)
                return true;
        stream_free(s);
        return false;
}

static int send_packet(Stream *s, PacketType type, PacketStatus status, const void *data, size_t len) {
        Link *l = s->connection->link;
        PacketHeader h = s->header;
        int r;

        if (!l || !link_out(l))
                return -ENOTCONN;
        h.type = type;
        h.status = status;
        r = packet_add(link_out(l), &h, data, len);
        if (r >= 0)
                link_flush(l);
        return r;
}

int stream_open(Call *c, const StreamOps *ops, void *userdata, Stream **ret) {
        Connection *conn = call_connection(c);
        Stream *s;
        int r;

        if (conn->n_streams >= STREAMS_MAX)
                return -EMFILE;
        s = calloc(1, sizeof(*s));
        if (!s)
                return -ENOMEM;
        r = call_set_stream(c, s);
        if (r < 0) {
                free(s);
                return r;
        }
        *s = (Stream) {
                .connection = conn,
                .header = *call_header(c),
                .ops = ops,
                .userdata = userdata,
                .next = conn->streams,
                .prev = &conn->streams,
        };
        if (s->next)
                s->next->prev = &s->next;
        conn->streams = s;
        conn->n_streams++;
        *ret = s;
        return 0;
}

void *stream_userdata(const Stream *s) {
        return s->userdata;
}

Connection *stream_connection(const Stream *s) {
        return s->connection;
}

void stream_fail(Stream *s, int r, const Error *e) {
        Link *l = s->connection->link;
        PacketHeader h = s->header;

        h.type = PACKET_STREAM;
        if (s->begun && l && link_out(l) && packet_add_error(link_out(l), &h, r, e) >= 0)
                link_flush(l);
        stream_end(s);
}

void stream_drop(Stream *s) {
        stream_end(s);
}

static void stream_writable(Stream *s) {
        _cleanup_error_ Error e = ERROR_INIT;
        int r;

        s->want_writable = false;
        if (!s->ops->writable)
                return;
        enter(s);
        r = s->ops->writable(s, &e);
        if (leave(s) && r < 0)
                stream_fail(s, r, &e);
}

void stream_begin(Stream *s) {
        /* The connection went while the call was at work. */
        if (!s->connection->link) {
                stream_end(s);
                return;
        }
        s->begun = true;
        link_keep_buffers(s->connection->link, true);
        stream_writable(s);
}

ssize_t stream_send(Stream *s, const void *data, size_t len) {
        int r;

        if (!s->begun || !s->connection->link || link_pending(s->connection->link) > LINK_OUT_HIGH) {
                s->want_writable = true;
                return -EAGAIN;
        }
        /* An empty packet would be the end of the data. */
        len = MIN(len, (size_t) STREAM_CHUNK);
        if (len == 0)
                return 0;
        r = send_packet(s, PACKET_STREAM, PACKET_CONTINUE, data, len);
        return r < 0 ? r : (ssize_t) len;
}

static int read_all(int fd, uint8_t *data, size_t len) {
        for (size_t at = 0; at < len;) {
                ssize_t n = read(fd, data + at, len - at);

                if (n < 0 && errno == EINTR)
                        continue;
                if (n <= 0)
                        return n < 0 ? -errno : -EIO;
                at += (size_t) n;
        }
        return 0;
}

/* For a transport that has to read what it sends. */
static int send_read(Link *l, const PacketHeader *h, PipeEnd *end, size_t len) {
        Buffer *b = link_out(l);
        size_t start;
        int r;

        r = buffer_reserve(b, PACKET_HEADER_SIZE + len);
        if (r < 0)
                return r;
        (void) packet_begin(b, h, &start);
        r = read_all(end->fd, b->data + b->len, len);
        b->len = r < 0 ? start : b->len + len;
        return r < 0 ? r : packet_end(b, start);
}

static int send_moved(Link *l, const PacketHeader *h, PipeEnd *end, size_t len) {
        Buffer *b = link_out(l);
        size_t start;
        int r;

        r = packet_begin(b, h, &start);
        if (r < 0)
                return r;
        packet_set_size(b->data + start, PACKET_HEADER_SIZE + len);
        r = link_add_pipe(l, end, len);
        if (r < 0)
                b->len = start;
        return r;
}

ssize_t stream_send_pipe(Stream *s, PipeEnd *end, size_t len) {
        Link *l = s->connection->link;
        PacketHeader h = s->header;
        int r;

        if (!s->begun || !l || link_pending(l) > LINK_OUT_HIGH) {
                s->want_writable = true;
                return -EAGAIN;
        }
        len = MIN(len, (size_t) STREAM_CHUNK);
        if (len == 0)
                return 0;
        if (!link_out(l))
                return -ENOTCONN;
        h.type = PACKET_STREAM;
        h.status = PACKET_CONTINUE;
        r = link_can_move(l) ? send_moved(l, &h, end, len) : send_read(l, &h, end, len);
        if (r >= 0)
                link_flush(l);
        return r < 0 ? r : (ssize_t) len;
}

int stream_send_hole(Stream *s, uint64_t length) {
        uint8_t body[12] = {};

        for (int i = 0; i < 8; i++)
                body[i] = (uint8_t) (length >> (56 - 8 * i));
        return send_packet(s, PACKET_STREAM_HOLE, PACKET_CONTINUE, body, sizeof(body));
}

int stream_send_eof(Stream *s) {
        return send_packet(s, PACKET_STREAM, PACKET_CONTINUE, NULL, 0);
}

void stream_finish_reply(Stream *s, int r, const Error *e) {
        if (r < 0) {
                stream_fail(s, r, e);
                return;
        }
        (void) send_packet(s, PACKET_STREAM, PACKET_OK, NULL, 0);
        stream_end(s);
}

static void stream_finish(Stream *s) {
        _cleanup_error_ Error e = ERROR_INIT;
        int r = 0;

        s->finishing = true;
        if (s->ops->finish) {
                enter(s);
                r = s->ops->finish(s, &e);
                if (!leave(s))
                        return;
        }
        if (r != -EINPROGRESS)
                stream_finish_reply(s, r, &e);
}

/* Offers data to the owner; how much it took, or negative with the stream ended. */
static ssize_t offer(Stream *s, const uint8_t *data, size_t len) {
        _cleanup_error_ Error e = ERROR_INIT;
        size_t done = 0;

        while (done < len) {
                ssize_t n;

                enter(s);
                n = s->ops->receive(s, data + done, len - done, &e);
                if (!leave(s))
                        return -ECONNRESET;
                if (n < 0) {
                        stream_fail(s, (int) n, &e);
                        return n;
                }
                if (n == 0)
                        break;
                done += (size_t) n;
        }
        return (ssize_t) done;
}

void stream_resume(Stream *s) {
        ssize_t n;

        if (s->busy || s->dead)
                return;
        if (s->in.len > s->in_off) {
                n = offer(s, s->in.data + s->in_off, s->in.len - s->in_off);
                if (n < 0)
                        return;
                s->in_off += (size_t) n;
                if (s->in_off < s->in.len)
                        return;
                s->in_off = 0;
                buffer_done(&s->in);
        }
        if (s->connection->link)
                link_resume(s->connection->link);
        if (s->finish_queued && !s->finishing)
                stream_finish(s);
}

static int stream_data(Stream *s, const Packet *p) {
        size_t waiting = s->in.len - s->in_off;
        ssize_t n;
        int r;

        if (waiting > STREAM_IN_MAX)
                return 1;
        if (s->finish_queued || !s->ops->receive)
                return 0;
        n = waiting > 0 ? 0 : offer(s, p->payload, p->len);
        if (n < 0 || (size_t) n == p->len)
                return 0;
        r = buffer_add(&s->in, p->payload + n, p->len - (size_t) n);
        if (r < 0)
                stream_fail(s, r, NULL);
        return 0;
}

static int stream_hole(Stream *s, const Packet *p) {
        _cleanup_error_ Error e = ERROR_INIT;
        uint64_t length;
        int r;

        /* It has its place behind the data that is still waiting. */
        if (s->in.len > s->in_off)
                return 1;
        if (p->len != 12)
                return -EBADMSG;
        length = (uint64_t) packet_word(p->payload) << 32 | packet_word(p->payload + 4);
        enter(s);
        r = s->ops->hole ? s->ops->hole(s, length, &e)
                         : error_set(&e, -EOPNOTSUPP, ERROR_NO_SUPPORT, ORIGIN_STREAMS, "virStreamSendHole");
        if (leave(s) && r < 0)
                stream_fail(s, r, &e);
        return 0;
}

static Stream *find_stream(Connection *c, const PacketHeader *h) {
        for (Stream *s = c->streams; s; s = s->next)
                if (s->begun && s->header.serial == h->serial && s->header.procedure == h->procedure &&
                    s->header.program == h->program)
                        return s;
        return NULL;
}

/* Data that waits here goes first. */
PipeEnd *connection_stream_pipe(Connection *c, const PacketHeader *h, size_t len) {
        Stream *s = h->type == PACKET_STREAM && h->status == PACKET_CONTINUE ? find_stream(c, h) : NULL;

        return s && s->ops->pipe && s->in.len == s->in_off && !s->finish_queued ? s->ops->pipe(s, len) : NULL;
}

void connection_stream_unpiped(Connection *c, const PacketHeader *h, size_t left) {
        Stream *s = find_stream(c, h);

        if (s && s->ops->unpiped)
                s->ops->unpiped(s, left);
}

int connection_stream_packet(Connection *c, Packet *p) {
        Stream *s = find_stream(c, &p->header);

        if (!s)
                return c->ops->other ? c->ops->other(c, p) : 0;
        if (p->header.type == PACKET_STREAM_HOLE)
                return stream_hole(s, p);
        switch (p->header.status) {
        case PACKET_CONTINUE:
                return stream_data(s, p);
        case PACKET_OK:
                s->finish_queued = true;
                if (s->in.len == s->in_off && !s->finishing)
                        stream_finish(s);
                return 0;
        default:
                /* The client gives up; it waits for a confirmation all the same. */
                (void) send_packet(s, PACKET_STREAM, PACKET_OK, NULL, 0);
                stream_end(s);
                return 0;
        }
}

void connection_streams_drained(Connection *c) {
        for (Stream *s = c->streams, *next; s; s = next) {
                next = s->next;
                if (s->want_writable && s->begun)
                        stream_writable(s);
        }
}

/* Those that have not begun belong to a call that is still at work: it ends them. */
void connection_streams_drop(Connection *c) {
        for (Stream *s = c->streams, *next; s; s = next) {
                next = s->next;
                if (s->begun)
                        stream_end(s);
        }
}
