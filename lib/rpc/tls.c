/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The TLS module: gnutls between a transport and its packets. */

#include <fnmatch.h>
#include <sys/epoll.h>

#include <gnutls/gnutls.h>
#include <gnutls/x509.h>

#include "rpc/tls.h"

/* Every client of libvirt's that is still around speaks TLS 1.2; what is older is there to be talked down to. */
#define DEFAULT_PRIORITY "NORMAL:-VERS-TLS1.0:-VERS-TLS1.1"

struct TlsCredentials {
        unsigned n_ref;
        gnutls_certificate_credentials_t x509;
        gnutls_priority_t priority;
        TlsSettings settings;
        time_t expires;         /* when the first of the server's certificates does; 0: not looked at */
};

typedef struct TlsTransport {
        Transport transport;
        Transport *under;
        TlsCredentials *credentials;
        gnutls_session_t session;
        char *dname;
        bool handshaken;        /* the letting-in byte is what remains */
        bool refused;
        bool unsent;            /* gnutls holds a record that the socket did not take */
} TlsTransport;

static TlsTransport *tls_of(Transport *t) {
        return container_of(t, TlsTransport, transport);
}

static TlsCredentials *credentials_unref(TlsCredentials *c) {
        if (!c || --c->n_ref > 0)
                return NULL;
        if (c->x509)
                gnutls_certificate_free_credentials(c->x509);
        if (c->priority)
                gnutls_priority_deinit(c->priority);
        free(c);
        return NULL;
}
DEFINE_CLEANUP(TlsCredentials *, credentials_unref);

/* Credentials */

static int fail(Error *e, const char *what, const char *file, int code) {
        return error_set(e, -EINVAL, ERROR_SYSTEM_ERROR, ORIGIN_RPC, "%s %s: %s", what, file, gnutls_strerror(code));
}

/* A server whose own certificate has run out would be refused by every client, which tell little about it. */
static int check_dates(TlsCredentials *c, const char *file, unsigned index, Error *e) {
        gnutls_x509_crt_t *list = NULL;
        unsigned n = 0;
        int r;

        r = gnutls_certificate_get_x509_crt(c->x509, index, &list, &n);
        if (r < 0)
                return fail(e, "cannot look at", file, r);
        r = 0;
        if (n > 0 && (c->expires == 0 || gnutls_x509_crt_get_expiration_time(list[0]) < c->expires))
                c->expires = gnutls_x509_crt_get_expiration_time(list[0]);
        if (n > 0 && gnutls_x509_crt_get_expiration_time(list[0]) < time(NULL))
                r = error_set(e, -EINVAL, ERROR_SYSTEM_ERROR, ORIGIN_RPC, "%s: the certificate has expired", file);
        else if (n > 0 && gnutls_x509_crt_get_activation_time(list[0]) > time(NULL))
                r = error_set(e, -EINVAL, ERROR_SYSTEM_ERROR, ORIGIN_RPC, "%s: the certificate is not valid yet", file);
        for (unsigned i = 0; i < n; i++)
                gnutls_x509_crt_deinit(list[i]);
        gnutls_free(list);
        return r;
}

static int load_pair(TlsCredentials *c, const char *cert, const char *key, unsigned index, Error *e) {
        int r;

        r = gnutls_certificate_set_x509_key_file(c->x509, cert, key, GNUTLS_X509_FMT_PEM);
        if (r < 0)
                return fail(e, "cannot read the server's certificate and key", cert, r);
        return c->settings.no_sanity ? 0 : check_dates(c, cert, index, e);
}

static int load_files(TlsCredentials *c, Error *e) {
        const TlsSettings *s = &c->settings;
        int r;

        r = gnutls_certificate_set_x509_trust_file(c->x509, s->ca_file, GNUTLS_X509_FMT_PEM);
        if (r <= 0)
                return fail(e, "cannot read the CA certificate", s->ca_file, r < 0 ? r : GNUTLS_E_NO_CERTIFICATE_FOUND);
        if (s->crl_file) {
                r = gnutls_certificate_set_x509_crl_file(c->x509, s->crl_file, GNUTLS_X509_FMT_PEM);
                if (r < 0)
                        return fail(e, "cannot read the revocation list", s->crl_file, r);
        }
        if (!s->cert_files)
                return load_pair(c, s->cert_file, s->key_file, 0, e);
        r = 0;
        for (unsigned i = 0; s->cert_files[i] && s->key_files[i] && r >= 0; i++)
                r = load_pair(c, s->cert_files[i], s->key_files[i], i, e);
        return r;
}

