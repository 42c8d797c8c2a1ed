/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Title, description, and what management tools keep below <metadata>, each by its namespace: of domains and
 * networks. */

#include "object/call.h"

typedef enum MetadataType {
        METADATA_DESCRIPTION,
        METADATA_TITLE,
        METADATA_ELEMENT,
} MetadataType; /* VIR_DOMAIN_METADATA_x, VIR_NETWORK_METADATA_x */

/* Of a definition. Code none where it is not there (80 for domains, 100 for networks). *ret is the caller's. */
int object_metadata_get(const Definition *d, int type, const char *uri, ErrorCode none, ErrorOrigin origin, char **ret,
                        Error *e);

/* Changes it; text NULL or empty takes it away. key is the prefix of an element's namespace. */
int object_metadata_change(Definition *d, int type, const char *text, const char *key, const char *uri,
                           ErrorOrigin origin, Error *e);
