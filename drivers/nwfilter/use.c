/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Filters refer to filters; who is in use, and who would be its own part. */

#include "base/strings.h"
#include "nwfilter.h"

typedef struct Walk {
        const ObjectIndex *filters;
        const Definition *candidate;
        char **seen;
} Walk;

static bool reaches(Walk *w, const char *from, const char *to);

static bool refers(Walk *w, const xmlNode *root, const char *to) {
        XML_FOREACH(ref, root, "filterref") {
                const char *name = xml_attr(ref, "filter") ?: "";

                if (streq(name, to) || reaches(w, name, to))
                        return true;
        }
        return false;
}

/* What cannot be read refers to nobody. */
static bool reaches(Walk *w, const char *from, const char *to) {
        _cleanup_definition_ Definition *d = NULL;
        const Object *o = object_by_name(w->filters, NULL, from);

        if (strv_contains(w->seen, from) || strv_add(&w->seen, from) < 0)
                return false;
        if (w->candidate && streq(definition_name(w->candidate), from))
                return refers(w, definition_root(w->candidate), to);
        return o && object_load(o, OBJECT_INACTIVE, &d, NULL) >= 0 && refers(w, definition_root(d), to);
}

bool filter_reaches(const ObjectIndex *filters, const char *from, const char *to, const Definition *candidate) {
        Walk w = { .filters = filters, .candidate = candidate };
        bool found = reaches(&w, from, to);

        strv_free(w.seen);
        return found;
}

typedef struct Users {
        const NwfilterDriver *driver;
        const char *name;
        bool found;
} Users;

static void look_at_binding(Object *o, void *userdata) {
        const char *filter = binding_of(o)->filter;
        Users *u = userdata;

        if (filter && !u->found)
                u->found = streq(filter, u->name) || filter_reaches(&u->driver->filters, filter, u->name, NULL);
}

bool filter_is_used(const NwfilterDriver *d, const char *name) {
        Users u = { d, name, false };

        object_foreach(&d->bindings, look_at_binding, &u);
        return u.found;
}
