/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "storage/open.h"

#include <fcntl.h>

#include "base/strings.h"

int image_open_strangers(const char *path, int flags) {
        struct stat st;
        _cleanup_close_ int file = path_open(path, &st);

        if (file < 0)
                return file;
        if (!S_ISREG(st.st_mode) && !S_ISBLK(st.st_mode))
                return -EINVAL;
        return path_reopen(file, flags | O_NONBLOCK);
}
