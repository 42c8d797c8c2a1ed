/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "base/strings.h"
#include "model/diff.h"

typedef struct Diff {
        DifferenceVisitor visit;
        void *userdata;
} Diff;

/* a or b may be NULL: not there. */
static int compare(const Diff *diff, const xmlNode *a, const xmlNode *b, const char *path);

/* --- which is which --- */

/* What tells elements of a name apart; the first that has a value counts for names that are not here. */
static const struct {
        const char *element;
        const char *fields[7];
} identities[] = {
        { "disk",       { "target/@dev" } },
        { "interface",  { "mac/@address" } },
        { "controller", { "@type", "@index" } },
        { "filesystem", { "target/@dir" } },
        { "channel",    { "target/@name" } },
        { "input",      { "@type", "@bus" } },
        { "graphics",   { "@type" } },
        { "memory",     { "@model", "address/@slot" } },
        { "hostdev",    { "@type", "source/vendor/@id", "source/product/@id", "source/address/@bus",
                          "source/address/@slot", "source/address/@function", "source/address/@uuid" } },
        { "device",     { "path" } },
};
static const char *const common[] = { "@id", "@name", "@vcpu", "@iothread", "@vcpus", "@iothreads", "@dev",
                                      "target/@port", "@cell", "@index", "@type" };

static int identity_of(const xmlNode *n, char **ret) {
        _cleanup_strbuf_ StrBuf b = {};
        const char *v = NULL;

        for (size_t i = 0; i < ELEMENTSOF(identities); i++) {
                if (!xml_is(n, identities[i].element))
                        continue;
                for (size_t k = 0; k < ELEMENTSOF(identities[i].fields) && identities[i].fields[k]; k++)
                        if ((v = xml_get(n, identities[i].fields[k])))
                                strbuf_addf(&b, "%s%s", b.len ? ":" : "", v);
        }
        for (size_t i = 0; b.len == 0 && i < ELEMENTSOF(common); i++)
                if ((v = xml_get(n, common[i])))
                        strbuf_addf(&b, "%s", v);
        *ret = strbuf_take(&b);
        return *ret ? 0 : -ENOMEM;
}

/* How many elements of this name and identity stand before it. */
static int count_before(const xmlNode *n, const char *identity, unsigned *ret) {
        *ret = 0;
        XML_FOREACH(other, n->parent, xml_name(n)) {
                _cleanup_free_ char *its = NULL;

                if (other == n)
                        break;
                if (identity_of(other, &its) < 0)
                        return -ENOMEM;
                *ret += streq(its, identity);
        }
        return 0;
}

/* Whether elements of the name have to be told apart. Devices always are: of two with one disk each it may be another
 * disk. */
static bool are_many(const xmlNode *parent, const xmlNode *n) {
        const char *name = xml_name(n);

        return xml_is(n->parent, "devices") || xml_next(xml_child(n->parent, name), name) ||
               (parent && xml_next(xml_child(parent, name), name));
}

static int find_partner(const xmlNode *parent, const xmlNode *n, const xmlNode **ret) {
        _cleanup_free_ char *identity = NULL;
        unsigned before = 0;

        *ret = are_many(parent, n) ? NULL : xml_child(parent, xml_name(n));
        if (!are_many(parent, n))
                return 0;
        if (identity_of(n, &identity) < 0 || count_before(n, identity, &before) < 0)
                return -ENOMEM;
        XML_FOREACH(other, parent, xml_name(n)) {
                _cleanup_free_ char *its = NULL;

                if (identity_of(other, &its) < 0)
                        return -ENOMEM;
                if (streq(its, identity) && before-- == 0) {
                        *ret = other;
                        return 0;
                }
        }
        return 0;
}

/* "devices/disk[vda]"; what occurs once in both needs no brackets. */
static char *path_of(const char *parent, const xmlNode *n, const xmlNode *other_parent) {
        _cleanup_free_ char *identity = NULL;
        const char *slash = *parent ? "/" : "";
        bool many = are_many(other_parent, n);
        unsigned before;

        if (identity_of(n, &identity) < 0 || count_before(n, identity, &before) < 0)
                return NULL;
        if (many && (before > 0 || !*identity))
                return text_format("%s%s%s[%s#%u]", parent, slash, xml_name(n), identity, before + 1);
        if (many)
                return text_format("%s%s%s[%s]", parent, slash, xml_name(n), identity);
        return text_format("%s%s%s", parent, slash, xml_name(n));
}

