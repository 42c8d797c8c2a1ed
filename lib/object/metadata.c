/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "base/strings.h"
#include "model/metadata.h"
#include "object/metadata.h"

int object_metadata_get(const Definition *d, int type, const char *uri, ErrorCode none, ErrorOrigin origin, char **ret,
                        Error *e) {
        const char *text;
        int r;

        if (type == METADATA_ELEMENT) {
                r = uri ? metadata_get(d, uri, ret) : -ENOENT;
                return r == -ENOENT ? error_set(e, r, none, origin, "Requested metadata element is not present") : r;
        }
        if (type != METADATA_DESCRIPTION && type != METADATA_TITLE)
                return error_set(e, -EINVAL, ERROR_INVALID_ARG, origin, "unknown metadata type");
        text = xml_get(definition_root(d), type == METADATA_TITLE ? "title" : "description");
        if (!text || !text[0])
                return error_set(e, -ENOENT, none, origin, "Requested metadata element is not present");
        return reply_string(ret, text);
}

/* Where title and description have their place: behind what comes before them in a printed document. */
static int set_text_element(Definition *d, const char *name, const char *text) {
        static const char *const before[] = { "name", "uuid", "genid", "title" };
        xmlNode *root = definition_root(d), *n = xml_child(root, name), *after = NULL;

        if (!text || !text[0]) {
                xml_remove(n);
                return 0;
        }
        if (n)
                return xml_set_text(n, text);
        for (size_t i = 0; i < ELEMENTSOF(before) && !streq(before[i], name); i++)
                after = xml_child(root, before[i]) ?: after;
        return xml_add_after(after, name, text) ? 0 : -ENOMEM;
}

int object_metadata_change(Definition *d, int type, const char *text, const char *key, const char *uri,
                           ErrorOrigin origin, Error *e) {
        switch (type) {
        case METADATA_TITLE:
                if (text && strchr(text, '\n'))
                        return error_set(e, -EINVAL, ERROR_INVALID_ARG, origin,
                                         "metadata title can't contain newlines");
                return set_text_element(d, "title", text);
        case METADATA_DESCRIPTION:
                return set_text_element(d, "description", text);
        case METADATA_ELEMENT:
                if (!uri || (text && !key))
                        return error_set(e, -EINVAL, ERROR_INVALID_ARG, origin,
                                         "a namespace and its prefix are needed");
                return metadata_set(d, uri, key, text, e);
        default:
                return error_set(e, -EINVAL, ERROR_INVALID_ARG, origin, "unknown metadata type");
        }
}
