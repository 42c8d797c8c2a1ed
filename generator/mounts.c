/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* run-libvirt-qemu.mount: quotas for each guest's user, where this kernel's tmpfs has them (Linux 6.6, where it was
 * built so). A mount with an option that the kernel does not know would fail, so it is asked first, without mounting
 * anything. */

#include "mounts.h"

#include <sys/mount.h>
#include <sys/syscall.h>

#include "base/fs.h"
#include "base/strings.h"
#include "dropin.h"

#define SIZE_OPTION "usrquota_block_hardlimit"
#define INODES_OPTION "usrquota_inode_hardlimit"
/* of what a guest needs: a few sockets and small files */
#define SIZE_VALUE "8M"
#define INODES_VALUE "256"

/* linux/mount.h; glibc 2.36 has them in a header that does not go with it. */
#define SET_STRING 1U

static bool kernel_has_quotas(void) {
        _cleanup_close_ int fd = (int) syscall(SYS_fsopen, "tmpfs", 1U);

        return fd >= 0 && syscall(SYS_fsconfig, fd, SET_STRING, SIZE_OPTION, SIZE_VALUE, 0) >= 0 &&
                syscall(SYS_fsconfig, fd, SET_STRING, INODES_OPTION, INODES_VALUE, 0) >= 0;
}

int mounts_generate(const char *unit_dir) {
        _cleanup_strbuf_ StrBuf b = {};

        /* elsewhere in tests, and then nothing is mounted */
        if (!streq(path_etc(), "/etc/libvirt") || !kernel_has_quotas())
                return 0;
        strbuf_add(&b, "[Mount]\n"
                       "Options=mode=0755,nosuid,nodev,noexec,size=512M,nr_inodes=64k," SIZE_OPTION "=" SIZE_VALUE
                       "," INODES_OPTION "=" INODES_VALUE "\n");
        return dropin_write(unit_dir, "run-libvirt-qemu.mount", "50-quota.conf", &b);
}
