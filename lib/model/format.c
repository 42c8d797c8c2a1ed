/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The tree to what a client asked for: what the schema marks as live or secret is left out of a copy, which is then
 * printed. */

#include "definition-private.h"
#include "schema.h"

/* Whether something with these marks goes. n is the element itself, or the one that has the attribute. */
static bool goes(unsigned flags, unsigned marks, const xmlNode *n) {
        flags &= marks;
        if (flags & SCHEMA_LIVE_ALIAS && startswith(xml_attr(n, "name") ?: "", "ua-"))
                flags &= ~SCHEMA_LIVE_ALIAS;
        return flags != 0;
}

/* Finds what is marked in n and below; takes it out, or stops at the first where it is only asked for. */
static bool sweep(xmlNode *n, const SchemaElement *row, unsigned marks, bool drop) {
        bool any = false;
        xmlNode *next;

        SCHEMA_FOREACH(a, SCHEMA_ATTRIBUTES(row)) {
                if (!goes(a->flags, marks, n) || !xml_attr(n, SCHEMA_NAME(a)))
                        continue;
                if (!drop)
                        return true;
                xml_unset_attr(n, SCHEMA_NAME(a));
                any = true;
        }
        for (xmlNode *c = xml_child(n, NULL); c; c = next) {
                const SchemaElement *known = schema_find_element(SCHEMA_CHILDREN(row), c);

                next = xml_next(c, NULL);
                if (!known || !(known->flags & SCHEMA_MARKED))
                        continue;
                if (goes(known->flags, marks, c)) {
                        if (drop)
                                xml_remove(c);
                        any = true;
                } else
                        any |= sweep(c, known, marks, drop);
                if (any && !drop)
                        return true;
        }
        return any;
}

int definition_format(const Definition *d, unsigned flags, char **ret) {
        unsigned marks = (flags & DEFINITION_FORMAT_INACTIVE ? SCHEMA_LIVE | SCHEMA_LIVE_ALIAS : 0) |
                         (flags & DEFINITION_FORMAT_SECURE ? 0 : SCHEMA_SECRET);
        _cleanup_definition_ Definition *copy = NULL;
        int r;

        /* A copy costs as much as the printing; most have nothing that would be left out. */
        if (!sweep(definition_root(d), *d->kind->schema, marks, false))
                return xml_format(definition_root(d), ret);

        r = definition_copy(d, &copy);
        if (r < 0)
                return r;
        (void) sweep(definition_root(copy), *d->kind->schema, marks, true);
        return xml_format(definition_root(copy), ret);
}
