/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/fs.h"
#include "base/log.h"
#include "base/strings.h"
#include "hotplug/pending.h"

int pending_write(const Guest *g, const Definition *d, Error *e) {
        _cleanup_free_ char *path = guest_file(GUEST_FILE_PENDING, g->object.name), *text = NULL;
        int r = path ? definition_format(d, DEFINITION_FORMAT_SECURE, &text) : -ENOMEM;

        if (r < 0)
                return r;
        r = file_write_atomic(path, text, strlen(text), 0600, FILE_WRITE_NOSYNC);
        return r < 0 ? error_set_errno(e, r, ORIGIN_QEMU, "cannot write %s", path) : 0;
}

void pending_remove(const Guest *g) {
        _cleanup_free_ char *path = guest_file(GUEST_FILE_PENDING, g->object.name);

        if (path && unlink(path) < 0 && errno != ENOENT)
                log_warning_errno(-errno, "cannot remove %s: %m", path);
}

int pending_load(const Guest *g, Definition **ret, Error *e) {
        _cleanup_free_ char *path = guest_file(GUEST_FILE_PENDING, g->object.name);

        if (!path)
                return -ENOMEM;
        if (access(path, F_OK) < 0)
                return -errno;
        return definition_load(path, DEFINITION_UNCHECKED, ret, e);
}
