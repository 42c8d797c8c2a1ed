/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Normalising without regard to the kind of document: the chain is run, and steps get their words. */

#include "base/strings.h"
#include "model/metadata.h"
#include "normaliser.h"
#include "schema.h"

int definition_normalise(Definition *d, const HostFacts *facts, Error *e) {
        Normaliser n = { .d = d, .root = definition_root(d), .facts = facts, .error = e };
        int r;

        for (const NormaliseStep *step = d->kind->steps; step && *step; step++) {
                r = (*step)(&n);
                if (r < 0)
                        return r;
                if (n.out_of_memory)
                        return -ENOMEM;
        }

        schema_sort(n.root, *d->kind->schema);
        return 0;
}

int normalise_uuid(Normaliser *n) {
        xmlNode *node = xml_child(n->root, "uuid"), *name = xml_child(n->root, "name");
        uint8_t uuid[16];
        char text[37];
        int r;

        if (!definition_uuid(n->d, uuid) && n->d->from_file && *definition_name(n->d))
                uuid_from_name(definition_name(n->d), uuid);
        else if (!definition_uuid(n->d, uuid)) {
                r = uuid_generate(uuid);
                if (r < 0)
                        return error_set_errno(n->error, r, n->d->kind->origin, "cannot make up a uuid");
        }
        uuid_format(uuid, text);

        if (!node) {
                node = norm_add(n, n->root, "uuid");
                if (node && name)
                        xmlAddNextSibling(name, node);
        }
        norm_set_text(n, node, text);
        return 0;
}

int normalise_title(Normaliser *n) {
        xmlNode *title = xml_child(n->root, "title"), *description = xml_child(n->root, "description");

        /* those of programs that write one for everybody */
        if (title && !*xml_text(title))
                xml_remove(title);
        if (description && !*xml_text(description))
                xml_remove(description);
        title = xml_child(n->root, "title");
        if (strchr(xml_text(title) ?: "", '\n'))
                return fail_xml(n, title, "%s title can't contain newlines", n->d->kind->root);

        return metadata_tidy(n->d);
}

void norm_set(Normaliser *n, xmlNode *node, const char *name, const char *value) {
        if (node && xml_set_attr(node, name, value) < 0)
                n->out_of_memory = true;
}

void norm_setf(Normaliser *n, xmlNode *node, const char *name, const char *format, ...) {
        _cleanup_free_ char *s = TEXT_OF_ARGUMENTS(format);

        if (s)
                norm_set(n, node, name, s);
        else
                n->out_of_memory = true;
}

void norm_set_default(Normaliser *n, xmlNode *node, const char *name, const char *value) {
        if (node && !xml_attr(node, name))
                norm_set(n, node, name, value);
}

xmlNode *norm_add(Normaliser *n, xmlNode *parent, const char *name) {
        xmlNode *node = parent ? xml_add(parent, name, NULL) : NULL;

        if (!node)
                n->out_of_memory = true;
        return node;
}

xmlNode *norm_ensure(Normaliser *n, xmlNode *parent, const char *name) {
        return xml_child(parent, name) ?: norm_add(n, parent, name);
}

void norm_set_text(Normaliser *n, xmlNode *node, const char *text) {
        if (node && xml_set_text(node, text) < 0)
                n->out_of_memory = true;
}

void norm_default_child(Normaliser *n, xmlNode *parent, const char *name, const char *text) {
        if (!xml_child(parent, name))
                norm_set_text(n, norm_add(n, parent, name), text);
}

const char *attr_or(const xmlNode *node, const char *name, const char *otherwise) {
        return xml_attr(node, name) ?: otherwise;
}

unsigned number_or(const xmlNode *node, const char *name, unsigned otherwise) {
        unsigned v;

        return xml_attr_uint(node, name, &v) < 0 ? otherwise : v;
}

void drop_empty(xmlNode *parent, const char *name) {
        xmlNode *c = xml_child(parent, name);

        if (c && !c->properties && !xml_child(c, NULL) && !*xml_text(c))
                xml_remove(c);
}
