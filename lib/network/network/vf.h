/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Virtual functions of network cards (SR-IOV). What a function's MAC and VLAN are is told to the card that it is a
 * function of, its physical function, which holds to it whatever the guest does.
 *
 * Functions are named by their PCI address, "0000:01:10.1". Below path_sys() is the kernel's view. */

#include "network/link.h"

/* Where a function is. */
typedef struct VfPlace {
        char card[16];       /* the link of the physical function */
        unsigned index;      /* the function's number there */
} VfPlace;

/* The PCI addresses of the card's functions, in their order; the list is the caller's (strv_free()). -ENODEV where
 * there is no such link, -ENOENT where it has none. */
int vf_list(const char *card, char ***ret);

/* The link that the host has on a function, NULL where it has none (its driver may be VFIO). The caller's. */
int vf_link(const char *address, char **ret);

/* -ENODEV where there is no such device, -EOPNOTSUPP where it is no virtual function of a network card. */
int vf_find(const char *address, VfPlace *ret);

typedef struct VfSettings {
        uint8_t mac[6];
        unsigned vlan;       /* 0: none */
        unsigned qos;
} VfSettings;

/* What the card holds the function to. -ENODEV, -ENOENT where the card tells of no such function. */
int vf_read(Netlink *n, const VfPlace *p, VfSettings *ret);

/* The kernel's errors. */
int vf_set(Netlink *n, const VfPlace *p, const VfSettings *s);

/* The value of UNDO_VF: vf_undo() of it sets what is to be there again. 0 as well where the card is gone. */
char *vf_undo_value(const VfPlace *p, const VfSettings *s);
int vf_undo(const char *value);
