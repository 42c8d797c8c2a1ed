/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* TLS listeners: the module is loaded with the first of them; credentials are read at the start and at each reload. */

#include "base/log.h"
#include "server.h"

static void log_refused(const char *address, const char *reason) {
        log_notice("TLS client %s is refused: %s", address ?: "(unknown address)", reason);
}

int server_load_tls(Server *s) {
        const DaemonConfig *c = s->settings;
        TlsSettings settings = { .refused = log_refused };
        _cleanup_error_ Error e = ERROR_INIT;
        TlsCredentials *fresh;
        const void *module;
        int r;

        if (!server_has_listener(s, SOCKET_TLS))
                return 0;
        if (!s->tls) {
                r = server_load_module(TLS_MODULE_FILE, TLS_MODULE_SYMBOL, &module);
                if (r < 0)
                        return r;
                s->tls = module;
        }
        if (c)
                settings = (TlsSettings){
                        .ca_file = c->ca_file,
                        .crl_file = c->crl_file,
                        .cert_file = c->cert_file,
                        .key_file = c->key_file,
                        .cert_files = c->cert_files,
                        .key_files = c->key_files,
                        .priority = c->tls_priority,
                        .no_verify = c->tls_no_verify_certificate,
                        .no_sanity = c->tls_no_sanity_certificate,
                        .allowed_dns = c->tls_allowed_dn_list,
                        .refused = log_refused,
                };
        r = s->tls->credentials_new(&settings, &fresh, &e);
        if (r < 0)
                return log_error_errno(r, "TLS: %s%s", error_text(&e, r),
                                       s->tls_credentials ? ": the certificates in use stay"
                                                          : ": TLS clients are refused");
        s->tls->credentials_unref(s->tls_credentials);
        s->tls_credentials = fresh;
        s->tls_expired = false;
        return 0;
}

/* Clients that look at the date go without a word that would get here. */
static void warn_of_expiry(Server *s) {
        time_t expires = s->tls->credentials_expire(s->tls_credentials);

        if (s->tls_expired || expires == 0 || time(NULL) < expires)
                return;
        s->tls_expired = true;
        log_warning(
                "the server's TLS certificate has expired, and clients refuse it: renew it, and reload the service");
}

int server_wrap_tls(Server *s, Transport **t) {
        if (!s->tls_credentials)
                return -ENOKEY;
        warn_of_expiry(s);
        return s->tls->transport_new(s->tls_credentials, *t, t);
}

void server_free_tls(Server *s) {
        if (s->tls)
                s->tls_credentials = s->tls->credentials_unref(s->tls_credentials);
}