static int credentials_new(const TlsSettings *settings, TlsCredentials **ret, Error *e) {
        _cleanup_(credentials_unrefp) TlsCredentials *c = calloc(1, sizeof(*c));
        int r;

        if (!c)
                return -ENOMEM;
        c->n_ref = 1;
        c->settings = *settings;
        c->settings.ca_file = settings->ca_file ?: "/etc/pki/CA/cacert.pem";
        c->settings.cert_file = settings->cert_file ?: "/etc/pki/libvirt/servercert.pem";
        c->settings.key_file = settings->key_file ?: "/etc/pki/libvirt/private/serverkey.pem";
        if (!c->settings.crl_file && access("/etc/pki/CA/cacrl.pem", F_OK) == 0)
                c->settings.crl_file = "/etc/pki/CA/cacrl.pem";
        if (gnutls_certificate_allocate_credentials(&c->x509) < 0)
                return -ENOMEM;
        r = load_files(c, e);
        if (r < 0)
                return r;
        /* The names of files are not needed any more, and not ours. */
        c->settings.ca_file = c->settings.crl_file = c->settings.cert_file = c->settings.key_file = NULL;
        c->settings.cert_files = c->settings.key_files = NULL;
        r = gnutls_priority_init(&c->priority, settings->priority ?: DEFAULT_PRIORITY, NULL);
        if (r < 0)
                return fail(e, "tls_priority", settings->priority ?: DEFAULT_PRIORITY, r);
        *ret = TAKE_PTR(c);
        return 0;
}

/* The handshake */

static int refuse(TlsTransport *t, const char *reason) {
        Identity i = IDENTITY_INIT;

        if (!t->refused && t->credentials->settings.refused) {
                (void) t->under->ops->identify(t->under, &i);
                t->credentials->settings.refused(i.address, reason);
                free(i.address);
        }
        t->refused = true;
        return -EACCES;
}

static bool dn_is_allowed(char *const *allowed, const char *dn) {
        if (!allowed)
                return true;
        for (; *allowed; allowed++)
                if (fnmatch(*allowed, dn, 0) == 0)
                        return true;
        return false;
}

static int read_dname(TlsTransport *t, const gnutls_datum_t *der) {
        gnutls_x509_crt_t cert;
        size_t size = 1024;
        int r;

        if (gnutls_x509_crt_init(&cert) < 0)
                return -ENOMEM;
        r = gnutls_x509_crt_import(cert, der, GNUTLS_X509_FMT_DER);
        t->dname = r >= 0 ? calloc(1, size) : NULL;
        if (t->dname)
                r = gnutls_x509_crt_get_dn(cert, t->dname, &size);
        gnutls_x509_crt_deinit(cert);
        return r < 0 || !t->dname ? -EBADMSG : 0;
}

/* Chain, dates and revocation, and that the certificate is made for clients. */
static int check_peer(TlsTransport *t) {
        gnutls_typed_vdata_st purpose = { .type = GNUTLS_DT_KEY_PURPOSE_OID,
                                          .data = (unsigned char *) GNUTLS_KP_TLS_WWW_CLIENT };
        const TlsSettings *s = &t->credentials->settings;
        const gnutls_datum_t *certs;
        gnutls_datum_t text = {};
        unsigned status = 0, n = 0;
        int r;

        certs = gnutls_certificate_get_peers(t->session, &n);
        if (s->no_verify)
                return n > 0 ? MIN(read_dname(t, &certs[0]), 0) : 0;
        if (!certs || n == 0)
                return refuse(t, "the client sent no certificate");
        r = gnutls_certificate_verify_peers(t->session, &purpose, 1, &status);
        if (r < 0)
                return refuse(t, gnutls_strerror(r));
        if (status != 0) {
                (void) gnutls_certificate_verification_status_print(status, GNUTLS_CRT_X509, &text, 0);
                r = refuse(t, text.data ? (const char *) text.data : "the client's certificate is not valid");
                gnutls_free(text.data);
                return r;
        }
        if (read_dname(t, &certs[0]) < 0)
                return refuse(t, "the client's certificate has no readable name");
        if (!dn_is_allowed(s->allowed_dns, t->dname))
                return refuse(t, "the client's name is not in tls_allowed_dn_list");
        return 0;
}

static int want(TlsTransport *t) {
        t->transport.want = gnutls_record_get_direction(t->session) ? EPOLLOUT : EPOLLIN;
        return -EAGAIN;
}

