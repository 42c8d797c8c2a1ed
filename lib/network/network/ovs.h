/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Ports of Open vSwitch, by ovs-vsctl, which changes the switch's own data base: a port outlasts its link there, and
 * has to be taken out. */

#include "base/error.h"

typedef struct OvsPort {
        const char *bridge;
        const char *link;           /* of the host, which is there already */
        const char *mac;            /* of who is behind it; these four become external ids, NULL are none */
        const char *interface_id;
        const char *guest;          /* uuid */
        const char *profile;
        const char *vlan_mode;      /* "native-tagged", "native-untagged"; NULL */
        const char *tag;            /* NULL: none */
        const char *trunks;         /* "10,20"; NULL */
} OvsPort;

/* Limits, as <bandwidth> has them: KiB a second, and KiB; an average of 0 is none. */
typedef struct OvsRate {
        unsigned average, peak, burst;
} OvsRate;

/* The arguments of ovs-vsctl that make the port, in place of one of this name that is there. *ret is the caller's
 * (strv_free()). -EINVAL and e for what no argument can hold. */
int ovs_add_arguments(const OvsPort *p, char ***ret, Error *e);

/* Makes the port. Code 67 where there is no Open vSwitch; else its own last line. */
int ovs_add(const OvsPort *p, Error *e);

/* Sets, or with NULL takes away, the limits of what the port sends (the guest's inbound) and gets. */
int ovs_limit(const char *link, const OvsRate *inbound, const OvsRate *outbound, Error *e);

/* Takes the port, whatever bridge it is of, and its limits out; 0 where there is none. The name is the value of
 * UNDO_OVS. */
int ovs_remove(const char *link);
