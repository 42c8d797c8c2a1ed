/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The host's links as clients see them. An Interface is an object of a name without files: what there is is asked of
 * the kernel, and the index follows it before each call. */

#include "model/definition.h"
#include "network/inventory.h"
#include "object/call.h"

typedef struct Interface {
        Object object;
        HostLink link;          /* as it was when the index was last brought up to date */
        bool is_there;          /* there is such a link; else it is only defined */
        bool defined;           /* there is a definition */
} Interface;

typedef struct InterfaceDriver {
        ObjectIndex interfaces;
        Netlink *netlink;
        int changes_fd;         /* tells that links changed */
        struct timespec defined;        /* when /etc/libvirt/interface was changed, as the index has it */
} InterfaceDriver;

extern const ObjectKind kind_interface;
extern const RpcTable interface_calls_table, interface_change_table;

/* Opens the sockets. */
int links_open(InterfaceDriver *d);
void links_close(InterfaceDriver *d);

/* Brings the index up to date, where links changed since. */
void links_follow(InterfaceDriver *d);

/* The document of a link as it is now, owned by the caller: valid against libvirt's schema. links: all that there
 * are. as_definition: without addresses that it has from others, so that who defines it by this document asks them
 * again. */
int interface_describe(Netlink *netlink, const HostLink *links, size_t n, const HostLink *l, bool as_definition,
                       char **ret);
