/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What a supervisor that comes back could find out from nobody: why a guest runs or is paused, that the end of a
 * client is to be the guest's, how long its agent is waited for. It is kept in /run/libvirt/qemu/NAME.state, lines of
 * KEY=VALUE:
 *
 *      id=NUMBER          the run that this is about; missing while it is only asked for
 *      state=NAME         "running" or "paused", and ...
 *      reason=NUMBER      ... why, as virDomainGetState() numbers it
 *      autodestroy=yes    started with VIR_DOMAIN_START_AUTODESTROY
 *      agent-timeout=NUMBER  virDomainAgentSetResponseTimeout(), where it is not -2
 *
 * A guest that simply booted has no such file. vm-cleanup removes it with the live definition. */

#include "guest/guest.h"

/* Writes the file, or removes it where there is nothing to keep. */
void keep_save(Guest *g);
/* Reads it for a run that was found: sets run->kept and the guest's autodestroy. */
void keep_load(Guest *g);
/* The file of a guest that does not run was found: its start may still be under way, then a mark counts. Otherwise the
 * file is removed. */
void keep_found(QemuDriver *d, const char *name);
/* The reason that goes with a state as QEMU tells it, where QEMU does not tell the reason: usual, unless something else
 * was kept. */
int keep_reason(const Guest *g, GuestState state, int usual);
