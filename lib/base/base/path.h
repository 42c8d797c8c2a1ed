/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Folders may be somebody's who is not root, and who can put a link, at any moment, where root is about to open
 * something. */

#include <sys/stat.h>

#include "base/macros.h"

/* Where an absolute path leads, as a descriptor (O_PATH) with which nothing was opened, and what is there. Links of
 * root lead anywhere. A link of somebody else leads to what is that user's, and else to nothing (-EPERM). */
int path_open(const char *path, struct stat *ret);

/* Opens what path_open() gave, by flags of open(2); nobody can put another thing in its place. Negative errno. */
int path_reopen(int fd, int flags);
