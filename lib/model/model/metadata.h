/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What management tools keep below <metadata>, each in an element of its own namespace. It is none of our business, so
 * the bytes that a document came with stay as they are: quotes, blanks, comments, CDATA and all.
 *
 * In the tree the <metadata> element has no children but one text, which is the whole element as it was written, with
 * its tags. Namespaces that were declared further up and are used in it are declared in its start tag. */

#include "model/definition.h"

/* The whole element, NULL where the document has none; valid until the definition is changed. */
const char *definition_metadata(const Definition *d);

/* The same as a tree to look into, whose root is <metadata>; *ret is NULL where there is none. -ENOMEM, -EBADMSG. */
int metadata_parse(const Definition *d, xmlDocPtr *ret);

/* The element of the namespace uri as a document of its own, as libvirt gives it: elements of that namespace have no
 * prefix, and it is not declared. *ret is the caller's. -ENOENT where there is none. */
int metadata_get(const Definition *d, const char *uri, char **ret);

/* Calls visit for each namespace whose element after does not have as before does: element is it as metadata_get()
 * gives it, NULL where it is gone; prefix may be NULL. Both are whole <metadata> elements, or NULL. Stops at what is
 * not 0, and returns that. -ENOMEM, -EBADMSG. */
typedef int (*MetadataVisitor)(const char *uri, const char *prefix, const char *element, void *userdata);
int metadata_diff(const char *before, const char *after, MetadataVisitor visit, void *userdata);

/* Puts element, a document, in the place of the one of the namespace uri. Its root, and what in it has no namespace,
 * gets that one, with prefix in front, as libvirt does it. element NULL takes it away. Everything else stays as it is,
 * byte for byte. -EBADMSG, -EINVAL with e. */
int metadata_set(Definition *d, const char *uri, const char *prefix, const char *element, Error *e);

/* One element a namespace belongs to one application: of several the first stays, and one without a namespace belongs
 * to nobody and goes. -ENOMEM. */
int metadata_tidy(Definition *d);

/* Gives each <metadata> below the root of doc, which was parsed from text and has left it empty, its text. Text in
 * another encoding than UTF-8 is converted. -ENOMEM; -EBADMSG where that cannot be done. */
int metadata_fill(xmlDocPtr doc, const char *text, size_t len);
