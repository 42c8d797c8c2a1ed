/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* TLS over a connection, server's end.
 *
 * It lives in a module of its own (libunitvirt-tls.so), which is loaded by the first process that has a TLS listener: a
 * daemon that serves local clients only maps no TLS library. */

#include <time.h>

#include "base/error.h"
#include "rpc/transport.h"

/* NULL means libvirt's place: /etc/pki/CA/cacert.pem, /etc/pki/CA/cacrl.pem (where it exists),
 * /etc/pki/libvirt/servercert.pem, /etc/pki/libvirt/private/serverkey.pem. */
typedef struct TlsSettings {
        const char *ca_file, *crl_file, *cert_file, *key_file;
        char *const *cert_files, *const *key_files; /* several pairs, in place of the one; NULL: none */
        const char *priority;           /* gnutls; NULL: "NORMAL" without TLS 1.0 and 1.1 */
        bool no_verify;                 /* take clients without a valid certificate */
        bool no_sanity;                 /* do not check our own certificate's dates */
        char *const *allowed_dns;       /* globs for the client's distinguished name; NULL: any */
        /* Called once for each peer that is refused; address may be NULL. */
        void (*refused)(const char *address, const char *reason);
} TlsSettings;

typedef struct TlsCredentials TlsCredentials;

typedef struct TlsModule {
        /* Reads and checks the files; settings' lists are kept by reference and must outlive the credentials. */
        int (*credentials_new)(const TlsSettings *settings, TlsCredentials **ret, Error *e);
        /* Connections hold references of their own: after a reload they go on with what they began with. */
        TlsCredentials *(*credentials_unref)(TlsCredentials *c);
        /* When the first of the server's own certificates expires, in seconds since the epoch; 0 where their dates are
         * not looked at. */
        time_t (*credentials_expire)(const TlsCredentials *c);
        /* Puts TLS over a transport; nothing is taken on failure (-ENOMEM). Its handshake ends with the byte that tells
         * a client of libvirt's that it was let in. */
        int (*transport_new)(TlsCredentials *c, Transport *under, Transport **ret);
} TlsModule;

#define TLS_MODULE_FILE "libunitvirt-tls.so"
#define TLS_MODULE_SYMBOL "unitvirt_tls_module"
