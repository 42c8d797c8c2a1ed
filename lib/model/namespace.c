/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Elements of libvirt's own namespaces (for QEMU, dnsmasq, mount options, ...). Documents may write any prefix, or
 * none; here each element is called "PREFIX:NAME" and belongs to no namespace, so that it is found and checked like
 * every other one. */

#include "definition-private.h"

static const DocumentNamespace *namespace_of(const DocumentNamespace *list, const xmlNode *n) {
        for (; n->ns && n->ns->href && list->prefix; list++)
                if (streq((const char *) n->ns->href, list->uri))
                        return list;
        return NULL;
}

static int adopt(const DocumentNamespace *list, xmlNode *n) {
        const DocumentNamespace *ours = namespace_of(list, n);
        _cleanup_free_ char *name = NULL;
        int r = 0;

        if (ours) {
                name = text_format("%s:%s", ours->prefix, xml_name(n));
                if (!name)
                        return -ENOMEM;
                xmlNodeSetName(n, (const xmlChar *) name);
                if (!streq(xml_name(n), name))
                        return -ENOMEM;
                n->ns = NULL;
        }
        for (xmlNode *c = xml_child(n, NULL); c && r >= 0; c = xml_next(c, NULL))
                r = adopt(list, c);
        return r;
}

int namespaces_adopt(Definition *d) {
        return d->kind->namespaces ? adopt(d->kind->namespaces, definition_root(d)) : 0;
}

static bool uses(const xmlNode *n, const char *prefix) {
        XML_FOREACH(c, n, NULL) {
                const char *rest = startswith(xml_name(c), prefix);

                if (rest && *rest == ':')
                        return true;
        }
        return false;
}

/* What was declared in the document goes, as elements have no namespace any more; but a document within this one keeps
 * its metadata as a tree. */
static bool has_namespace(const xmlNode *n) {
        if (n->ns)
                return true;
        for (const xmlAttr *a = n->properties; a; a = a->next)
                if (a->ns)
                        return true;
        XML_FOREACH(c, n, NULL)
                if (has_namespace(c))
                        return true;
        return false;
}

static void drop_declarations(xmlNode *n) {
        if (n->nsDef && !has_namespace(n))
                xmlFreeNsList(TAKE_PTR(n->nsDef));
        XML_FOREACH(c, n, NULL)
                drop_declarations(c);
}

static int declare(const DocumentNamespace *list, xmlNode *n) {
        int r = 0;

        if (n->nsDef && !has_namespace(n))
                xmlFreeNsList(TAKE_PTR(n->nsDef));
        if (strchr(xml_name(n), ':')) {
                drop_declarations(n);
                return 0;
        }
        for (const DocumentNamespace *ns = list; ns->prefix; ns++)
                if (uses(n, ns->prefix) && !xmlSearchNs(n->doc, n, (const xmlChar *) ns->prefix) &&
                    !xmlNewNs(n, (const xmlChar *) ns->uri, (const xmlChar *) ns->prefix))
                        return -ENOMEM;
        for (xmlNode *c = xml_child(n, NULL); c && r >= 0; c = xml_next(c, NULL))
                r = declare(list, c);
        return r;
}

int namespaces_declare(Definition *d) {
        static const DocumentNamespace none[] = { {} };

        return declare(d->kind->namespaces ?: none, definition_root(d));
}
