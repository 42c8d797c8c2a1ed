/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The tree to what a client asked for: secrets and live parts are left out of a copy, which is then printed. */

#include "definition-private.h"

/* Parts that only a running guest has. */
static void drop_live_parts(xmlNode *n) {
        xmlNode *next;

        for (xmlNode *c = xml_child(n, NULL); c; c = next) {
                next = xml_next(c, NULL);
                if (xml_is(c, "alias") && !startswith(xml_attr(c, "name") ?: "", "ua-")) {
                        xml_remove(c);
                        continue;
                }
                if (!xml_is(c, "metadata"))
                        drop_live_parts(c);
        }
}

static void drop_passwords(xmlNode *devices) {
        XML_FOREACH(g, devices, "graphics") {
                xml_unset_attr(g, "passwd");
                xml_unset_attr(g, "passwdValidTo");
        }
}

static bool has_live_parts(const xmlNode *n) {
        for (const xmlNode *c = xml_child(n, NULL); c; c = xml_next(c, NULL))
                if (xml_is(c, "alias") || (!xml_is(c, "metadata") && has_live_parts(c)))
                        return true;
        return false;
}

static bool has_graphics(const Definition *d) {
        return xml_child(definition_devices(d), "graphics");
}

int definition_format(const Definition *d, unsigned flags, char **ret) {
        _cleanup_definition_ Definition *copy = NULL;
        int r;

        /* A copy costs as much as the printing; most have nothing that would be left out. */
        if ((flags & DEFINITION_FORMAT_SECURE || !has_graphics(d)) &&
            (!(flags & DEFINITION_FORMAT_INACTIVE) ||
             (!xml_attr(definition_root(d), "id") && !has_live_parts(definition_root(d)))))
                return xml_format(definition_root(d), ret);

        r = definition_copy(d, &copy);
        if (r < 0)
                return r;

        if (flags & DEFINITION_FORMAT_INACTIVE) {
                xml_unset_attr(definition_root(copy), "id");
                drop_live_parts(definition_root(copy));
        }
        if (!(flags & DEFINITION_FORMAT_SECURE) && definition_devices(copy))
                drop_passwords(definition_devices(copy));

        return xml_format(definition_root(copy), ret);
}
