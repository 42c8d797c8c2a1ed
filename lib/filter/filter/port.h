/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The rules of taps in the kernel, and what is remembered of them:
 *
 *     /run/libvirt/nwfilter-binding/TAP.xml   the binding, as libvirt keeps it
 *     /run/libvirt/nwfilter/TAP.rules         whose tap it is, and the commands that are in force (filter/ruleset.h)
 *     /run/libvirt/nwfilter/lock              held by whoever changes either
 *
 * All of this is root's work, in vm-prepare and vm-cleanup for guests, in vm-filter for all else. Here is what needs no
 * document: what is made of one is in filter/bind.h. */

#include "base/error.h"

/* Takes the rules of a tap away, where they are of this owner (uuid; NULL: whoever's). A tap without is no error. */
int filter_port_unbind(const char *dev, const char *owner, Error *e);

/* Is something remembered of a tap of this name? */
bool filter_port_is_bound(const char *dev);

/* Puts back what somebody took out of the kernel. 1 where something was missing. A tap whose rules cannot be put back
 * is switched off (TAP.closed is beside its rules then), until a later call has put them back; say is told. The error
 * is the first one's. */
typedef void (*FilterSay)(const char *text);
int filter_ports_restore(FilterSay say, Error *e);

/* Work for vm-filter@ID.service: ID is VERB-NUMBER, the document is in ID.xml, the answer comes in ID.result. */
#define FILTER_JOBS "nwfilter/jobs"
char *filter_job_path(const char *id, const char *suffix);
