/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* SASL by the Cyrus library, server's end.
 *
 * Like TLS it lives in a module of its own (libunitvirt-sasl.so), loaded by the first process that has a listener with
 * auth_* = "sasl". Which mechanisms there are, and where passwords are, is /etc/sasl2/libvirt.conf's business. */

#include "base/error.h"
#include "rpc/transport.h"

#define SASL_DATA_MAX 65536U /* of one step, either way */

typedef struct SaslSettings {
        const char *local, *remote;     /* "IP;PORT" of either end; NULL on UNIX sockets */
        /* Something else protects what is sent (TLS, a UNIX socket): any mechanism will do, and none adds a layer of
         * its own. */
        bool protected;
        unsigned min_ssf;               /* where nothing does: bits that the mechanism's own layer must have */
} SaslSettings;

/* One login. */
typedef struct SaslSession SaslSession;

typedef struct SaslModule {
        /* Once a process: reads the library's configuration and finds its mechanisms. */
        int (*init)(Error *e);
        int (*session_new)(const SaslSettings *settings, SaslSession **ret, Error *e);
        SaslSession *(*session_free)(SaslSession *s);
        /* The mechanisms offered, separated by commas; owned by the session. -ENOENT where none is good enough. */
        int (*mechanisms)(SaslSession *s, const char **ret, Error *e);
        /* The client's data, NULL for none (which is not the same as empty); mech with the first only. 1 complete, 0 go
         * on, both with the answer (until the next call; may be NULL); -EACCES refused, and e says to the administrator
         * why. */
        int (*step)(SaslSession *s, const char *mech, const char *data, size_t len, const char **ret, unsigned *ret_len,
                    Error *e);
        /* After completion: who it is; owned by the session. */
        const char *(*user)(SaslSession *s);
        /* After completion: the bits of the layer; 0: there is none. */
        unsigned (*strength)(SaslSession *s);
        /* Puts the layer over a transport, and takes the session with it; nothing is taken on failure. */
        int (*transport_new)(SaslSession *s, Transport *under, Transport **ret);
} SaslModule;

#define SASL_MODULE_FILE "libunitvirt-sasl.so"
#define SASL_MODULE_SYMBOL "unitvirt_sasl_module"
