/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <dirent.h>
#include <inttypes.h>
#include <sys/random.h>

#include "base/fs.h"
#include "base/keyfile.h"
#include "base/strings.h"
#include "object/work.h"

static char *path_of(const WorkKind *k, const char *name, const char *suffix) {
        return text_format("%s/%s/jobs/%s.%s", path_run(), k->folder, name, suffix);
}

static int write_job(const WorkKind *k, const char *name, const char *text, Error *e) {
        _cleanup_free_ char *path = path_of(k, name, "job"),
                            *folder = text_format("%s/%s/jobs", path_run(), k->folder);
        int r;

        r = path && folder ? mkdir_p(folder, 0700) : -ENOMEM;
        if (r >= 0)
                r = file_write_atomic(path, text, strlen(text), 0600, FILE_WRITE_NOSYNC);
        return r < 0 ? error_set_errno(e, r, k->origin, "cannot write %s", path ?: name) : 0;
}

static int read_result(const WorkKind *k, const char *name, JobResult how, Error *e) {
        _cleanup_free_ char *path = path_of(k, name, "result"), *text = NULL;
        int r = path ? file_read(path, 64 * 1024, &text, NULL) : -ENOMEM;

        if (r == -ENOENT && how == JOB_TIMEOUT)
                return error_set(e, -ETIMEDOUT, ERROR_OPERATION_TIMEOUT, k->origin, "%s", k->late);
        if (r < 0)
                return error_set(e, r, ERROR_OPERATION_FAILED, k->origin,
                                 "the work ended with '%s'; see 'journalctl -u %s@%s'", job_result_to_string(how),
                                 k->unit, name);
        text[strcspn(text, "\n")] = '\0';
        return streq(text, "ok") ? 0 : error_set_from_text(e, -EIO, ERROR_OPERATION_FAILED, k->origin, text);
}

static void forget(const WorkKind *k, const char *name) {
        static const char *const suffixes[] = { "job", "result" };

        for (size_t i = 0; i < ELEMENTSOF(suffixes); i++) {
                _cleanup_free_ char *path = path_of(k, name, suffixes[i]);

                if (path)
                        (void) unlink(path);
        }
}

static int run_unit(Systemd *s, const WorkKind *k, const char *name, Error *e) {
        _cleanup_free_ char *unit = text_format("%s@%s.service", k->unit, name);
        JobResult how = JOB_OTHER;
        int r;

        if (!unit)
                return -ENOMEM;
        r = systemd_run_job(s, "StartUnit", unit, k->timeout, &how, e);
        return r < 0 ? r : read_result(k, name, how, e);
}

int object_work(Systemd *s, const WorkKind *k, const char *const *pairs, Error *e) {
        _cleanup_free_ char *name = NULL, *text = NULL;
        _cleanup_strbuf_ StrBuf b = {};
        uint64_t number;
        int r;

        for (; *pairs; pairs += 2)
                if (pairs[1])
                        keyfile_add(&b, pairs[0], pairs[1]);
        text = strbuf_take(&b);
        if (!text || getrandom(&number, sizeof number, 0) != sizeof number)
                return -ENOMEM;
        name = text_format("%016" PRIx64, number);
        r = name ? write_job(k, name, text, e) : -ENOMEM;
        if (r >= 0)
                r = run_unit(s, k, name, e);
        if (name)
                forget(k, name);
        return r;
}

/* The job is called as its result is, whatever it ends with. */
static void tidy_one(const char *folder, const char *result) {
        static const char *const suffixes[] = { "job", "xml", "result" };
        int n = (int) (strlen(result) - strlen("result"));

        for (size_t i = 0; i < ELEMENTSOF(suffixes); i++) {
                _cleanup_free_ char *path = text_format("%s/%.*s%s", folder, n, result, suffixes[i]);

                if (path)
                        (void) unlink(path);
        }
}

void object_work_tidy(const char *folder) {
        _cleanup_free_ char *path = text_format("%s/%s/jobs", path_run(), folder);
        DIR *dir = path ? opendir(path) : NULL;

        for (const struct dirent *de = dir ? readdir(dir) : NULL; de; de = readdir(dir))
                if (endswith(de->d_name, ".result"))
                        tidy_one(path, de->d_name);
        if (dir)
                closedir(dir);
}
