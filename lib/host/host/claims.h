/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Devices of the host that one guest has for itself: each is a line of that guest's undo list (host/undo.h), as long as
 * it was not given back, so that nobody else's guest is told of it by QEMU only, or takes it away. */

#include <stdbool.h>

typedef struct Claim {
        const char *thing;       /* "PCI device 0000:01:00.0", as errors name it */
        const char *const *near; /* what must not be another guest's either, as other functions of its group; NULL */
        bool shared;             /* others may have it too, who say the same of it */
} Claim;

/* Writes the claim of a guest's device (its alias; NULL is none) down. -EBUSY where another guest has it, or what is
 * near it: *ret_thing is what, and *ret_owner the guest, both the caller's. Other errors are those of the files. */
int claim_device(const char *name, const char *device, const Claim *claim, char **ret_thing, char **ret_owner);

/* The value of UNDO_CLAIM: with the line the claim has gone. */
int claim_return(const char *value);
