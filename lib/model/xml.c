/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Access to trees: see the header. */


#include "base/strings.h"
#include "model/xml.h"

/* Most names differ in their first letter. */
static inline bool same_name(const char *a, const char *b) {
        return *a == *b && streq(a, b);
}

bool xml_is(const xmlNode *n, const char *name) {
        return n && n->type == XML_ELEMENT_NODE && !n->ns && same_name(xml_name(n), name);
}

static xmlAttr *find_attr(const xmlNode *n, const char *name) {
        if (!n)
                return NULL;

        for (xmlAttr *a = n->properties; a; a = a->next)
                if (!a->ns && same_name((const char *) a->name, name))
                        return a;

        return NULL;
}

const char *xml_attr(const xmlNode *n, const char *name) {
        const xmlAttr *a = find_attr(n, name);

        if (!a)
                return NULL;

        return a->children && a->children->content ? (const char *) a->children->content : "";
}

bool xml_attr_is(const xmlNode *n, const char *name, const char *value) {
        const char *v = xml_attr(n, name);

        return v && streq(v, value);
}

const char *xml_text(const xmlNode *n) {
        if (!n)
                return NULL;

        for (const xmlNode *c = n->children; c; c = c->next)
                if ((c->type == XML_TEXT_NODE || c->type == XML_CDATA_SECTION_NODE) && c->content)
                        return (const char *) c->content;

        return "";
}

static xmlNode *first_element(xmlNode *n, const char *name) {
        for (; n; n = n->next)
                if (n->type == XML_ELEMENT_NODE && (!name || xml_is(n, name)))
                        return n;

        return NULL;
}

xmlNode *xml_child(const xmlNode *n, const char *name) {
        return n ? first_element(n->children, name) : NULL;
}

xmlNode *xml_next(const xmlNode *n, const char *name) {
        return n ? first_element(n->next, name) : NULL;
}

/* The child called name[0..len). */
static const xmlNode *child_n(const xmlNode *n, const char *name, size_t len) {
        for (const xmlNode *c = xml_child(n, NULL); c; c = xml_next(c, NULL))
                if (!c->ns && strncmp(xml_name(c), name, len) == 0 && !xml_name(c)[len])
                        return c;

        return NULL;
}

/* Walks path; *rest is what follows its last element: "" or "@attribute". */
static const xmlNode *walk(const xmlNode *n, const char *path, const char **rest) {
        while (n && *path && *path != '@') {
                size_t len = strcspn(path, "/");

                n = child_n(n, path, len);
                path += len + (path[len] == '/');
        }

        *rest = path;
        return n;
}

xmlNode *xml_find(const xmlNode *n, const char *path) {
        const char *rest;

        n = walk(n, path, &rest);
        return *rest ? NULL : (xmlNode *) n;
}

const char *xml_get(const xmlNode *n, const char *path) {
        const char *rest;

        n = walk(n, path, &rest);
        return *rest == '@' ? xml_attr(n, rest + 1) : xml_text(n);
}

static int number(const char *s, uint64_t *ret) {
        if (!s)
                return -ENOENT;

        return parse_u64(s, startswith(s, "0x") || startswith(s, "0X") ? 16 : 10, ret);
}

int xml_attr_u64(const xmlNode *n, const char *name, uint64_t *ret) {
        return number(xml_attr(n, name), ret);
}

int xml_attr_uint(const xmlNode *n, const char *name, unsigned *ret) {
        uint64_t v;
        int r;

        r = number(xml_attr(n, name), &v);
        if (r < 0)
                return r;
        if (v > UINT32_MAX)
                return -ERANGE;

        *ret = (unsigned) v;
        return 0;
}

int xml_get_u64(const xmlNode *n, const char *path, uint64_t *ret) {
        return number(xml_get(n, path), ret);
}

bool xml_attr_bool(const xmlNode *n, const char *name, bool otherwise) {
        const char *v = xml_attr(n, name);

        if (!v)
                return otherwise;
        if (streq(v, "yes") || streq(v, "on") || streq(v, "true"))
                return true;
        if (streq(v, "no") || streq(v, "off") || streq(v, "false"))
                return false;

        return otherwise;
}

char *xml_path_of(const xmlNode *n) {
        return (char *) xmlGetNodePath(n);
}

int xml_set_attr(xmlNode *n, const char *name, const char *value) {
        return xmlSetNsProp(n, NULL, BAD_CAST name, BAD_CAST value) ? 0 : -ENOMEM;
}

int xml_set_attrf(xmlNode *n, const char *name, const char *format, ...) {
        _cleanup_free_ char *s = TEXT_OF_ARGUMENTS(format);

        return s ? xml_set_attr(n, name, s) : -ENOMEM;
}

void xml_unset_attr(xmlNode *n, const char *name) {
        xmlAttr *a = find_attr(n, name);

        if (a)
                xmlRemoveProp(a);
}

int xml_set_text(xmlNode *n, const char *text) {
        xmlNode *t = xmlNewDocText(n->doc, BAD_CAST text);

        if (!t)
                return -ENOMEM;

        while (n->children)
                xml_remove(n->children);
        return xmlAddChild(n, t) ? 0 : -ENOMEM;
}

xmlNode *xml_add(xmlNode *parent, const char *name, const char *text) {
        xmlNode *n = xmlNewDocNode(parent->doc, NULL, BAD_CAST name, NULL);

        if (!n)
                return NULL;
        if (text && xml_set_text(n, text) < 0) {
                xmlFreeNode(n);
                return NULL;
        }
        if (!xmlAddChild(parent, n)) {
                xmlFreeNode(n);
                return NULL;
        }

        return n;
}

xmlNode *xml_add_after(xmlNode *before, const char *name, const char *text) {
        xmlNode *n = xmlNewDocNode(before->doc, NULL, BAD_CAST name, NULL);

        if (n && ((text && xml_set_text(n, text) < 0) || !xmlAddNextSibling(before, n))) {
                xmlFreeNode(n);
                return NULL;
        }
        return n;
}

xmlNode *xml_ensure(xmlNode *parent, const char *name) {
        return xml_child(parent, name) ?: xml_add(parent, name, NULL);
}

void xml_remove(xmlNode *n) {
        if (!n)
                return;

        xmlUnlinkNode(n);
        xmlFreeNode(n);
}

void xml_remove_children(xmlNode *parent, const char *name) {
        for (xmlNode *c = xml_child(parent, name), *next; c; c = next) {
                next = xml_next(c, name);
                xml_remove(c);
        }
}

static void forget_lines(xmlNode *node) {
        node->line = 0;
        XML_FOREACH(child, node, NULL)
                forget_lines(child);
}

static xmlNode *put_copy(xmlNode *where, const xmlNode *node, xmlNode *(*put)(xmlNode *, xmlNode *)) {
        xmlNode *copy = xmlDocCopyNode((xmlNode *) node, where->doc, 1);

        if (!copy)
                return NULL;
        forget_lines(copy);
        if (put(where, copy))
                return copy;
        xmlFreeNode(copy);
        return NULL;
}

xmlNode *xml_add_copy(xmlNode *parent, const xmlNode *node) {
        return put_copy(parent, node, xmlAddChild);
}

xmlNode *xml_add_copy_before(xmlNode *sibling, const xmlNode *node) {
        return put_copy(sibling, node, xmlAddPrevSibling);
}
