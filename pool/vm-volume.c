/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* vm-volume: work on volumes, as root.
 *
 * "run ID", in vm-volume@ID.service, reads ID.job (storage/job.h), works, and leaves ID.result: "ok", or an error's
 * text. A volume that is made gets its name when it is whole; until then it is a hidden file beside it. "clean ID" runs
 * afterwards however "run" ended, so a job that was stopped or killed leaves nothing behind and has a result too.
 * "serve INSTANCE", in vm-volume-worker@INSTANCE.service, does jobs that are over soon, many of them (serve.c). */

#include <signal.h>

#include "base/fs.h"
#include "base/log.h"
#include "base/strings.h"
#include "storage/owner.h"
#include "volume.h"

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

int volume_do(const VolumeJob *j, const char *id, Error *e) {
        return verbs[j->verb](j, id, e);
}

static int remove_part(const VolumeJob *j) {
        _cleanup_free_ char *part = volume_job_part(j);

        return !part ? -ENOMEM : unlink(part) < 0 && errno != ENOENT ? -errno : 0;
}

int volume_undo(const VolumeJob *j) {
        if (j->verb == VOLUME_RESIZE)
                volume_resize_undo(j);
        return remove_part(j);
}

/* What root may not do in this folder its owner may. */
static int act_for(const VolumeJob *j, int r) {
        _cleanup_free_ char *folder = strndup(j->path, (size_t) (strrchr(j->path, '/') - j->path));

        return !owner_may_help(r) ? r : folder ? owner_act(folder) : -ENOMEM;
}

/* What is made in a folder, or goes from it, is there and nowhere else, whatever the folder becomes meanwhile. Other
 * volumes may be links to somewhere: they are opened once (storage/open.h). */
static int narrow(const VolumeJob *j) {
        bool inside = j->verb == VOLUME_CREATE || j->verb == VOLUME_CLONE || j->verb == VOLUME_DELETE;
        _cleanup_free_ char *folder = strndup(j->path, (size_t) (strrchr(j->path, '/') - j->path));
        struct stat st;

        if (j->verb == VOLUME_UPLOAD)
                inside = lstat(j->path, &st) >= 0 && S_ISREG(st.st_mode);
        if (!inside || j->type == VOLUME_BLOCK)
                return 0;
        return folder ? confine_view(folder) : -ENOMEM;
}

static int do_as_anybody(const VolumeJob *j, const char *id, Error *e) {
        _cleanup_error_ Error first = ERROR_INIT;
        int r = volume_do(j, id, &first);

        if (r >= 0 || act_for(j, r) < 0) {
                error_move(e, &first);
                return r;
        }
        r = volume_do(j, id, e);
        owner_rest();
        return r;
}

static void undo_as_anybody(const VolumeJob *j, int (*undo)(const VolumeJob *j)) {
        int r = undo(j);

        if (r >= 0 || act_for(j, r) < 0)
                return;
        (void) undo(j);
        owner_rest();
}

static int run(const char *id) {
        _cleanup_volume_job_ VolumeJob *j = NULL;
        _cleanup_error_ Error e = ERROR_INIT;
        _cleanup_free_ char *words = NULL;
        int r;

        r = volume_job_load(id, &j);
        if (r < 0) {
                error_set_errno(&e, r, ORIGIN_STORAGE, "cannot read the job '%s'", id);
                log_error("%s", error_text(&e, r));
        } else {
                volume_progress(j, 0, 0);
                r = narrow(j);
                if (r < 0)
                        error_set_errno(&e, r, ORIGIN_STORAGE, "cannot go to the folder of '%s'", j->path);
                else
                        r = do_as_anybody(j, id, &e);
                if (r < 0)
                        log_error("%s: %s", j->path, error_text(&e, r));
        }
        words = r < 0 ? error_to_text(&e, r) : NULL;
        if (write_result(id, r < 0 ? words ?: strerror(ENOMEM) : "ok") < 0 || r < 0)
                return EXIT_FAILURE;
        return EXIT_SUCCESS;
}

/* Whoever waited for the result may have taken it and removed it by now, the job first: a job without a result is one
 * that was cut off. */
static int clean(const char *id) {
        _cleanup_volume_job_ VolumeJob *j = NULL;
        bool cut_off = !volume_job_is_over(id);

        if (volume_job_load(id, &j) < 0)
                return EXIT_SUCCESS;
        if (cut_off) {
                undo_as_anybody(j, volume_undo);
                (void) write_result(id, "operation failed: the work was stopped before its end");
                return EXIT_SUCCESS;
        }
        undo_as_anybody(j, remove_part);
        return EXIT_SUCCESS;
}

static const struct {
        const char *verb;
        int (*run)(const char *of);
} modes[] = {
        { "run", run },
        { "clean", clean },
        { "serve", volume_serve },
        { "clean-worker", volume_clean_worker },
};

int main(int argc, char *argv[]) {
        log_open("vm-volume", LOG_TARGET_AUTO);
        umask(0077);
        signal(SIGPIPE, SIG_IGN);
        for (size_t i = 0; argc == 3 && !strchr(argv[2], '/') && i < ELEMENTSOF(modes); i++)
                if (streq(argv[1], modes[i].verb))
                        return modes[i].run(argv[2]);
        fprintf(stderr, "usage: vm-volume run|clean ID\n       vm-volume serve|clean-worker INSTANCE\n");
        return EXIT_FAILURE;
}
