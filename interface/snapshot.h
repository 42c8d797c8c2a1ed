/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What the host's configuration was when a client said iface-begin: files, and which links were up. It is below
 * /var/lib/libvirt/interface, there as a whole or not at all, and outlives everything until it is committed or rolled
 * back. */

#include "base/error.h"

/* Are changes pending? */
bool snapshot_is_there(void);
/* -EEXIST and code 55 where there is one. */
int snapshot_take(Error *e);
/* Forgets it; -ENOENT and code 55 where there is none. */
int snapshot_drop(Error *e);
/* Makes all files what they were; may be done again after it was interrupted, until snapshot_drop(). old: it is of
 * before the last boot, which has made /run anew. */
int snapshot_restore_files(bool old, Error *e);

/* The snapshot is of before the last boot: what is in /run, and links, are of no concern. */
bool snapshot_is_old(void);

/* The link's state at that time: 1 up, 0 down, -ENOENT not there. */
int snapshot_link(const char *name);

/* Those that were up. */
int snapshot_links_up(char ***ret);

/* Was the interface defined just so? */
bool snapshot_has_definition(const char *name);

/* A word that is kept with it; "" where none was. */
int snapshot_note(const char *key, const char *value);
char *snapshot_noted(const char *key);
