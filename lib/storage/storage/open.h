/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Opening what others may have put a link in the place of: a volume in a folder that is a user's, the backing file that
 * the header of an image names. */

#include <sys/stat.h>

#include "base/macros.h"

/* Where an absolute path leads, as a descriptor (O_PATH) with which nothing was opened, and what is there. Links of
 * root lead anywhere. A link of somebody else leads to what is that user's, and else to nothing (-EPERM). */
int path_open(const char *path, struct stat *ret);

/* Opens the file or block device there (-EINVAL for anything else, which is not touched: a device that counts, or
 * rewinds, does so when it is opened). flags: O_RDONLY and so on; it is close-on-exec and does not block. */
int image_open_strangers(const char *path, int flags);
