/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* A definition of an interface as files of systemd-networkd (systemd.network(5), systemd.netdev(5)). */

#include "model/definition.h"

typedef struct NetworkdFile {
        char *name;             /* "05-unitvirt-br0.netdev" */
        char *lower;            /* the link below a vlan: this is a drop-in of its file; else NULL */
        char *text;             /* begins with networkd_mark() */
} NetworkdFile;

typedef struct NetworkdFiles {
        NetworkdFile *list;
        size_t n;
} NetworkdFiles;

void networkd_files_done(NetworkdFiles *f);
#define _cleanup_networkd_files_ _cleanup_(networkd_files_done)

/* Those of a normalised definition. What networkd has no words for is refused by name: code 67. */
int networkd_files_of(const Definition *d, NetworkdFiles *ret, Error *e);

/* The first line of each file of this interface, by which it is found again; the caller's. */
char *networkd_mark(const char *interface);

/* Files that definitions make come before those that hosts usually have, since the first one that fits a link counts;
 * a member's come before its own, which are for when it is a link by itself. */
#define NETWORKD_MEMBER_PREFIX "04-unitvirt-"
#define NETWORKD_PREFIX "05-unitvirt-"
/* For a link below a vlan that nobody configures. */
#define NETWORKD_LOWER_PREFIX "06-unitvirt-"
