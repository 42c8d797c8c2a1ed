/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Elements of libvirt's namespace for QEMU. Documents may write any prefix, or none; here each element is called
 * "qemu:NAME" and belongs to no namespace, so that it is found and checked like every other one. */

#include "definition-private.h"

#define URI "http://libvirt.org/schemas/domain/qemu/1.0"

static bool is_ours(const xmlNode *n) {
        return n->ns && streq((const char *) n->ns->href, URI);
}

static int adopt(xmlNode *n) {
        _cleanup_free_ char *name = NULL;
        int r = 0;

        if (is_ours(n)) {
                name = text_format("qemu:%s", xml_name(n));
                if (!name)
                        return -ENOMEM;
                xmlNodeSetName(n, (const xmlChar *) name);
                if (!streq(xml_name(n), name))
                        return -ENOMEM;
                n->ns = NULL;
        }
        for (xmlNode *c = xml_child(n, NULL); c && r >= 0; c = xml_next(c, NULL))
                r = adopt(c);
        return r;
}

int qemu_namespace_adopt(Definition *d) {
        XML_FOREACH(c, definition_root(d), NULL)
                if (is_ours(c)) {
                        int r = adopt(c);

                        if (r < 0)
                                return r;
                }
        return 0;
}

static void drop_declarations(xmlNode *n) {
        xmlFreeNsList(TAKE_PTR(n->nsDef));
        XML_FOREACH(c, n, NULL)
                drop_declarations(c);
}

int qemu_namespace_declare(Definition *d) {
        xmlNode *root = definition_root(d);
        bool any = false;

        xmlFreeNsList(TAKE_PTR(root->nsDef));
        XML_FOREACH(c, root, NULL)
                if (startswith(xml_name(c), "qemu:")) {
                        drop_declarations(c);
                        any = true;
                }
        return !any || xmlNewNs(root, (const xmlChar *) URI, (const xmlChar *) "qemu") ? 0 : -ENOMEM;
}
