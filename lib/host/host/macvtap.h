/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Macvtaps: cards of guests that are connected to a network card of the host without a bridge. */

#include <net/if.h>

#include "base/error.h"
#include "host/sink.h"

typedef struct MacvtapOptions {
        const char *lower;    /* the host's card */
        const char *mode;     /* vepa, bridge, private, passthrough */
        const char *name;     /* NULL: the first that is free of macvtap0, macvtap1, ... */
        const char *mac;      /* the guest's */
        unsigned queues;
} MacvtapOptions;

/* Makes the link; ret_name has its name, which goes onto the undo list (UNDO_LINK) before anything else is done with
 * it. Error: code 38 with the kernel's errno, code 67 for what cannot be. */
int macvtap_make(const MacvtapOptions *o, char ret_name[IFNAMSIZ], Error *e);

/* Brings it up, opens a descriptor for each queue and gives them to the sink. */
int macvtap_give(const MacvtapOptions *o, const char *name, FdSink *sink, int *ret_numbers, Error *e);

/* Removes it: the name is the value of UNDO_LINK. 0 as well where there is none. */
int macvtap_remove(const char *name);
