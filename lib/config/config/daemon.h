/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The configuration file of a daemon: /etc/libvirt/NAME.conf, with the keys of
 * libvirt's libvirtd.conf, virtqemud.conf, ..., virtlogd.conf, virtlockd.conf.
 * docs/unitvirt.conf.5.scd describes each. */

#include <sys/types.h>

#include "base/error.h"
#include "config/conf.h"

/* The numbers that bound what clients may take; one set for each kind of socket. */
typedef struct DaemonLimits {
        unsigned max_clients;           /* connections at once; further ones wait in the socket's backlog */
        unsigned max_anonymous_clients; /* of them not authenticated yet */
        unsigned max_queued_clients;    /* the backlog; accepted, systemd's Backlog= decides */
        unsigned max_client_requests;   /* calls of one connection in work */
        unsigned min_workers;           /* of no effect but to be told to virt-admin: there are no threads */
        unsigned max_workers;
        unsigned prio_workers;
        int keepalive_interval;         /* s; <= 0: never ping */
        unsigned keepalive_count;
} DaemonLimits;

typedef struct DaemonConfig {
        char *path;                     /* the file it came from, for messages; owned */
        DaemonLimits limits;            /* of the main, read-only and network sockets */
        DaemonLimits admin;             /* of the admin socket */

        char *auth_unix_ro, *auth_unix_rw; /* "none", "polkit", "sasl" */
        char *auth_tcp, *auth_tls;         /* "none", "sasl" */
        unsigned tcp_min_ssf;              /* bits that SASL's security layer must have on plain TCP */
        char **access_drivers;             /* "polkit"; NULL: no fine-grained checks */
        char **sasl_allowed_username_list; /* globs; NULL: anybody who authenticates */

        bool listen_tls, listen_tcp;       /* these and the next four: for the generator, see docs */
        char *tls_port, *tcp_port;
        char *listen_addr;
        char *unix_sock_group;
        mode_t unix_sock_ro_perms, unix_sock_rw_perms, unix_sock_admin_perms;
        char *unix_sock_dir;

        char *key_file, *cert_file, *ca_file, *crl_file; /* NULL: libvirt's default places */
        char **key_files, **cert_files;    /* pairs, for clients of different abilities; NULL: the one pair above */
        bool tls_no_verify_certificate, tls_no_sanity_certificate;
        char **tls_allowed_dn_list;        /* globs; NULL: every certificate of the CA */
        char *tls_priority;                /* gnutls; NULL: "NORMAL" without TLS 1.0 and 1.1 */

        unsigned log_level;                /* 1 debug ... 4 error */
        char *log_filters, *log_outputs;   /* "3:remote 4:event", "1:journald"; NULL: not set */
        unsigned audit_level;
        bool audit_logging;
        char *host_uuid;                   /* NULL: as host_uuid_source says */
        char *host_uuid_source;            /* "smbios" or "machine-id" */
        unsigned ovs_timeout;              /* s */

        uint64_t max_size;                 /* virtlogd: of a log file before it is rotated, bytes */
        unsigned max_backups;              /* virtlogd: rotated files kept */
        unsigned max_age_days;             /* virtlogd: 0 keeps all */
        char *log_root;                    /* virtlogd */
} DaemonConfig;

/* Reads the file of the daemon ("libvirtd", "virtqemud", ...); path NULL means path_etc()/DAEMON.conf, where no
 * file means the defaults. What is unknown or has no effect is a line in *warnings (owned by the caller, may be
 * NULL). Errors: -EBADMSG and -EINVAL for the user's mistakes, with file and line; errno of reading; -ENOMEM. */
int daemon_config_load(const char *daemon, const char *path, DaemonConfig **ret, char ***warnings, Error *e);

/* The same for text in memory, for tests and fuzzers. */
int daemon_config_parse(const char *daemon, const char *text, size_t len, const char *origin, DaemonConfig **ret,
                        char ***warnings, Error *e);

DaemonConfig *daemon_config_free(DaemonConfig *c);
DEFINE_CLEANUP(DaemonConfig *, daemon_config_free);
