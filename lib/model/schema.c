/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Checks trees against the schema tables.
 *
 * Three outcomes for what a document says: it is in a row and good; it is known and refused by name, since a
 * guest that silently lacks what its owner asked for is worse than none; or nobody knows it, then it is dropped
 * as libvirt drops it, with a warning, or refused when the client asked for validation. */

#include "base/ip.h"
#include "schema.h"

#define MAX_WARNINGS 100U

typedef struct Check {
        Definition *d;
        unsigned flags;
        Error *error;
} Check;

const SchemaElement *schema_find_element(const SchemaElement *rows, const xmlNode *n) {
        const char *name = xml_name(n);

        if (n->ns)
                return NULL;

        SCHEMA_FOREACH(row, rows) {
                const char *known = SCHEMA_NAME(row);

                if (*known == *name && streq(known, name))
                        return row;
        }

        return NULL;
}

const SchemaAttribute *schema_find_attribute(const SchemaAttribute *rows, const char *name) {
        SCHEMA_FOREACH(row, rows) {
                const char *known = SCHEMA_NAME(row);

                if (*known == *name && streq(known, name))
                        return row;
        }

        return NULL;
}

static int warn(Check *c, const xmlNode *at, const char *what, const char *name, const char *why) {
        _cleanup_free_ char *path = NULL;

        if (strv_length(c->d->warnings) >= MAX_WARNINGS)
                return 0;

        path = xml_path_of(at);
        if (!path)
                return -ENOMEM;

        return strv_addf(&c->d->warnings, "%s%s%u: %s: %s '%s' %s", c->d->origin ?: "line ",
                         c->d->origin ? ":" : "", xml_line(at), path, what, name, why);
}

/* Notes something that is dropped; an error where the client wants strictness. */
static int ignore(Check *c, const xmlNode *at, const char *what, const char *name, const char *why) {
        if (c->flags & DEFINITION_VALIDATE)
                return definition_error(c->d, at, -EBADMSG, ERROR_XML_INVALID_SCHEMA, c->error, "%s '%s' %s", what,
                                        name, why);

        return warn(c, at, what, name, why);
}

static int check_enum(Check *c, const xmlNode *at, const char *label, const char *name, const SchemaValue *values,
                      const char *value) {
        for (; values->text; values++) {
                if (!streq(SCHEMA_TEXT_OF(values), value))
                        continue;
                if (values->refused)
                        return definition_error(c->d, at, -EOPNOTSUPP, ERROR_CONFIG_UNSUPPORTED, c->error,
                                                "%s '%s' with value '%s' is not supported", label, name, value);
                return 0;
        }

        return definition_error(c->d, at, -EBADMSG, ERROR_XML_ERROR, c->error, "invalid value '%s' for %s '%s'", value,
                                label, name);
}

static const char *number_problem(SchemaType type, const char *value) {
        static const struct {
                unsigned base;
                uint64_t max;
        } numbers[] = {
                [SCHEMA_UINT] = { 10, UINT32_MAX }, [SCHEMA_U64] = { 10, UINT64_MAX },
                [SCHEMA_HEX] = { 10, UINT32_MAX },  [SCHEMA_HEX64] = { 10, UINT64_MAX },
                [SCHEMA_OCTAL] = { 8, 07777 },      [SCHEMA_PORT] = { 10, UINT16_MAX },
                [SCHEMA_PREFIX] = { 10, 128 },
        };
        bool hex = startswith(value, "0x") || startswith(value, "0X");
        uint64_t u;
        int r;

        r = parse_u64(value, (type == SCHEMA_HEX || type == SCHEMA_HEX64) && hex ? 16 : numbers[type].base, &u);
        if (r == -ERANGE || (r >= 0 && u > numbers[type].max))
                return "the number is too large";
        if (r < 0)
                return type == SCHEMA_OCTAL ? "expected an octal number" : "expected a number that is not negative";
        return NULL;
}

static bool is_mask(const char *value) {
        IpAddress a;
        unsigned n;

        if (parse_uint(value, &n) >= 0)
                return n <= 128;
        return ip_parse(value, &a) >= 0 && ip_prefix_from_netmask(&a, &n) >= 0;
}

