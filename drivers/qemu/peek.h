/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The name and uuid of a definition file, without parsing it. */

#include "base/macros.h"

/* Finds name and uuid in the beginning of a document that has the usual shape: comments, <domain ...>, then <name>
 * and <uuid> as the first two children, as libvirt and this program write it. *ret_name is malloc()ed.
 * False for any other shape, which may well be a valid document: ask definition_peek(). */
bool peek_usual(const char *text, size_t len, char **ret_name, uint8_t ret_uuid[16]);

/* The number in the id attribute of the root element of a live definition; -1 where there is none. */
int peek_id(const char *text, size_t len);
