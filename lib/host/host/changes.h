/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Where the writes of a guest go that are to be forgotten at its end. */

#include "base/error.h"

/* An empty qcow2 image of size bytes, open for reading and writing, in the folder of the file beside and with no name:
 * when the last one who has it open ends, however that ends, it is gone. Code 38 where the folder takes no file. */
int changes_open(const char *beside, uint64_t size, int *ret, Error *e);

/* Writes such an image into an empty file. -EFBIG for a size that no such image has; negative errno. */
int changes_format(int fd, uint64_t size);
