/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What the last daemon knew of a folder's definitions: for thousands, an open file each is most of what a start takes.
 * It is for nothing but speed: an entry counts as long as the file has the stamp that it was read with, and where there
 * is none, the file is read. Below /run, so that it does not outlive the machine's uptime. */

#include "object/object.h"

typedef struct KnownFiles KnownFiles;

/* NULL where nothing is known. */
KnownFiles *known_files_load(const ObjectKind *k);
KnownFiles *known_files_free(KnownFiles *f);
DEFINE_CLEANUP(KnownFiles *, known_files_free);

/* The uuid in the file of this key as it was when it had this stamp; NULL where that is not known. Takes NULL. */
const uint8_t *known_files_find(const KnownFiles *f, const char *key, const FileStamp *stamp);

/* For the next daemon: the persistent definitions of the index. A few are not worth it. */
void known_files_save(const ObjectIndex *i);
