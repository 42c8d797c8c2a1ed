/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "host/fifo.h"

#include <sys/stat.h>

#include "base/strings.h"
#include "host/owner.h"

int fifo_owner(const char *path, char **ret) {
        struct stat st;

        if (lstat(path, &st) < 0)
                return -errno;
        return S_ISFIFO(st.st_mode) ? owner_of(path, ret) : -EINVAL;
}

int fifo_return(const char *value) {
        int r = owner_return(value);

        return r == -ESTALE ? 0 : r;
}
