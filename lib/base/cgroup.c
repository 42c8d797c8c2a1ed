/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/cgroup.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/strings.h"

#define TEXT_MAX 4096U

const char *cgroup_root(void) {
        return getenv("UNITVIRT_CGROUP") ?: "/sys/fs/cgroup";
}

bool cgroup_has_controller(int group, const char *controller) {
        _cleanup_close_ int fd = group < 0 ? -EBADF : openat(group, "cgroup.controllers", O_RDONLY | O_CLOEXEC);
        char text[TEXT_MAX], *rest = text, *word;
        ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof text - 1);

        if (n < 0)
                return false;
        text[n] = '\0';
        while ((word = strsep(&rest, " \n")))
                if (streq(word, controller))
                        return true;
        return false;
}

bool cgroup_host_has_controller(const char *controller) {
        _cleanup_close_ int root = open(cgroup_root(), O_PATH | O_DIRECTORY | O_CLOEXEC);

        return cgroup_has_controller(root, controller);
}
