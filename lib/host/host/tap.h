/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Taps: the host's ends of a guest's network cards. A tap lives as long as a descriptor of it is open, so it goes with
 * QEMU and needs no undoing; a named one that was there before (TAP_EXISTING) stays. */

#include <net/if.h>

#include "base/error.h"
#include "host/sink.h"

#define TAP_QUEUES_MAX 64U

typedef struct TapOptions {
        const char *like;    /* the link whose MTU it gets; NULL: the kernel's */
        const char *name;    /* NULL: the first that is free of vnet0, vnet1, ... */
        const char *mac;     /* the guest's address; NULL: the kernel chooses the tap's */
        unsigned mtu;        /* 0: that of the other link */
        unsigned queues;     /* 1 to TAP_QUEUES_MAX */
        unsigned frames;     /* that may wait for one interrupt (ethtool's rx-frames); 0: as the kernel has it */
        const char *node;    /* in place of /dev/net/tun; NULL: that */
        unsigned flags;

        /* Between the making of the tap and the first frame that could come from it; NULL: nothing is to be done. What
         * it returns below zero ends the whole, with e. */
        int (*made)(void *userdata, const char *tap, Error *e);
        void *userdata;
} TapOptions;

#define TAP_EXISTING 1U   /* name has to be there already, and nothing of it is changed */
#define TAP_DOWN 2U       /* it is not brought up: it is to become a port of a bridge before (network/plug.h) */

/* Makes the tap, configures it and brings it up, and gives the sink a descriptor for each queue. ret_name has the name
 * that it got, ret_numbers one number a queue. Error: code 38 with the kernel's errno, code 67 for what cannot be (a
 * name that is too long). */
int tap_open(const TapOptions *o, FdSink *sink, char ret_name[IFNAMSIZ], int *ret_numbers, Error *e);

/* How many frames may wait for one interrupt of a tap that is there, 0: none. Negative errno, -EOPNOTSUPP for what is
 * no tap. */
int tap_gather_frames(const char *tap, unsigned frames);

/* Gives the sink n descriptors of node, /dev/vhost-net where that is NULL, one a queue. Returns 1, or 0 where there is
 * none and it is not required. */
int vhost_net_open(const char *node, unsigned n, bool required, FdSink *sink, int *ret_numbers, Error *e);
