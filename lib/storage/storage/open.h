/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Opening what others may have put a link in the place of: a volume in a folder that is a user's, the backing file that
 * the header of an image names. */

#include "base/path.h"

/* Opens the file or block device where path_open() leads (-EINVAL for anything else, which is not touched: a device
 * that counts, or rewinds, does so when it is opened). flags: O_RDONLY and so on; it is close-on-exec and does not
 * block. */
int image_open_strangers(const char *path, int flags);
