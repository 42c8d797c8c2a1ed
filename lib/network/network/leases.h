/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The leases that dnsmasq gave out, as libvirt keeps them: /var/lib/libvirt/dnsmasq/BRIDGE.status, which libnss-libvirt
 * and others read, a JSON list with one object a lease. Beside it BRIDGE.macs says which guest has which MACs. */

#include "base/error.h"
#include "base/macros.h"

#define LEASES_MAX 65536U              /* of one network; libvirt's limit of what it sends */
#define LEASES_FILE_MAX (32U << 20)    /* bytes of a status file that are read at most */

typedef struct Lease {
        char *ip;
        char *mac;           /* NULL where dnsmasq did not know it (IPv6) */
        char *hostname;      /* these four may be NULL */
        char *client_id;
        char *iaid;          /* of IPv6 */
        char *server_duid;   /* of IPv6 */
        int64_t expiry;      /* seconds since 1970; 0 never ends */
} Lease;

typedef struct LeaseList {
        Lease *items;
        size_t n;
} LeaseList;

void lease_list_done(LeaseList *l);
#define _cleanup_leases_ _cleanup_(lease_list_done)

/* Reads the text of a status file; the empty text is the empty list. -EBADMSG and e for what is no such file,
 * -E2BIG for too many leases. */
int leases_parse(const char *text, size_t len, LeaseList *ret, Error *e);

/* Reads a status file; one that is missing is empty. */
int leases_read(const char *path, LeaseList *ret, Error *e);

/* The text of a status file. -ENOMEM. */
int leases_format(const LeaseList *l, char **ret);

/* Puts a copy of the lease in, in place of one for the same address. -ENOMEM, -E2BIG. */
int leases_put(LeaseList *l, const Lease *lease);

/* Takes the lease of the address out; returns whether there was one. */
bool leases_remove(LeaseList *l, const char *ip);

/* Takes out what ended before now. */
void leases_expire(LeaseList *l, int64_t now);

/* The leases in the form of dnsmasq's own lease file, which it reads from its script at its start. *ret is the
 * caller's. */
int leases_for_dnsmasq(const LeaseList *l, char **ret);

/* In the text of a .macs file: the MAC is, or is no longer, one of the guest's; guests of which lives() (may be NULL)
 * says no are taken out. *ret is the new text, the caller's.
 * A text that is no such file counts as empty. -ENOMEM. */
int macs_change(const char *text, size_t len, const char *guest, const char *mac, bool add,
                bool (*lives)(const char *guest), char **ret);
