/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "guest/driver.h"

typedef struct ImageFile {
        uint64_t allocation, length;
        bool has_capacity;
        uint64_t capacity;
} ImageFile;

/* Looks at the file, or block device, of an image; format: of which its capacity is wanted, or NULL. At most some
 * seconds, or usec if that is less. Within a fiber; waits. -ETIMEDOUT where its file system does not answer; errnos of
 * open and stat; -EINVAL for what is neither. */
int image_look(QemuDriver *d, const char *path, const char *format, uint64_t usec, ImageFile *ret);

/* Forgets which file systems have not answered. */
void image_look_forget(QemuDriver *d);
