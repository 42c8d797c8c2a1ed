/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "host/script.h"

#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/strings.h"

static int verdict(const char *path, const char *link, int status, Error *e) {
        if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
                return 0;
        return error_set(e, -EIO, ERROR_INTERNAL, ORIGIN_QEMU, "the script '%s' failed for '%s' (%s %i)", path, link,
                         WIFEXITED(status) ? "exit status" : "signal",
                         WIFEXITED(status) ? WEXITSTATUS(status) : WTERMSIG(status));
}

int script_run(const char *path, const char *link, Error *e) {
        char *const argv[] = { (char *) path, (char *) link, NULL };
        int status = 0, r;
        pid_t pid;

        if (!*path)
                return 0;
        r = -posix_spawnp(&pid, path, NULL, NULL, argv, environ);
        if (r < 0)
                return error_set_errno(e, r, ORIGIN_QEMU, "cannot run the script '%s'", path);
        while (waitpid(pid, &status, 0) < 0)
                if (errno != EINTR)
                        return error_set_errno(e, -errno, ORIGIN_QEMU, "cannot wait for the script '%s'", path);
        return verdict(path, link, status, e);
}

int script_undo(const char *value) {
        _cleanup_free_ char *link = strdup(value);
        char *path = link ? strchr(link, ' ') : NULL;

        if (!path)
                return link ? -EINVAL : -ENOMEM;
        *path++ = 0;
        return script_run(path, link, NULL);
}
