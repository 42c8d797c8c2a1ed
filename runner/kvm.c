/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* KVM: QEMU opens /dev/kvm itself, as the guest's user with the groups of its unit, and would only say "failed to
 * initialize". */

#include <fcntl.h>
#include <sys/stat.h>

#include "prepare.h"

#define KVM_DEVICE "/dev/kvm"

/* Whether nobody but root gets in. A group of another name may be one that somebody gave this guest's unit. */
static bool is_closed(const struct stat *st) {
        return (st->st_mode & 0006) != 0006 && ((st->st_mode & 0060) != 0060 || st->st_gid == 0);
}

int prepare_kvm(Prepare *p) {
        const xmlNode *domain = definition_root(p->live);
        _cleanup_close_ int fd = -EBADF;
        struct stat st;

        if (!xml_attr_is(domain, "type", "kvm"))
                return 0;
        fd = open(KVM_DEVICE, O_RDWR | O_CLOEXEC);
        if (fd < 0 && errno == ENOENT)
                return prepare_refuse(
                        p, -ENODEV, domain,
                        "type='kvm' needs " KVM_DEVICE ", which is not there: turn on virtualisation in the "
                        "firmware, or nested virtualisation of the host above, and load kvm_intel or kvm_amd; "
                        "type='qemu' emulates the processor");
        if (fd < 0)
                return prepare_refuse(p, -errno, domain, "cannot open " KVM_DEVICE ": %s", strerror(errno));
        if (fstat(fd, &st) < 0)
                return -errno;
        if (is_closed(&st))
                return prepare_refuse(p, -EACCES, domain,
                                      KVM_DEVICE
                                      " is root's alone (mode %04o, group %u): \"chgrp kvm " KVM_DEVICE "\" and "
                                      "\"chmod 0660 " KVM_DEVICE "\" open it to guests, as udev does at boot",
                                      st.st_mode & 07777, st.st_gid);
        return 0;
}