/* --- what differs --- */

static const char *text_or_none(const xmlNode *n) {
        return xml_child(n, NULL) ? "" : xml_text(n);
}

static int tell(const Diff *diff, const char *path, const char *before, const char *after, const xmlNode *old,
                const xmlNode *new) {
        const Difference d = { path, before, after, old, new, old ? old->parent : NULL, new ? new->parent : NULL };

        return diff->visit(&d, diff->userdata);
}

/* An element that only one of them has. */
static int tell_one(const Diff *diff, const char *path, const xmlNode *old, const xmlNode *new,
                    const xmlNode *other_parent) {
        const Difference d = { path, old ? text_or_none(old) : NULL, new ? text_or_none(new) : NULL, old, new,
                               old ? old->parent : other_parent, new ? new->parent : other_parent };

        return diff->visit(&d, diff->userdata);
}

static int compare_attribute(const Diff *diff, const xmlNode *a, const xmlNode *b, const char *name,
                             const char *path) {
        const char *before = xml_attr(a, name), *after = xml_attr(b, name);
        _cleanup_free_ char *full = NULL;

        if (streq_ptr(before, after))
                return 0;
        full = text_format("%s%s@%s", path, *path ? "/" : "", name);
        return full ? tell(diff, full, before, after, a, b) : -ENOMEM;
}

static int compare_attributes(const Diff *diff, const xmlNode *a, const xmlNode *b, const char *path) {
        int r = 0;

        for (const xmlAttr *t = a ? a->properties : NULL; r == 0 && t; t = t->next)
                r = compare_attribute(diff, a, b, (const char *) t->name, path);
        for (const xmlAttr *t = b ? b->properties : NULL; r == 0 && t; t = t->next)
                if (!xml_attr(a, (const char *) t->name))
                        r = compare_attribute(diff, a, b, (const char *) t->name, path);
        return r;
}

/* Of a section of the document (<cputune>) that only one of them has each part counts for itself. */
static bool is_section(const xmlNode *n, const char *parent) {
        return !*parent && xml_child(n, NULL);
}

static int compare_child(const Diff *diff, const xmlNode *n, const xmlNode *other, const xmlNode *other_parent,
                         const char *path) {
        _cleanup_free_ char *full = path_of(path, n, other_parent);

        if (!full)
                return -ENOMEM;
        return other || is_section(n, path) ? compare(diff, n, other, full)
                                            : tell_one(diff, full, n, NULL, other_parent);
}

static int tell_new(const Diff *diff, const xmlNode *n, const xmlNode *other_parent, const char *path) {
        _cleanup_free_ char *full = path_of(path, n, other_parent);

        if (!full)
                return -ENOMEM;
        return is_section(n, path) ? compare(diff, NULL, n, full)
                                   : tell_one(diff, full, NULL, n, other_parent);
}

static int compare_children(const Diff *diff, const xmlNode *a, const xmlNode *b, const char *path) {
        const xmlNode *other;
        int r = 0;

        for (const xmlNode *n = xml_child(a, NULL); r == 0 && n; n = xml_next(n, NULL)) {
                r = find_partner(b, n, &other);
                if (r == 0)
                        r = compare_child(diff, n, other, b, path);
        }
        for (const xmlNode *n = xml_child(b, NULL); r == 0 && n; n = xml_next(n, NULL)) {
                r = find_partner(a, n, &other);
                if (r == 0 && !other)
                        r = tell_new(diff, n, a, path);
        }
        return r;
}

static int compare(const Diff *diff, const xmlNode *a, const xmlNode *b, const char *path) {
        bool leaf = !xml_child(a, NULL) && !xml_child(b, NULL);
        int r;

        if (leaf && !streq_ptr(xml_text(a), xml_text(b))) {
                r = tell(diff, path, xml_text(a), xml_text(b), a, b);
                if (r != 0)
                        return r;
        }
        r = compare_attributes(diff, a, b, path);
        return r != 0 ? r : compare_children(diff, a, b, path);
}

int definition_diff(const Definition *before, const Definition *after, DifferenceVisitor visit, void *userdata) {
        return compare(&(Diff) { visit, userdata }, definition_root(before), definition_root(after), "");
}