static const char *value_problem(SchemaType type, const char *value) {
        uint8_t bytes[16];
        IpAddress address;
        int i;

        switch (type) {
        case SCHEMA_YESNO:
                return streq(value, "yes") || streq(value, "no") ? NULL : "expected yes or no";
        case SCHEMA_ONOFF:
                return streq(value, "on") || streq(value, "off") ? NULL : "expected on or off";
        case SCHEMA_UINT:
        case SCHEMA_HEX:
        case SCHEMA_HEX64:
        case SCHEMA_U64:
        case SCHEMA_OCTAL:
        case SCHEMA_PORT:
        case SCHEMA_PREFIX:
                return number_problem(type, value);
        case SCHEMA_INT:
                return parse_int(value, &i) >= 0 ? NULL : "expected a number";
        case SCHEMA_UUID:
                return uuid_parse(value, bytes) >= 0 ? NULL : "malformed uuid";
        case SCHEMA_MAC:
                return mac_parse(value, bytes) >= 0 ? NULL : "malformed MAC address";
        case SCHEMA_IP:
                return ip_parse(value, &address) >= 0 ? NULL : "malformed IP address";
        case SCHEMA_MASK:
                return is_mask(value) ? NULL : "expected a prefix or a netmask";
        default:
                return NULL;
        }
}

/* A guest may be defined with a path that begins nowhere, as with libvirt: people keep definitions that are still to be
 * filled in. What cannot start is refused when it has to. */
static int check_path(Check *c, const xmlNode *at, const char *label, const char *name, const char *value) {
        if (!*value || *value == '/')
                return 0;
        if (c->d->kind == &document_domain && !(c->flags & (DEFINITION_VALIDATE | DEFINITION_STARTS)))
                return warn(c, at, label, name, "is no absolute path, so the guest would not start");

        return definition_error(c->d, at, -EBADMSG, ERROR_XML_ERROR, c->error,
                                "invalid value '%s' for %s '%s': expected an absolute path", value, label, name);
}

static int check_value(Check *c, const xmlNode *at, const char *label, const char *name, SchemaType type,
                       unsigned flags, const SchemaValue *values, const char *value) {
        const char *problem;

        if (flags & SCHEMA_VARIABLE && *value == '$')
                return 0;
        if (type == SCHEMA_ENUM)
                return check_enum(c, at, label, name, values, value);
        if (type == SCHEMA_PATH)
                return check_path(c, at, label, name, value);

        problem = value_problem(type, value);
        if (problem)
                return definition_error(c->d, at, -EBADMSG, ERROR_XML_ERROR, c->error,
                                        "invalid value '%s' for %s '%s': %s", value, label, name, problem);

        return 0;
}

static int check_attributes(Check *c, xmlNode *n, const SchemaElement *row) {
        xmlAttr *next;
        int r;

        for (xmlAttr *a = n->properties; a; a = next) {
                const char *name = (const char *) a->name;
                const SchemaAttribute *known = a->ns ? NULL : schema_find_attribute(SCHEMA_ATTRIBUTES(row), name);

                next = a->next;
                if (!known) {
                        r = ignore(c, n, "attribute", name, "is not known");
                        if (r < 0)
                                return r;
                        xmlRemoveProp(a);
                        continue;
                }
                if (known->flags & SCHEMA_REFUSED)
                        return definition_error(c->d, n, -EOPNOTSUPP, ERROR_CONFIG_UNSUPPORTED, c->error,
                                                "attribute '%s' is not supported", name);

                r = check_value(c, n, "attribute", name, known->type, known->flags, SCHEMA_VALUES(known),
                                xml_attr(n, name));
                if (r < 0)
                        return r;
        }

        return 0;
}

/* Blanks around a number or a keyword mean nothing. */
static int trim_text(xmlNode *n) {
        const char *s = xml_text(n), *begin = s + strspn(s, " \t\n\r");
        size_t len = strlen(begin);
        _cleanup_free_ char *trimmed = NULL;

        while (len > 0 && strchr(" \t\n\r", begin[len - 1]))
                len--;
        if (begin == s && !begin[len])
                return 0;

        trimmed = strndup(begin, len);
        if (!trimmed)
                return -ENOMEM;

        return xml_set_text(n, trimmed);
}

static int check_text(Check *c, xmlNode *n, const SchemaElement *row) {
        int r;

        if (row->type == SCHEMA_NONE) {
                xmlNode *next;

                for (xmlNode *t = n->children; t; t = next) {
                        next = t->next;
                        if (t->type == XML_ELEMENT_NODE)
                                continue;
                        r = xmlIsBlankNode(t) ? 0 : ignore(c, n, "text in", SCHEMA_NAME(row), "has no meaning");
                        if (r < 0)
                                return r;
                        xml_remove(t);
                }
                return 0;
        }

        r = row->type == SCHEMA_TEXT || row->type == SCHEMA_PATH ? 0 : trim_text(n);
        if (r < 0)
                return r;

        return check_value(c, n, "element", SCHEMA_NAME(row), row->type, row->flags, SCHEMA_VALUES(row), xml_text(n));
}

