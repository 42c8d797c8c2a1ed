/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* name and uuid. */

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

int normalise_identity(Normaliser *n) {
        int r;

        r = normalise_uuid(n);
        if (r >= 0)
                r = write_genid(n);

        return r < 0 ? r : normalise_title(n);
}
