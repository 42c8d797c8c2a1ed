/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* A rename is two definitions, two drop-ins and two links of autostart. One that was cut short by a crash is gone on
 * with at the daemon's next start, by the record that is made first: /var/lib/libvirt/qemu/renames/NAME.from, with the
 * old name in it. */

#include "object/object.h"

/* Before anything is done; synced. */
int renames_note(const char *name, const char *old, Error *e);
/* After all is done, or nothing. */
void renames_forget(const char *name);

/* Whatever is left of the old name goes, as far as it can: links, definition, drop-in. Waits. */
int renames_remove_old(ObjectIndex *guests, const char *old, Error *e);

/* Carries out what records are there: before the definitions are read, so that the guest is found by one name. What
 * cannot be done is logged, and tried again next time. Waits. */
void renames_finish(ObjectIndex *guests);
