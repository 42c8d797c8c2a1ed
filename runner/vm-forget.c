/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* vm-forget NAME: run by vm-forget@NAME.service, removes the file with the firmware's variables that the definition
 * names, before that goes itself. */

#include <sys/stat.h>

#include "base/fs.h"
#include "base/guest-files.h"
#include "base/log.h"
#include "base/strings.h"
#include "model/definition.h"

/* What is no file stays: nobody keeps variables in it. */
static int remove_nvram(const char *name) {
        _cleanup_free_ char *file = text_format("%s/qemu/%s.xml", path_etc(), name);
        _cleanup_definition_ Definition *d = NULL;
        _cleanup_error_ Error e = ERROR_INIT;
        struct stat st;
        const char *path;
        int r;

        r = file ? definition_load(file, DEFINITION_UNCHECKED, &d, &e) : -ENOMEM;
        if (r < 0)
                return log_error_errno(r, "%s", error_text(&e, r)) < 0;
        path = definition_nvram(d);
        if (!path || *path != '/' || lstat(path, &st) < 0)
                return EXIT_SUCCESS;
        if (!S_ISREG(st.st_mode) && !S_ISLNK(st.st_mode))
                return log_error_errno(-EINVAL, "%s is no file", path) < 0;
        if (unlink(path) < 0 && errno != ENOENT)
                return log_error_errno(-errno, "cannot remove %s: %m", path) < 0;
        return fsync_parent(path) < 0;
}

int main(int argc, char **argv) {
        _cleanup_free_ char *name = NULL;
        int r;

        log_open("vm-forget", LOG_TARGET_AUTO);
        if (argc != 2) {
                log_error("usage: vm-forget NAME (started by vm-forget@NAME.service)");
                return EXIT_FAILURE;
        }
        r = guest_of_instance(argv[1], &name);
        return r < 0 ? log_error_errno(r, "cannot tell which guest %s is: %s", argv[1], strerror(-r)) < 0
                     : remove_nvram(name);
}
