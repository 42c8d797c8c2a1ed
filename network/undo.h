/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The list of what a start made, NAME.undo: a line each, written before the thing is made. */

#include "base/macros.h"

typedef enum UndoKind {
        UNDO_BRIDGE,      /* NAME MAC: deleted where both are still so */
        UNDO_DNSMASQ,     /* the unit and the files */
        UNDO_DOCKER,      /* BRIDGE: rules in DOCKER-USER */
        UNDO_ZONE,        /* BRIDGE: firewalld */
        UNDO_MANAGERS,    /* BRIDGE: a file of systemd-networkd's */
        UNDO_LIMIT,       /* inbound|outbound BRIDGE: of traffic, of a bridge of the host's */
        UNDO_RULES,       /* the socket that owns the tables */
        _UNDO_KIND_MAX,
} UndoKind;

typedef struct UndoList {
        char *path;
        int fd;
} UndoList;

/* Begins an empty list for the network, or goes on with the one that is there (again). */
int undo_open(const char *network, bool again, UndoList *ret);
void undo_close(UndoList *u);

/* Appends one line. words may be "". */
int undo_add(UndoList *u, UndoKind kind, const char *words);

/* Carries out the network's list, the last line first, and removes it. What cannot be undone is logged, and the rest is
 * done nevertheless; a line of an unknown kind, of another version, is skipped with a warning. Returns the first
 * error. */
int undo_run(const char *network, int notify_fd);
