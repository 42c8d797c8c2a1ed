/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The SASL module: a login by the Cyrus library, and the layer that a mechanism may put over the connection. */

#include <sys/epoll.h>

#include <sasl/sasl.h>

#include "rpc/sasl.h"

#define SERVICE "libvirt"       /* /etc/sasl2/libvirt.conf, and the first part of a Kerberos principal */
#define LAYER_BUFFER 65536U     /* the most that the peer may put into one piece of the layer */
#define STRENGTH_MAX 100000U    /* as strong as it likes */

struct SaslSession {
        sasl_conn_t *conn;
        char *mechanisms;
};

static SaslSession *session_free(SaslSession *s) {
        if (!s)
                return NULL;
        if (s->conn)
                sasl_dispose(&s->conn);
        free(s->mechanisms);
        free(s);
        return NULL;
}
DEFINE_CLEANUP(SaslSession *, session_free);

/* The library's own messages, one for each mechanism that is not set up; what matters is told by our caller, once. */
static int ignore_message(void *context, int level, const char *message) {
        return SASL_OK;
}

static int init(Error *e) {
        static const sasl_callback_t callbacks[] = {
                { SASL_CB_LOG, (int (*)(void))(void (*)(void)) ignore_message, NULL },
                { SASL_CB_LIST_END, NULL, NULL },
        };
        int r;

        r = sasl_server_init(callbacks, SERVICE);
        if (r != SASL_OK)
                return error_set(e, -EINVAL, ERROR_AUTH_FAILED, ORIGIN_AUTH, "the SASL library cannot start: %s",
                                 sasl_errstring(r, NULL, NULL));
        return 0;
}

static int set_strength(SaslSession *s, const SaslSettings *settings) {
        sasl_security_properties_t p = {
                .max_ssf = settings->protected ? 0 : STRENGTH_MAX,
                .min_ssf = settings->protected ? 0 : settings->min_ssf,
                .maxbufsize = LAYER_BUFFER,
                .security_flags = SASL_SEC_NOANONYMOUS | (settings->protected ? 0U : SASL_SEC_NOPLAINTEXT),
        };

        return sasl_setprop(s->conn, SASL_SEC_PROPS, &p);
}

static int session_new(const SaslSettings *settings, SaslSession **ret, Error *e) {
        _cleanup_(session_freep) SaslSession *s = calloc(1, sizeof(*s));
        int r;

        if (!s)
                return -ENOMEM;
        r = sasl_server_new(SERVICE, NULL, NULL, settings->local, settings->remote, NULL, SASL_SUCCESS_DATA, &s->conn);
        if (r == SASL_OK)
                r = set_strength(s, settings);
        if (r != SASL_OK)
                return error_set(e, -EINVAL, ERROR_AUTH_FAILED, ORIGIN_AUTH, "no SASL session: %s",
                                 sasl_errstring(r, NULL, NULL));
        *ret = TAKE_PTR(s);
        return 0;
}

static int mechanisms(SaslSession *s, const char **ret, Error *e) {
        const char *list = NULL;
        int r;

        r = sasl_listmech(s->conn, NULL, "", ",", "", &list, NULL, NULL);
        if (r != SASL_OK || !list || !*list)
                return error_set(e, -ENOENT, ERROR_AUTH_FAILED, ORIGIN_AUTH,
                                 "no SASL mechanism is there that is strong enough");
        free(s->mechanisms);
        s->mechanisms = strdup(list);
        if (!s->mechanisms)
                return -ENOMEM;
        *ret = s->mechanisms;
        return 0;
}

static bool is_offered(const SaslSession *s, const char *mech) {
        size_t n = strlen(mech);

        for (const char *p = s->mechanisms; p && n > 0; p = strchr(p, ',')) {
                p += *p == ',';
                if (strcspn(p, ",") == n && strncmp(p, mech, n) == 0)
                        return true;
        }
        return false;
}

static int step(SaslSession *s, const char *mech, const char *data, size_t len, const char **ret, unsigned *ret_len,
                Error *e) {
        int r;

        *ret = NULL;
        *ret_len = 0;
        if (mech && !is_offered(s, mech))
                return error_set(e, -EACCES, ERROR_AUTH_FAILED, ORIGIN_AUTH,
                                 "the SASL mechanism it chose was not offered");
        if (mech)
                r = sasl_server_start(s->conn, mech, data, (unsigned) len, ret, ret_len);
        else
                r = sasl_server_step(s->conn, data, (unsigned) len, ret, ret_len);
        if (r == SASL_CONTINUE)
                return 0;
        if (r != SASL_OK)
                return error_set(e, -EACCES, ERROR_AUTH_FAILED, ORIGIN_AUTH, "%s", sasl_errdetail(s->conn));
        return 1;
}

