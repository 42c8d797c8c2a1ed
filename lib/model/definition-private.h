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

/* Gives elements of libvirt's namespace for QEMU names with "qemu:" in front, and no namespace. -ENOMEM. */
int qemu_namespace_adopt(Definition *d);

/* Drops what namespaces the document declared and declares that one where it is used. No element may have a namespace. -ENOMEM. */
int qemu_namespace_declare(Definition *d);

/* Error about node: "ORIGIN:LINE: PATH: text" in front of what is wrong. Returns r. */
int definition_error(const Definition *d, const xmlNode *node, int r, ErrorCode code, Error *e, const char *format,
                     ...) _printf_(6, 7);
