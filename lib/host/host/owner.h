/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Files and folders that QEMU opens itself, by their name, as the guest's user: memory of a guest that is backed by
 * files, huge pages. They are that user's while the guest runs. */

#include <sys/types.h>

#include "base/macros.h"

/* "UID:GID:DEVICE:INODE:PATH" of a file as it is: the value of UNDO_OWNER. A link is followed. */
int owner_of(const char *path, char **ret);

/* The file of which owner_of() said that. -ESTALE where the path leads to another one meanwhile. */
int owner_give(const char *value, uid_t uid, gid_t gid);

/* Undoes it. 0 as well where the file is gone. */
int owner_return(const char *value);

/* A folder of the guest's alone, with mode 0700; those above it are root's. One that is there is taken. */
int folder_make(const char *path, uid_t uid, gid_t gid);

/* Removes it with all that is in it: the value of UNDO_FOLDER. It never follows a link. 0 as well where there is
 * none. */
int folder_remove(const char *path);