static bool is_again(ssize_t r) {
        return r == GNUTLS_E_AGAIN || r == GNUTLS_E_INTERRUPTED;
}

static int tls_handshake(Transport *transport) {
        TlsTransport *t = tls_of(transport);
        ssize_t n;
        int r;

        while (!t->handshaken) {
                r = gnutls_handshake(t->session);
                if (is_again(r))
                        return want(t);
                if (r < 0 && gnutls_error_is_fatal(r))
                        return refuse(t, gnutls_strerror(r));
                if (r < 0)
                        continue;
                r = check_peer(t);
                if (r < 0)
                        return r;
                t->handshaken = true;
        }
        n = t->unsent ? gnutls_record_send(t->session, NULL, 0) : gnutls_record_send(t->session, "\1", 1);
        t->unsent = is_again(n);
        if (t->unsent)
                return want(t);
        return n < 0 ? refuse(t, gnutls_strerror((int) n)) : 0;
}

/* Data */

static ssize_t tls_read(Transport *transport, void *buf, size_t len, FdList *fds) {
        ssize_t n = gnutls_record_recv(tls_of(transport)->session, buf, len);

        if (n >= 0)
                return n;
        if (is_again(n))
                return -EAGAIN;
        return n == GNUTLS_E_PREMATURE_TERMINATION ? 0 : -EPROTO;
}

/* A record that was not taken whole is gnutls' own by then: it is asked to go on with it, and answers with its
 * length. */
static ssize_t tls_write(Transport *transport, const void *data, size_t len) {
        TlsTransport *t = tls_of(transport);
        ssize_t n;

        n = t->unsent ? gnutls_record_send(t->session, NULL, 0) : gnutls_record_send(t->session, data, len);
        t->unsent = is_again(n);
        if (t->unsent)
                return -EAGAIN;
        return n < 0 ? -EPROTO : n;
}

static bool tls_pending(Transport *transport) {
        return gnutls_record_check_pending(tls_of(transport)->session) > 0;
}

static int tls_identify(Transport *transport, Identity *i) {
        TlsTransport *t = tls_of(transport);

        free(i->x509_dname);
        i->x509_dname = TAKE_PTR(t->dname);
        return t->under->ops->identify(t->under, i);
}

static void layer_free(TlsTransport *t) {
        if (t->session)
                gnutls_deinit(t->session);
        credentials_unref(t->credentials);
        free(t->dname);
        free(t);
}

static void tls_free(Transport *transport) {
        TlsTransport *t = tls_of(transport);
        Transport *under = t->under;

        if (t->handshaken)
                (void) gnutls_bye(t->session, GNUTLS_SHUT_WR);
        layer_free(t);
        under->ops->free(under);
}

static const TransportOps tls_ops = {
        .name = "tls",
        .read = tls_read,
        .write = tls_write,
        .handshake = tls_handshake,
        .pending = tls_pending,
        .identify = tls_identify,
        .free = tls_free,
};

static int transport_new(TlsCredentials *c, Transport *under, Transport **ret) {
        TlsTransport *t = calloc(1, sizeof(*t));

        if (!t)
                return -ENOMEM;
        c->n_ref++;
        *t = (TlsTransport) {
                .transport = { .ops = &tls_ops, .fd = under->fd, .want = EPOLLIN, .kind = TRANSPORT_TLS },
                .under = under,
                .credentials = c,
        };
        if (gnutls_init(&t->session, GNUTLS_SERVER | GNUTLS_NONBLOCK | GNUTLS_NO_SIGNAL) < 0 ||
            gnutls_priority_set(t->session, c->priority) < 0 ||
            gnutls_credentials_set(t->session, GNUTLS_CRD_CERTIFICATE, c->x509) < 0) {
                layer_free(t);
                return -ENOMEM;
        }
        gnutls_certificate_server_set_request(t->session,
                                              c->settings.no_verify ? GNUTLS_CERT_REQUEST : GNUTLS_CERT_REQUIRE);
        gnutls_transport_set_int(t->session, under->fd);
        *ret = &t->transport;
        return 0;
}

static time_t credentials_expire(const TlsCredentials *c) {
        return c->expires;
}

extern const TlsModule unitvirt_tls_module;
__attribute__((visibility("default"))) const TlsModule unitvirt_tls_module = {
        .credentials_new = credentials_new,
        .credentials_unref = credentials_unref,
        .credentials_expire = credentials_expire,
        .transport_new = transport_new,
};
