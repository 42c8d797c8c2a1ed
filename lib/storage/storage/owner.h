/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Folders that root may not use, because their file system does not trust root: NFS with root_squash. Their owner may,
 * and root can act as the owner: with the owner's rights over files, and root's that are none over files. A user's own
 * FUSE mount stays shut, since that looks at more of a process, and guests could not use what is there. */

#include <sys/types.h>

#include "base/macros.h"

/* Is it an error that somebody else's rights may help against? */
bool owner_may_help(int r);

/* Whose a folder is; where that is not to be learned, whose the nearest one on the way is. -EACCES: root's. Errno. */
int owner_of_folder(const char *folder, uid_t *ret_uid, gid_t *ret_gid);

/* From now on this process, of one thread, acts as that user. Errno. */
int owner_act_as(uid_t uid, gid_t gid);
/* As the owner of a folder. */
int owner_act(const char *folder);
/* As root again. */
void owner_rest(void);

/* For what is root's in between: what it returns is for owner_resume(). */
bool owner_pause(void);
void owner_resume(bool acted);
static inline void owner_resumep(bool *acted) {
        owner_resume(*acted);
}
#define _cleanup_owner_ _cleanup_(owner_resumep)

/* A process that acts as an owner has no other rights any more, for good. */
int owner_keep(void);
/* A process that acts as an owner, and is to run another program, is that user for good. 1; 0: it does not act. */
int owner_become(void);
