/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Who manages the host's links: systemd-networkd or NetworkManager. */

#include <systemd/sd-bus.h>

#include "model/definition.h"
#include "network/link.h"

typedef struct Host {
        sd_bus *bus;
        Netlink *netlink;
} Host;

/* Each fills the error. name: of an interface; d: its definition, NULL for one that has none here. */
typedef struct Manager {
        const char *name;       /* "systemd-networkd" */
        /* Does it have words for all of it? */
        int (*check)(Host *h, const Definition *d, Error *e);
        /* old: what was defined before; NULL: nothing. The new one is in /etc/libvirt/interface already. */
        int (*define)(Host *h, const Definition *d, const Definition *old, Error *e);
        int (*undefine)(Host *h, const Definition *d, Error *e);
        /* Is a link that is up as it is defined here, and not as others configure it? */
        bool (*is_in_force)(Host *h, const Definition *d);
        int (*start)(Host *h, const char *name, const Definition *d, Error *e);
        int (*stop)(Host *h, const char *name, const Definition *d, Error *e);
        /* Changes begin, are kept, are undone: files are restored before and the snapshot is still there. */
        int (*begin)(Host *h, Error *e);
        int (*commit)(Host *h, Error *e);
        int (*undo)(Host *h, const Definition *d, Error *e); /* before: d is not what was defined then */
        int (*rollback)(Host *h, Error *e);
} Manager;

extern const Manager manager_networkd, manager_nm;

/* The one that has this interface, or would have; both NULL: that has the most. Where neither runs code 84, which names
 * both. */
int manager_find(Host *h, const char *name, const Definition *d, const Manager **ret, Error *e);

/* Is a service of this name on the bus? Starts none. */
bool bus_has(Host *h, const char *name);

/* A call of a method, as sd_bus_call_method(); an answer that says no is code 9 with its text. */
int bus_call(Host *h, const char *destination, const char *path, const char *interface, const char *method,
             sd_bus_message **reply, Error *e, const char *types, ...);

static inline void message_freep(sd_bus_message **m) {
        sd_bus_message_unref(*m);
}
#define _cleanup_message_ _cleanup_(message_freep)

/* Is the link up? -ENODEV where there is none. */
int host_link_is_up(Host *h, const char *name);