/* What a later element says belongs to the first, unless that one says it already. */
static int join(xmlNode *first, xmlNode *later) {
        for (xmlAttr *a = later->properties; a; a = a->next) {
                const char *name = (const char *) a->name;

                if (!a->ns && !xml_attr(first, name) && xml_set_attr(first, name, xml_attr(later, name)) < 0)
                        return -ENOMEM;
        }
        for (xmlNode *n = later->children, *next; n; n = next) {
                next = n->next;
                xmlUnlinkNode(n);
                if (!xmlAddChild(first, n))
                        return -ENOMEM;
        }
        xml_remove(later);
        return 0;
}

/* An element that is in no row, or one too many. */
static int ignore_element(Check *c, xmlNode *child, bool known) {
        _cleanup_free_ char *why = NULL;

        if (!known && child->ns && child->ns->href)
                why = text_format("of the namespace '%s' is not known", (const char *) child->ns->href);
        else
                why = strdup(known ? "counts" : "is not known");
        if (!why)
                return -ENOMEM;
        return ignore(c, child, known ? "only the first element" : "element", xml_name(child), why);
}

/* Elements that may stand in pieces become whole, before anything in them is looked at. */
static int join_children(xmlNode *n, const SchemaElement *row) {
        xmlNode *next;

        for (xmlNode *child = xml_child(n, NULL); child; child = next) {
                const SchemaElement *known = schema_find_element(SCHEMA_CHILDREN(row), child);
                xmlNode *first = known && known->flags & SCHEMA_JOINED ? xml_child(n, SCHEMA_NAME(known)) : child;
                int r = 0;

                next = xml_next(child, NULL);
                if (first != child)
                        r = join(first, child);
                if (r < 0)
                        return r;
        }
        return 0;
}

static int check_node(Check *c, xmlNode *n, const SchemaElement *row);

static int check_children(Check *c, xmlNode *n, const SchemaElement *row) {
        unsigned count = 0;
        xmlNode *next;
        int r;

        r = join_children(n, row);
        if (r < 0)
                return r;
        for (xmlNode *child = xml_child(n, NULL); child; child = next) {
                const SchemaElement *known = schema_find_element(SCHEMA_CHILDREN(row), child);
                bool many = known && known->flags & SCHEMA_MANY;

                next = xml_next(child, NULL);
                if (!known || (!many && xml_child(n, SCHEMA_NAME(known)) != child && !child->ns)) {
                        r = ignore_element(c, child, known);
                        if (r < 0)
                                return r;
                        xml_remove(child);
                        continue;
                }
                if (known->flags & SCHEMA_REFUSED)
                        return definition_error(c->d, child, -EOPNOTSUPP, ERROR_CONFIG_UNSUPPORTED, c->error,
                                                "element '%s' is not supported", SCHEMA_NAME(known));

                /* Whoever looks for duplicates compares each with each. */
                if (++count > XML_MAX_CHILDREN)
                        return definition_error(c->d, child, -EBADMSG, ERROR_XML_ERROR, c->error,
                                                "element '%s' has more than %u elements", SCHEMA_NAME(row),
                                                XML_MAX_CHILDREN);
                r = check_node(c, child, known);
                if (r < 0)
                        return r;
        }

        return 0;
}

static int check_node(Check *c, xmlNode *n, const SchemaElement *row) {
        int r;

        if (row->type == SCHEMA_OPAQUE)
                return 0;

        r = check_attributes(c, n, row);
        if (r < 0)
                return r;
        r = check_children(c, n, row);
        if (r < 0)
                return r;

        return check_text(c, n, row);
}

static size_t source_rank(const SchemaElement *row) {
        size_t rank = 0;

        SCHEMA_FOREACH(e, SCHEMA_CHILDREN(row)) {
                if (streq(SCHEMA_NAME(e), "source"))
                        break;
                rank++;
        }
        return 2 * rank;
}

/* Position of the rows, with room between them; what has none goes last. */
static size_t element_rank(const SchemaElement *row, const xmlNode *n) {
        const SchemaElement *e = schema_find_element(SCHEMA_CHILDREN(row), n);

        if (!e)
                return SIZE_MAX;
        if (e->flags & SCHEMA_HOSTDEV_FIRST && xml_attr_is(n->parent, "type", "hostdev"))
                return source_rank(row) - 1;
        return 2 * (size_t) (e - SCHEMA_CHILDREN(row));
}

