/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Volumes in the making: they are listed from the beginning, as what they are to become, with as much allocated as
 * their part has by now. They are rows of the table in memory like others, and no lines of its file: whoever is the
 * next to read that knows of them by their jobs. */

#include "looker.h"

#include <inttypes.h>

#include "base/strings.h"

struct Making {
        Making *next;
        char *name, *line;
        char *part;             /* NULL: only its tools could tell how far it is */
};

static Making *making_free(Making *m) {
        if (!m)
                return NULL;
        free(m->name);
        free(m->line);
        free(m->part);
        free(m);
        return NULL;
}

static void making_freep(Making **m) {
        making_free(*m);
}

static void show(Pool *p, const Making *m) {
        if (p->has_table)
                (void) volume_table_apply(&p->table, m->line, strlen(m->line));
}

static bool is_made(const VolumeJob *j) {
        return j->verb == VOLUME_CREATE || j->verb == VOLUME_CLONE;
}

/* What it is to become. */
static char *line_of(const VolumeJob *j) {
        const Volume v = {
                .name = j->name,
                .path = j->path,
                .type = j->type,
                .format = j->format ?: (char *) (j->type == VOLUME_FILE ? "raw" : NULL),
                .capacity = j->capacity,
                .encryption = j->encryption ? IMAGE_LUKS : IMAGE_PLAIN,
                .backing = j->backing,
                .backing_format = j->backing_format,
        };
        _cleanup_free_ char *line = volume_to_line(&v);

        return line ? text_format("+%s", line) : NULL;
}

int making_begin(Pool *p, const VolumeJob *j) {
        _cleanup_(making_freep) Making *m = NULL;

        /* what writes nothing is over before anybody looks */
        if (!is_made(j) || j->weight == 0)
                return 0;
        m = calloc(1, sizeof *m);
        if (!m)
                return -ENOMEM;
        m->name = strdup(j->name);
        m->line = line_of(j);
        m->part = j->type == VOLUME_FILE ? volume_job_part(j) : NULL;
        if (!m->name || !m->line || (j->type == VOLUME_FILE && !m->part))
                return -ENOMEM;
        show(p, m);
        m->next = p->making;
        p->making = TAKE_PTR(m);
        return 0;
}

static Making **find(Pool *p, const char *name) {
        Making **m = &p->making;

        while (*m && !streq((*m)->name, name))
                m = &(*m)->next;
        return m;
}

bool making_end(Pool *p, const char *name) {
        Making **at = find(p, name), *m = *at;

        if (!m)
                return false;
        *at = m->next;
        making_free(m);
        return true;
}

void making_unlist(Pool *p, const char *name) {
        _cleanup_free_ char *begin = volume_name_to_line(name), *line = begin ? text_format("-%s", begin) : NULL;

        if (p->has_table && line)
                (void) volume_table_apply(&p->table, line, strlen(line));
}

void making_show_all(Pool *p) {
        for (const Making *m = p->making; m; m = m->next)
                show(p, m);
}

bool pool_is_making(Pool *p, const char *name) {
        return *find(p, name) != NULL;
}

/* Where the part has just got its name, that is the file. */
int making_look(Pool *p, Volume *v, Error *e) {
        _cleanup_process_result_ ProcessResult result = {};
        _cleanup_free_ char *part = NULL;
        const Making *m = *find(p, v->name);
        int r;

        if (!m || !m->part || pool_is_deaf(p))
                return 0;
        part = strdup(m->part);
        if (!part)
                return -ENOMEM;
        r = looker_run(p->object.index->driver, (const char *const[]){ "--sizes", part, v->path, NULL }, LOOK_TIMEOUT,
                       0, &result, e);
        if (r == -ETIMEDOUT)
                pool_set_deaf(p);
        if (r >= 0 && result.status == 0)
                (void) sscanf(result.output, "%" SCNu64 " %" SCNu64, &v->allocation, &v->physical);
        return r;
}
