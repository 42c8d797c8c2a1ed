/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/strings.h"
#include "model/definition.h"

struct Definition {
        xmlDocPtr doc;
        char *origin;
        char **warnings;
        bool from_file;
};

/* Error about node: "ORIGIN:LINE: PATH: text" in front of what is wrong. Returns r. */
int definition_error(const Definition *d, const xmlNode *node, int r, ErrorCode code, Error *e, const char *format,
                     ...) _printf_(6, 7);
