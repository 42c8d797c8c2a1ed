/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* vm-volume: one piece of work on a volume, as root, in vm-volume@ID.service.
 *
 * "run ID" reads ID.job (storage/job.h), works, and leaves ID.result: "ok", or an error's text. A volume that is made
 * gets its name when it is whole; until then it is a hidden file beside it. "clean ID" runs afterwards however "run"
 * ended, so a job that was stopped or killed leaves nothing behind and has a result too. */

#include <signal.h>

#include "base/fs.h"
#include "base/log.h"
#include "base/strings.h"
#include "volume.h"

static int load(const char *id, VolumeJob **ret, Error *e) {
        _cleanup_free_ char *path = volume_job_path(id, "job"), *text = NULL;
        int r;

        r = path ? file_read(path, VOLUME_JOB_MAX, &text, NULL) : -ENOMEM;
        if (r >= 0)
                r = volume_job_from_text(text, ret);
        return r < 0 ? error_set_errno(e, r, ORIGIN_STORAGE, "cannot read the job '%s'", path ?: id) : 0;
}

static int write_result(const char *id, const char *text) {
        _cleanup_free_ char *path = volume_job_path(id, "result"), *line = text_format("%s\n", text);

        if (!path || !line)
                return -ENOMEM;
        return file_write_atomic(path, line, strlen(line), 0600, FILE_WRITE_NOSYNC);
}

static int (*const verbs[_JOB_VERB_MAX])(const VolumeJob *j, const char *id, Error *e) = {
        [VOLUME_CREATE] = volume_create,
        [VOLUME_CLONE] = volume_clone,
        [VOLUME_RESIZE] = volume_resize,
        [VOLUME_WIPE] = volume_wipe,
        [VOLUME_DELETE] = volume_delete,
        [VOLUME_UPLOAD] = volume_upload,
        [VOLUME_DOWNLOAD] = volume_download,
};

static int run(const char *id) {
        _cleanup_volume_job_ VolumeJob *j = NULL;
        _cleanup_error_ Error e = ERROR_INIT;
        int r;

        umask(0077);
        signal(SIGPIPE, SIG_IGN);
        r = load(id, &j, &e);
        if (r >= 0) {
                volume_progress(j, 0, 0);
                r = verbs[j->verb](j, id, &e);
        }
        if (r < 0)
                log_error("%s: %s", j ? j->path : id, error_text(&e, r));
        if (write_result(id, r < 0 ? error_text(&e, r) : "ok") < 0 || r < 0)
                return EXIT_FAILURE;
        return EXIT_SUCCESS;
}

/* Whoever waited for the result may have taken it and removed it by now, the job first: a job without a result is one
 * that was cut off. */
static int clean(const char *id) {
        _cleanup_volume_job_ VolumeJob *j = NULL;
        _cleanup_error_ Error e = ERROR_INIT;
        _cleanup_free_ char *result = volume_job_path(id, "result"), *part = NULL;
        bool cut_off = result && access(result, F_OK) < 0;

        if (load(id, &j, &e) < 0)
                return EXIT_SUCCESS;
        part = volume_job_part(j);
        if (part)
                (void) unlink(part);
        if (cut_off && j->verb == VOLUME_RESIZE)
                volume_resize_undo(j);
        if (cut_off)
                (void) write_result(id, "operation failed: the work was stopped before its end");
        return EXIT_SUCCESS;
}

int main(int argc, char *argv[]) {
        log_open("vm-volume", LOG_TARGET_AUTO);
        if (argc == 3 && !strchr(argv[2], '/')) {
                if (streq(argv[1], "run"))
                        return run(argv[2]);
                if (streq(argv[1], "clean"))
                        return clean(argv[2]);
        }
        fprintf(stderr, "usage: vm-volume run|clean ID\n");
        return EXIT_FAILURE;
}
