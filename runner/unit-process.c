/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "unit-process.h"

#include <fcntl.h>
#include <unistd.h>

#include "base/strings.h"

#define CGROUP_MAX (16U * 1024U)

bool process_is_in_unit(pid_t process, const char *unit) {
        _cleanup_free_ char *path = text_format("/proc/%i/cgroup", process);
        _cleanup_close_ int fd = path ? open(path, O_RDONLY | O_CLOEXEC) : -EBADF;
        char text[CGROUP_MAX];
        ssize_t length = fd >= 0 ? read(fd, text, sizeof(text) - 1) : -1;
        size_t n = strlen(unit);

        if (length < 0)
                return false;
        text[length] = 0;
        for (const char *p = text; (p = strstr(p, unit)); p += n)
                if (p > text && p[-1] == '/' && (p[n] == '/' || p[n] == '\n'))
                        return true;
        return false;
}
