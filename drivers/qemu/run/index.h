/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Guests as the layer below all drivers knows them (object/kind.h), and the index of them, which follows the files in
 * /etc and /run. */

#include "guest/guest.h"

extern const ObjectKind kind_domain;

/* Reads all, and watches from then on. */
int index_start(QemuDriver *d, Error *e);
/* Ends the watches and empties the index. */
void index_stop(QemuDriver *d);

/* Looks at the guest's files again, now: see object_refresh(). */
Guest *index_refresh(QemuDriver *d, const char *name);
Guest *index_refresh_quietly(QemuDriver *d, const char *name);

/* Reads again how the guest, which is off, ended last. */
void index_refresh_end(Guest *g);
