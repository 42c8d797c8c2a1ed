/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What a tap's filter means, as commands for nft: pure functions of documents.
 *
 * All filters of a host are in one table of the bridge family, whose four base chains find a tap's chains by its name:
 * what a frame costs does not depend on how many guests there are. A tap TAP has
 *
 *     TAP/out, TAP/in          what the guest sends and gets, frame by frame; libvirt's root chain
 *     TAP/out/CHAIN, ...       its other chains
 *     TAP/out-ip, TAP/in-ip    rules of IP (tcp, udp, all, ...), in both of libvirt's chains of iptables
 *     TAP/learned-any, -dhcp   the guest's addresses, where they are learned from what passes: each in two halves
 *
 * with each character of TAP and CHAIN that is neither a letter nor a digit as _XX. The two levels are base chains of
 * their own, so that what the one accepts comes to the other. Nothing but the commands of a tap is needed to put it
 * there, again or for the first time; what an earlier filter of the tap left filter_ruleset_change() takes away. */

#include "base/error.h"
#include "filter/change.h"
#include "model/definition.h"

/* Where filters come from: the normalised definition, borrowed; NULL with e filled. */
typedef struct FilterSource {
        const Definition *(*find)(void *userdata, const char *name, Error *e);
        void *userdata;
} FilterSource;

/* The commands for one tap, a line each, from its normalised binding; *ret is the caller's. Fills e: a filter that is
 * missing, variables without a value, what nft cannot do, each by name. */
int filter_ruleset(const Definition *binding, const FilterSource *source, char **ret, Error *e);