static const char *user(SaslSession *s) {
        const void *name = NULL;

        return sasl_getprop(s->conn, SASL_USERNAME, &name) == SASL_OK ? name : NULL;
}

static unsigned property(SaslSession *s, int which) {
        const void *number = NULL;

        return sasl_getprop(s->conn, which, &number) == SASL_OK && number ? *(const unsigned *) number : 0;
}

static unsigned strength(SaslSession *s) {
        return property(s, SASL_SSF);
}

/* The layer */

typedef struct SaslTransport {
        Transport transport;
        Transport *under;
        SaslSession *session;
        unsigned piece;         /* most bytes that go into one piece */
        const char *out;        /* the piece that is being written, the library's own */
        unsigned out_len, out_off;
        size_t out_plain;       /* how much of the caller's data it is */
        const char *in;         /* decoded and not read yet, the library's own */
        unsigned in_len, in_off;
} SaslTransport;

static SaslTransport *sasl_of(Transport *t) {
        return container_of(t, SaslTransport, transport);
}

/* What was read may be less than a piece: then there is nothing decoded yet. */
static int fill(SaslTransport *t, FdList *fds) {
        char raw[16384];
        ssize_t n;

        n = t->under->ops->read(t->under, raw, sizeof(raw), fds);
        if (n <= 0)
                return n == 0 ? -ENOTCONN : (int) n;
        t->in_off = t->in_len = 0;
        if (sasl_decode(t->session->conn, raw, (unsigned) n, &t->in, &t->in_len) != SASL_OK)
                return -EPROTO;
        return 0;
}

static ssize_t sasl_read(Transport *transport, void *buf, size_t len, FdList *fds) {
        SaslTransport *t = sasl_of(transport);
        size_t n;
        int r;

        while (t->in_off == t->in_len) {
                r = fill(t, fds);
                if (r < 0)
                        return r == -ENOTCONN ? 0 : r;
        }
        n = MIN(len, (size_t) (t->in_len - t->in_off));
        memcpy(buf, t->in + t->in_off, n);
        t->in_off += (unsigned) n;
        return (ssize_t) n;
}

/* A piece that the socket did not take whole is finished by the next calls, which come with the same data. */
static ssize_t sasl_write(Transport *transport, const void *data, size_t len) {
        SaslTransport *t = sasl_of(transport);

        if (t->out_off == t->out_len) {
                t->out_plain = MIN(len, (size_t) t->piece);
                t->out_off = t->out_len = 0;
                if (sasl_encode(t->session->conn, data, (unsigned) t->out_plain, &t->out, &t->out_len) != SASL_OK)
                        return -EPROTO;
        }
        while (t->out_off < t->out_len) {
                ssize_t n = t->under->ops->write(t->under, t->out + t->out_off, t->out_len - t->out_off);

                if (n < 0)
                        return n;
                t->out_off += (unsigned) n;
        }
        return (ssize_t) t->out_plain;
}

static bool sasl_pending(Transport *transport) {
        const SaslTransport *t = sasl_of(transport);

        return t->in_off < t->in_len;
}

static int sasl_identify(Transport *transport, Identity *i) {
        Transport *under = sasl_of(transport)->under;

        return under->ops->identify(under, i);
}

static void sasl_free(Transport *transport) {
        SaslTransport *t = sasl_of(transport);

        session_free(t->session);
        t->under->ops->free(t->under);
        free(t);
}

static const TransportOps sasl_ops = {
        .name = "sasl",
        .read = sasl_read,
        .write = sasl_write,
        .pending = sasl_pending,
        .identify = sasl_identify,
        .free = sasl_free,
};

static int transport_new(SaslSession *s, Transport *under, Transport **ret) {
        SaslTransport *t = calloc(1, sizeof(*t));
        unsigned most = property(s, SASL_MAXOUTBUF);

        if (!t)
                return -ENOMEM;
        *t = (SaslTransport) {
                .transport = { .ops = &sasl_ops, .fd = under->fd, .want = EPOLLIN, .kind = under->kind },
                .under = under,
                .session = s,
                .piece = most > 0 ? MIN(most, LAYER_BUFFER) : 4096U,
        };
        *ret = &t->transport;
        return 0;
}

extern const SaslModule unitvirt_sasl_module;
__attribute__((visibility("default"))) const SaslModule unitvirt_sasl_module = {
        .init = init,
        .session_new = session_new,
        .session_free = session_free,
        .mechanisms = mechanisms,
        .step = step,
        .user = user,
        .strength = strength,
        .transport_new = transport_new,
};
