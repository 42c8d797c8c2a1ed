/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* name and uuid. */

#include "model/metadata.h"
#include "normalise.h"

/* An empty genid asks for one. */
static int write_genid(Normaliser *n) {
        xmlNode *genid = xml_child(n->root, "genid");
        uint8_t id[16];
        char text[37];
        int r;

        if (!genid)
                return 0;
        if (!*xml_text(genid)) {
                r = uuid_generate(id);
                if (r < 0)
                        return error_set_errno(n->error, r, ORIGIN_DOMAIN, "cannot make up a genid");
        } else if (uuid_parse(xml_text(genid), id) < 0)
                return fail_xml(n, genid, "malformed genid");

        uuid_format(id, text);
        return xml_set_text(genid, text);
}

/* A uuid that the document leaves out is made up; for a document on disk from the guest's name, so that every
 * program that reads it comes to the same. One that is there gets its usual spelling. */
int normalise_identity(Normaliser *n) {
        xmlNode *node = xml_child(n->root, "uuid");
        uint8_t uuid[16];
        char text[37];
        int r;

        if (!definition_uuid(n->d, uuid) && n->d->from_file)
                uuid_from_name(definition_name(n->d), uuid);
        else if (!definition_uuid(n->d, uuid)) {
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

        if (strchr(xml_text(xml_child(n->root, "title")) ?: "", '\n'))
                return fail_xml(n, xml_child(n->root, "title"), "domain title can't contain newlines");
        r = xml_set_text(node, text);
        if (r >= 0)
                r = write_genid(n);
        if (r < 0)
                return r;

        return metadata_tidy(n->d);
}
