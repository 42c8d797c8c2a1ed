/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "host/fibre.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "base/fs.h"
#include "base/strings.h"

int fibre_set_id(int group, const char *id, Error *e) {
        _cleanup_free_ char *path = text_format("%s/class/fc/fc_udev_device/appid_store", path_sys()), *text = NULL;
        _cleanup_close_ int fd = -EBADF;
        struct stat st;
        int r;

        if (!path)
                return -ENOMEM;
        /* the number of the folder is the group's for the kernel */
        if (fstat(group, &st) < 0)
                return error_set_errno(e, -errno, ORIGIN_QEMU, "cannot look at the guest's control group");
        text = text_format("%llx:%s", (unsigned long long) st.st_ino, id);
        fd = open(path, O_WRONLY | O_CLOEXEC);
        r = fd < 0 ? -errno : !text ? -ENOMEM : write_all(fd, text, strlen(text));
        return r < 0 ? error_set_errno(e, r, ORIGIN_QEMU, "cannot mark the guest's Fibre Channel traffic by %s", path)
                     : 0;
}
