/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "dropin.h"

#include "base/fs.h"
#include "base/log.h"
#include "base/strings.h"

int dropin_write(const char *unit_dir, const char *unit, const char *file, const StrBuf *b) {
        _cleanup_free_ char *dir = NULL, *path = NULL;
        int r;

        if (b->failed)
                return log_oom();
        dir = text_format("%s/%s.d", unit_dir, unit);
        if (!dir)
                return log_oom();
        path = text_format("%s/%s", dir, file);
        if (!path)
                return log_oom();
        r = mkdir_p(dir, 0755);
        if (r >= 0)
                r = file_write_atomic(path, b->data, b->len, 0644, FILE_WRITE_NOSYNC);
        return r < 0 ? log_error_errno(r, "cannot write %s: %s", path, strerror(-r)) : 0;
}
