/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* name and uuid. */

#include "normalise.h"

/* A uuid that the document leaves out is made up once, here; one that is there gets its usual spelling. */
int normalise_identity(Normaliser *n) {
        xmlNode *node = xml_child(n->root, "uuid");
        uint8_t uuid[16];
        char text[37];
        int r;

        if (!definition_uuid(n->d, uuid)) {
                r = uuid_generate(uuid);
                if (r < 0)
                        return error_set_errno(n->error, r, ORIGIN_DOMAIN, "cannot make up a uuid");
        }
        uuid_format(uuid, text);

        if (!node) {
                node = xml_add(n->root, "uuid", NULL);
                if (!node)
                        return -ENOMEM;
                xmlAddNextSibling(xml_child(n->root, "name"), node);
        }

        return xml_set_text(node, text);
}
