/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* vm-nodedev NAME: run by vm-nodedev@NAME.service as root, with what is to be done in the job NAME. Whatever a driver
 * does when a device is taken from it, and however long, only this process waits for it. */

#include "base/fs.h"
#include "base/log.h"
#include "base/strings.h"
#include "nodedev.h"

#define JOB_MAX (1024U * 1024U)

static char *path_of(const char *name, const char *suffix) {
        return text_format("%s/nodedev/jobs/%s.%s", path_run(), name, suffix);
}

static int leave_result(const char *name, const char *text) {
        _cleanup_free_ char *path = path_of(name, "result");
        int r = path ? file_write_atomic(path, text, strlen(text), 0600, FILE_WRITE_NOSYNC) : -ENOMEM;

        return r < 0 ? log_error_errno(r, "cannot write %s: %s", path ?: name, strerror(-r)) : 0;
}

static int run(const char *name) {
        _cleanup_free_ char *path = path_of(name, "job"), *text = NULL, *result = NULL;
        _cleanup_(nodedev_job_done) NodedevJob job = {};
        _cleanup_error_ Error e = ERROR_INIT;
        int r;

        r = path ? file_read(path, JOB_MAX, &text, NULL) : -ENOMEM;
        if (r >= 0)
                r = nodedev_job_parse(text, &job);
        if (r < 0)
                return log_error_errno(r, "cannot read %s: %s", path ?: name, strerror(-r));
        r = nodedev_job_run(&job, &e);
        if (r < 0) {
                log_error("%s", error_text(&e, r));
                result = error_to_text(&e, r);
                return leave_result(name, result ?: "failed") < 0 ? -EIO : r;
        }
        return leave_result(name, "ok");
}

int main(int argc, char **argv) {
        log_open("vm-nodedev", LOG_TARGET_AUTO);
        if (argc != 2 || strchr(argv[1], '/')) {
                log_error("usage: vm-nodedev NAME (started by vm-nodedev@NAME.service)");
                return EXIT_FAILURE;
        }
        return run(argv[1]) < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
