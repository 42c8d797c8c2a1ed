/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What this daemon says itself to another, on a client's connection to it.
 *
 * Three calls come first, one behind the other without waiting: the list of authentication methods (we are root, or the
 * same user, and need none), who the caller is, and the opening. Later ones are questions, whose answers fibers wait
 * for. */

#include "upstream-internal.h"

#include "base/strings.h"
#include "rpc/typed-params.h"

#define XDR(f) ((xdrproc_t) (void (*)(void))(f))

enum {
        SERIAL_AUTH = OWN_SERIAL,
        SERIAL_IDENTITY,
        SERIAL_OPEN,
        SERIAL_QUESTION, /* the first of those that are asked later */
};

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

/* --- said --- */

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

int upstream_send_opening(Upstream *u, const char *driver, const char *uri) {
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

/* --- answered --- */

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

void upstream_drop_questions(Upstream *u) {
        while (u->questions) {
                Question *q = u->questions;

                u->questions = q->next;
                q->listed = false;
                fiber_queue_wake_one(&q->asker, -ECONNRESET);
        }
}

void upstream_own_reply(Upstream *u, const Packet *p) {
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

/* The client may go while this waits, and its connections to other daemons with it. */
int upstream_wait(Call *call, DriverClass class, Error *e) {
        const Client *c = call_client(call);
        Upstream *u = c ? upstream_find(c, class) : NULL;
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
        Upstream *u = c ? upstream_find(c, class) : NULL;
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
