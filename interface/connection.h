/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* A definition of an interface as connections of NetworkManager (nm-settings-dbus(5)). */

#include <systemd/sd-bus.h>

#include "model/definition.h"

typedef struct Connection {
        char uuid[37];
        const char *name;               /* of the link */
        const xmlNode *node;
        const char *type;               /* NetworkManager's word */
        char master_uuid[37];           /* "" for none */
        const char *master_type;
        bool at_boot;
} Connection;

/* The first one is the interface itself. */
typedef struct Connections {
        Connection *list;
        size_t n;
} Connections;

void connections_done(Connections *c);
#define _cleanup_connections_ _cleanup_(connections_done)

/* Of a normalised definition, which must stay. */
int connections_of(const Definition *d, Connections *ret, Error *e);
bool connections_have(const Connections *c, const char *uuid);

/* Its settings, a{sa{sv}}. */
int connection_append(const Connection *c, sd_bus_message *m);
