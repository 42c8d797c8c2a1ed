/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Any bytes as a definition of a pool, a document of a volume, a file of volumes, a job. */

#include "base/strings.h"
#include "model/definition.h"
#include "model/kind.h"
#include "storage/job.h"
#include "storage/pool.h"
#include "storage/table.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char *canonical(const DocumentKind *kind, const char *text, size_t size, unsigned flags) {
        _cleanup_definition_ Definition *d = NULL;
        _cleanup_pool_spec_ PoolSpec *spec = NULL;
        _cleanup_error_ Error e = ERROR_INIT;
        char *s = NULL;
        int r;

        r = definition_parse_as(kind, text, size, NULL, flags, &d, &e);
        if (r >= 0)
                r = definition_normalise(d, NULL, &e);
        if (r >= 0 && kind == &document_pool)
                r = pool_spec_from_xml(definition_root(d), &spec, &e);
        if (r >= 0)
                r = definition_format(d, DEFINITION_FORMAT_SECURE, &s);
        if (r < 0 && r != -ENOMEM && !error_is_set(&e))
                __builtin_trap();
        return s;
}

/* What is accepted is the same when it is read again. */
static void document(const DocumentKind *kind, const char *text, size_t size) {
        _cleanup_free_ char *once = canonical(kind, text, size, 0), *twice = NULL;

        if (!once)
                return;
        twice = canonical(kind, once, strlen(once), DEFINITION_VALIDATE);
        if (!twice || !streq(once, twice))
                __builtin_trap();
}

/* Whatever a client says, root reads the job that the daemon wrote. */
static void handed_on(VolumeJob *j) {
        _cleanup_volume_job_ VolumeJob *back = NULL;
        _cleanup_free_ char *once = NULL, *twice = NULL;

        j->path = strdup("/p/v");
        once = j->path ? volume_job_to_text(j) : NULL;
        if (!once)
                return;
        if (volume_job_from_text(once, &back) < 0 || !streq(back->path, "/p/v") || back->verb != j->verb ||
            !streq_ptr(back->backing, j->backing))
                __builtin_trap();
        twice = volume_job_to_text(back);
        if (!twice || !streq(once, twice))
                __builtin_trap();
}

static void arguments(const char *text, size_t size) {
        _cleanup_volume_job_ VolumeJob *j = volume_job_new(VOLUME_CREATE);
        _cleanup_definition_ Definition *d = NULL;
        _cleanup_error_ Error e = ERROR_INIT;
        _cleanup_strv_ char **argv = NULL;

        if (!j || definition_parse_as(&document_volume, text, size, NULL, 0, &d, &e) < 0 ||
            volume_job_from_xml(definition_root(d), j, &e) < 0)
                return;
        if (qemu_img_create(j, "/p/v", &argv, &e) < 0 && !error_is_set(&e))
                __builtin_trap();
        handed_on(j);
}

static void lines(const char *text) {
        _cleanup_volume_job_ VolumeJob *j = NULL;
        _cleanup_volume_table_ VolumeTable t = {};

        (void) volume_job_from_text(text, &j);
        for (const char *line = text; *line; line += strcspn(line, "\n"), line += *line == '\n')
                (void) volume_table_apply(&t, line, strcspn(line, "\n"));
        for (size_t i = 0; i < t.n; i++) {
                _cleanup_volume_ Volume *v = NULL;

                (void) volume_table_get(&t, i, &v);
        }
        (void) volume_table_find_path(&t, "/p/v", true);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        _cleanup_free_ char *text = strndup((const char *) data, size);

        if (!text)
                return 0;
        document(&document_pool, (const char *) data, size);
        document(&document_volume, (const char *) data, size);
        arguments((const char *) data, size);
        lines(text);
        return 0;
}
