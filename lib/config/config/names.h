/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The daemons by name: which driver makes them, and which sockets they have.
 * units/daemons/meson.build makes their unit files. */

#include "base/macros.h"

typedef enum SocketSuffix {
        SUFFIX_MAIN,
        SUFFIX_RO,
        SUFFIX_ADMIN,
        SUFFIX_TCP,
        SUFFIX_TLS,
        _SUFFIX_MAX,
} SocketSuffix;

typedef struct DaemonName {
        const char *name;     /* "virtqemud" */
        const char *driver;   /* "qemu"; NULL: all (libvirtd), or none (virtproxyd) */
        const char *socket;   /* how its sockets' files begin: "virtqemud", "libvirt" */
        unsigned sockets;     /* bits of SocketSuffix */
} DaemonName;

extern const DaemonName daemon_names[];
extern const size_t n_daemon_names;

/* "", "-ro", "-admin", "-tcp", "-tls": between the daemon's name and ".socket". */
extern const char *const socket_suffixes[_SUFFIX_MAX];

const DaemonName *daemon_by_name(const char *name);
static inline bool daemon_has_socket(const DaemonName *d, SocketSuffix s) {
        return d->sockets & 1U << s;
}

/* The file of a UNIX socket in a folder, "/run/libvirt/virtqemud-sock-ro"; NULL when memory ran out. */
char *daemon_socket_path(const DaemonName *d, SocketSuffix s, const char *folder);
/* "libvirtd-tls.socket". */
char *daemon_socket_unit(const DaemonName *d, SocketSuffix s);
