/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Keeps the index equal to the files in /etc and /run, whoever writes them. */

#include "guest.h"

/* Reads all, and watches from then on. */
int index_start(QemuDriver *d, Error *e);
/* Ends the watches and empties the index. */
void index_stop(QemuDriver *d);

/* Looks at the guest's files again, now: for whoever has just written one. Returns the guest, borrowed, or NULL where
 * none of the files is left. */
Guest *index_refresh(QemuDriver *d, const char *name);
/* The same with news suppressed that the caller tells itself (DEFINED, UNDEFINED). */
Guest *index_refresh_quietly(QemuDriver *d, const char *name);

/* Reads again how the guest, which is off, ended last. */
void index_refresh_end(Guest *g);
