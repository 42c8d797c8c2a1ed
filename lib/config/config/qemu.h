/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* /etc/libvirt/qemu.conf. Every key that libvirt documents is known and has one row in a table, which says what is done
 * with it:
 *
 *   honoured   the value is in QemuConfig, and holds
 *   refused    it asks for protection that guests would not get: those that it concerns are not started (QemuRefusal)
 *   no effect  a warning, with the reason
 *
 * so that no setting is lost in silence. vm@.service(8) lists them. */

#include "base/error.h"
#include "config/conf.h"

/* The guests that a refused setting is about. Who has the definition at hand finds out whether it is one. */
typedef enum QemuConcern {
        QEMU_CONCERN_NONE,
        QEMU_CONCERN_EVERY_GUEST,
        QEMU_CONCERN_BRIDGE,      /* an interface on a bridge of the host */
        QEMU_CONCERN_DISK,        /* a disk that the guest may write */
        _QEMU_CONCERN_MAX,
} QemuConcern;

typedef struct QemuRefusal {
        QemuConcern concern;
        char *text;              /* "file:line: key: what is not given, and what to do" */
} QemuRefusal;

typedef struct QemuConfig {
        /* for each start of a guest */
        char *vnc_listen, *spice_listen;     /* where a definition names no address; "127.0.0.1" */
        char *vnc_password, *spice_password; /* where it has none; "": nobody is let in; NULL: none needed */
        bool vnc_auto_unix_socket, spice_auto_unix_socket; /* a socket in place of vnc_listen, spice_listen */
        bool vnc_tls, spice_tls, vnc_sasl, spice_sasl; /* encrypted; clients log in with a name */
        char *vnc_tls_x509_cert_dir, *spice_tls_x509_cert_dir; /* absolute; NULL: as default_tls_x509_cert_dir */
        char *vnc_tls_x509_secret_uuid, *vnc_tls_priority; /* NULL: as the defaults below */
        char *vnc_sasl_dir, *spice_sasl_dir; /* absolute: of SASL's own qemu.conf; "/etc/sasl2" */
        unsigned remote_display_port_min, remote_display_port_max;
        unsigned remote_websocket_port_min, remote_websocket_port_max;
        char *auto_dump_path;                /* absolute; NULL: path_lib()/qemu/dump */
        uint64_t auto_dump_max_size;         /* bytes; 0: any */
        bool dump_guest_core;
        char **storage_folders; /* absolute; where backing files may be, beside those of chain/chain.h; NULL: none */
        char *default_tls_x509_cert_dir, *nbd_tls_x509_cert_dir; /* absolute; the second NULL: as the first */
        bool nbd_tls;                        /* NBD disks over TCP whose definition does not say tls='no' */
        char *default_tls_x509_secret_uuid;  /* of the password of the key; NULL: it has none */
        char *chardev_tls_x509_cert_dir, *chardev_tls_x509_secret_uuid; /* NULL: as above */
        char *default_tls_priority, *chardev_tls_priority; /* in gnutls' words; NULL: its own */
        bool chardev_tls;                    /* serial ports and the like on TCP, likewise */
        /* who connects proves who it is; -1: not set */
        int default_tls_x509_verify, chardev_tls_x509_verify, vnc_tls_x509_verify;
        int seccomp_sandbox;                 /* 0: QEMU makes no filter of its own; -1: not set */

        /* for the unit of every guest; 0: not set */
        uint64_t max_core;                   /* bytes; CONF_UNLIMITED */
        uint64_t max_processes, max_files;
        unsigned max_threads_per_process;

        QemuRefusal *refusals;               /* in the order of the table */
        size_t n_refusals;

        char *stdio_handler;                 /* "file": files of ports are QEMU's own; NULL, "logd": vm-run's */
        char *lock_manager;                  /* "lockd": config/lockd.h; NULL, "nop": images are not locked */
} QemuConfig;

/* As daemon_config_load(), path NULL: path_etc()/qemu.conf. */
int qemu_config_load(const char *path, QemuConfig **ret, char ***warnings, Error *e);
int qemu_config_parse(const char *text, size_t len, const char *origin, QemuConfig **ret, char ***warnings, Error *e);

/* What is wrong with a file, for a program to say in its own way. */
typedef enum QemuProblem {
        QEMU_PROBLEM_IGNORED,    /* a key without effect */
        QEMU_PROBLEM_REFUSED,    /* QemuRefusal */
        QEMU_PROBLEM_BROKEN,     /* the file cannot be read: no guest is started */
        _QEMU_PROBLEM_MAX,
} QemuProblem;

/* Loads the file, and calls tell for each problem, "file:line: ...". ret may be NULL. 0, or negative where the file is
 * broken. */
typedef void (*QemuProblemSink)(QemuProblem kind, const char *text, void *userdata);
int qemu_config_examine(const char *path, QemuConfig **ret, QemuProblemSink tell, void *userdata);

/* "FILE:LINE: KEY", where path, NULL: path_etc()/qemu.conf, sets the key now, else "FILE: KEY": for messages about what
 * a setting led to. Owned by the caller, NULL: no memory. */
char *qemu_config_place(const char *path, const char *key);

QemuConfig *qemu_config_free(QemuConfig *c);
DEFINE_CLEANUP(QemuConfig *, qemu_config_free);