static size_t attribute_rank(const SchemaElement *row, const xmlAttr *a) {
        const SchemaAttribute *e = schema_find_attribute(SCHEMA_ATTRIBUTES(row), (const char *) a->name);

        return e ? (size_t) (e - SCHEMA_ATTRIBUTES(row)) : SIZE_MAX;
}

static void sort_children(xmlNode *n, const SchemaElement *row) {
        xmlNode *next;

        /* Insertion from the front: documents come nearly sorted, so the inner loop hardly runs. */
        for (xmlNode *c = n->children ? n->children->next : NULL; c; c = next) {
                size_t rank = element_rank(row, c);
                xmlNode *before = c->prev;

                next = c->next;
                while (before && element_rank(row, before) > rank)
                        before = before->prev;
                if (before == c->prev)
                        continue;

                xmlUnlinkNode(c);
                if (before)
                        xmlAddNextSibling(before, c);
                else
                        xmlAddPrevSibling(n->children, c);
        }
}

static void sort_attributes(xmlNode *n, const SchemaElement *row) {
        xmlAttr *next;

        for (xmlAttr *a = n->properties ? n->properties->next : NULL; a; a = next) {
                size_t rank = attribute_rank(row, a);
                xmlAttr *before = a->prev;

                next = a->next;
                while (before && attribute_rank(row, before) > rank)
                        before = before->prev;
                if (before == a->prev)
                        continue;

                a->prev->next = a->next;
                if (a->next)
                        a->next->prev = a->prev;
                a->prev = before;
                a->next = before ? before->next : n->properties;
                a->next->prev = a;
                if (before)
                        before->next = a;
                else
                        n->properties = a;
        }
}

void schema_sort(xmlNode *node, const SchemaElement *row) {
        if (row->type == SCHEMA_OPAQUE)
                return;

        sort_attributes(node, row);
        if (row->children == 0)
                return;
        if (!(row->flags & SCHEMA_AS_WRITTEN))
                sort_children(node, row);

        XML_FOREACH(c, node, NULL) {
                const SchemaElement *e = schema_find_element(SCHEMA_CHILDREN(row), c);

                if (e)
                        schema_sort(c, e);
        }
}

static const SchemaElement *find_row(const SchemaElement *rows, const char *name) {
        SCHEMA_FOREACH(row, rows)
                if (streq(SCHEMA_NAME(row), name))
                        return row;

        return NULL;
}

const SchemaElement *schema_device(const char *name) {
        return find_row(SCHEMA_CHILDREN(find_row(SCHEMA_CHILDREN(schema_domain), "devices")), name);
}

int schema_check(Definition *d, xmlNode *node, const SchemaElement *row, unsigned flags, Error *e) {
        Check c = { .d = d, .flags = flags, .error = e };
        int r;

        r = check_node(&c, node, row);
        if (r < 0)
                return r;

        schema_sort(node, row);
        return 0;
}

/* The row of path below row, and for ".../@name" the attribute too. */
static const SchemaElement *walk(const char *path, const SchemaAttribute **ret_attribute) {
        const SchemaElement *row = schema_domain;

        *ret_attribute = NULL;
        while (row && *path && *path != '@') {
                const SchemaElement *children = SCHEMA_CHILDREN(row);
                size_t len = strcspn(path, "/");

                for (row = children; row && row->name; row++)
                        if (strncmp(SCHEMA_NAME(row), path, len) == 0 && !SCHEMA_NAME(row)[len])
                                break;
                if (!row || !row->name || row->flags & SCHEMA_REFUSED)
                        return NULL;
                path += len + (path[len] == '/');
        }
        if (!row || *path != '@')
                return row;
        SCHEMA_FOREACH(a, SCHEMA_ATTRIBUTES(row))
                if (streq(SCHEMA_NAME(a), path + 1) && !(a->flags & SCHEMA_REFUSED)) {
                        *ret_attribute = a;
                        return row;
                }
        return NULL;
}

bool definition_takes(const char *path) {
        const SchemaAttribute *attribute;

        return walk(path, &attribute);
}

const char *definition_value(const char *path, size_t *position) {
        const SchemaAttribute *attribute;
        const SchemaElement *row = walk(path, &attribute);
        const SchemaValue *values = !row ? NULL : attribute ? SCHEMA_VALUES(attribute) : SCHEMA_VALUES(row);

        while (values && values[*position].text) {
                const SchemaValue *v = &values[(*position)++];

                if (!v->refused)
                        return SCHEMA_TEXT_OF(v);
        }
        return NULL;
}
