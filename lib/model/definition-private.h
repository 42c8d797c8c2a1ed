/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/strings.h"
#include "model/definition.h"

struct Definition {
        const DocumentKind *kind;
        xmlDocPtr doc;
        char *origin;
        char **warnings;
        bool from_file;
};

/* Gives elements of the kind's namespaces names with "PREFIX:" in front, and no namespace. -ENOMEM. */
int namespaces_adopt(Definition *d);

/* Drops what namespaces the document declared and declares those where they are used. No element may have one.
 * -ENOMEM. */
int namespaces_declare(Definition *d);

/* Error about node: "ORIGIN:LINE: PATH: text" in front of what is wrong. Returns r. */
int definition_error(const Definition *d, const xmlNode *node, int r, ErrorCode code, Error *e, const char *format,
                     ...) _printf_(6, 7);
