/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* vm-network: makes a virtual network and takes it away. One NetworkStart is one start.
 *
 *   vm-network.c   the verbs, and the steps of a start in their order
 *   adopt.c        a network that libvirt left running
 *   host.c         the bridge, its addresses, routes and limits; whether the host has room for them
 *   managers.c     who else would look after the bridge
 *   rules.c        nftables
 *   dhcp.c         dnsmasq: its files, its unit
 *   replug.c       guests that run already
 *   bus.c          calls to systemd and firewalld
 *   undo.c         the list of what was made, and the end
 *
 * Each thing is put onto the undo list before it is made, so that an end finds it however the start ended. */

#include "base/error.h"
#include "base/strings.h"
#include "model/definition.h"
#include "network/files.h"
#include "network/link.h"
#include "network/network.h"
#include "rules.h"
#include "undo.h"

typedef struct NetworkStart {
        const char *name;
        int notify_fd;
        Definition *definition;   /* what NAME.xml will say */
        xmlNode *network;         /* its root */
        ForwardMode mode;
        char bridge[16];          /* "" where the network has none of its own */
        bool adopted;             /* the bridge is there, with guests */
        bool docker_passed;       /* Docker's chain lets it pass, and that is on the list */
        Netlink *links;
        struct sd_bus *bus;       /* held, not used by name */
        UndoList undo;
        StrBuf notices;           /* what the user should know though the start went well, a line each */
        Error error;
} NetworkStart;

/* adopt.c: takes over what libvirt left running of this network. */
int adopt(NetworkStart *s);

/* host.c */
int host_check(NetworkStart *s);
int host_make_bridge(NetworkStart *s);
int host_add_addresses(NetworkStart *s);
int host_limit(NetworkStart *s);
int host_forward(NetworkStart *s);
int host_bring_up(NetworkStart *s);
int host_check_ports(NetworkStart *s);

/* managers.c: systemd-networkd leaves the bridge alone, also where a file of the host's fits any link; and may have it
 * again. Those that are called virbr* it knows. */
int managers_keep_off(NetworkStart *s);
int managers_let_go(const char *bridge);

/* rules.c */
int rules_load(NetworkStart *s);
/* Takes them away. */
int rules_drop(int notify_fd);
/* Brings what has changed in the definition of a running network into force. */
int rules_reload(NetworkStart *s);
/* Puts a line into the notices for each foreign chain that drops what dnsmasq shall get. */
int rules_name_blockers(NetworkStart *s);

/* dhcp.c */
int dhcp_write_files(NetworkStart *s);
int dhcp_start(NetworkStart *s);
/* Brings what has changed in the definition of a running network to dnsmasq. */
int dhcp_reload(NetworkStart *s);
int dhcp_stop(const char *name);

/* replug.c */
int replug_guests(NetworkStart *s);

/* bus.c: what the unit of the network is called in lists and by "systemctl status"; and as its template has it
 * again. */
int bus_describe_network(const char *name, const char *description);
void bus_undescribe_network(const char *name);

/* bus.c */
/* The process's connection to the system bus, which all of these use while it is held; NULL where there is no bus yet.
 * The caller's, for bus_release(). */
struct sd_bus *bus_hold(void);
void bus_release(struct sd_bus *bus);
/* Starts or stops a unit, and waits for it. *ret_result is systemd's word, "done" or why not; the caller's. */
int bus_unit_job(const char *method, const char *unit, char **ret_result, Error *e);
/* Starts one that is ordered after the network, too. */
int bus_start_now(const char *unit, char **ret_result, Error *e);
/* Its unit has failed, or is off; false where systemd cannot be asked. */
bool bus_network_has_ended(const char *name);
bool bus_has_firewalld(void);
/* Has systemd-networkd read its files anew. */
int bus_reload_networkd(void);
/* Puts the bridge into firewalld's zone; nothing where firewalld does not run. */
int bus_add_to_zone(const char *bridge, const char *zone);
int bus_remove_from_zone(const char *bridge);
/* Tells systemd-resolved whom to ask for names of the domain. */
int bus_register_domain(const char *bridge, const IpAddress *server, const char *domain, Error *e);
