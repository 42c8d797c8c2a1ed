/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The facts that all programs of a host share: other definitions, from the folders where they are kept. What is defined
 * only until the host is gone counts before what is there for good. Each is read once a plan. */

#include "base/fs.h"
#include "base/strings.h"
#include "plan-internal.h"

typedef struct Read {
        const DocumentKind *kind;
        char *name;
        Definition *definition;
        struct Read *next;
} Read;

typedef struct FolderFacts {
        Read *first;
} FolderFacts;

static void facts_done(FolderFacts *f) {
        for (Read *r = f->first, *next; r; r = next) {
                next = r->next;
                if (r->definition)
                        definition_free(r->definition);
                free(r->name);
                free(r);
        }
}

static int load_from(const char *top, const char *folder, const DocumentKind *kind, const char *name,
                     Definition **ret) {
        _cleanup_free_ char *path = folder ? text_format("%s/%s/%s.xml", top, folder, name) : NULL;
        int r;

        if (!folder)
                return 0;
        if (!path)
                return -ENOMEM;
        /* A broken one has a unit that says so. */
        r = definition_load_as(kind, path, 0, ret, NULL);
        return r == -ENOMEM ? r : 0;
}

static int facts_definition(void *context, const DocumentKind *kind, const char *name, const Definition **ret) {
        const PlanKind *row = plan_kind_of(kind);
        FolderFacts *f = context;
        Read *read;
        int r;

        for (read = f->first; read; read = read->next)
                if (read->kind == kind && streq(read->name, name)) {
                        *ret = read->definition;
                        return 0;
                }
        *ret = NULL;
        if (!row || strchr(name, '/'))
                return 0;
        read = calloc(1, sizeof(*read));
        if (!read)
                return -ENOMEM;
        read->kind = kind;
        read->next = f->first;
        f->first = read;
        read->name = strdup(name);
        if (!read->name)
                return -ENOMEM;
        r = load_from(path_run(), row->run_folder, kind, name, &read->definition);
        if (r >= 0 && !read->definition)
                r = load_from(path_etc(), row->folder, kind, name, &read->definition);
        *ret = read->definition;
        return r;
}

static int read_text(const char *top, const char *folder, const char *name, char **ret) {
        _cleanup_free_ char *path = folder ? text_format("%s/%s/%s.xml", top, folder, name) : NULL;

        return path ? file_read(path, XML_MAX_BYTES, ret, NULL) : -ENOENT;
}

static bool facts_mentions(void *context, const DocumentKind *kind, const char *name, const char *const *words) {
        const PlanKind *row = plan_kind_of(kind);
        _cleanup_free_ char *text = NULL;

        if (!row || strchr(name, '/') ||
            (read_text(path_run(), row->run_folder, name, &text) < 0 &&
             read_text(path_etc(), row->folder, name, &text) < 0))
                return false;
        for (; *words; words++)
                if (strstr(text, *words))
                        return true;
        return false;
}

int plan_build(const Definition *d, Plan **ret, Error *e) {
        _cleanup_(facts_done) FolderFacts f = {};
        const PlanFacts facts = { .definition = facts_definition, .mentions = facts_mentions, .context = &f };

        return plan_build_with(d, &facts, ret, e);
}
