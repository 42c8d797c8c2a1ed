/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What a run of a guest leaves on the host, and the lock that tells whether one lives.
 *
 * /run/libvirt/qemu/NAME.lock is held (flock) from the first thing that vm-prepare does until vm-run has ended, by a
 * descriptor that goes from one to the other with the parcel; QEMU does not get it. So whoever
 * takes the lock knows that the run is over, whatever was killed, and may clean up. */

#include "base/macros.h"

/* The descriptor's name in the parcel (parcel.h). */
#define LOCK_FD_NAME "lock"
/* Those of locks on images and leases (host/lock.h), which vm-run has for no other purpose. "image-lock-ALIAS" is let
 * go of when the disk ALIAS goes. */
#define IMAGE_LOCK_FD_NAME "image-lock"

/* Takes the lock; wait: as long as a cleanup needs. *ret is the descriptor. -EWOULDBLOCK where a run lives. */
int leftovers_lock(const char *name, bool wait, int *ret);
/* ... waiting for so many milliseconds at most. */
int leftovers_lock_soon(const char *name, unsigned patience, int *ret);

/* A run begins once in each invocation of its unit: a QEMU that has ended vm-run shall not have what is meant for that
 * one. Writes the invocation into the file of the lock, which is held; -EALREADY where it is there. */
int leftovers_begin(int lock, const char *invocation);
/* Is it there? For who has not got the lock yet. */
bool leftovers_begun(const char *name, const char *invocation);

/* Is there anything of an earlier run? */
bool leftovers_exist(const char *name);

/* Undoes what was made on the host, gives ports back, and removes the files of the run but the live definition, which
 * is the last to go (leftovers_remove()). What fails is logged. */
void leftovers_undo(const char *name);
void leftovers_remove(const char *name);

/* Takes away what stands in the way of mounts in the guests' root directory: called where a guest's unit has failed. */
void mount_points_mend(void);
