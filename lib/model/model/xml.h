/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Reading and changing libxml2 trees with few words.
 *
 * Every tree that comes out of xml_parse() or definition_parse() has no entities, comments or processing
 * instructions, so an attribute or a text is one node and is handed out without a copy: the pointers stay good until
 * the node is changed or freed. <metadata> is a text, see model/metadata.h. */

#include <libxml/tree.h>

#include "base/error.h"
#include "base/macros.h"

/* What a document may not exceed, so that a hostile one costs little. */
#define XML_MAX_BYTES (4U * 1024 * 1024)
#define XML_MAX_DEPTH 64U
#define XML_MAX_NODES 200000U
#define XML_MAX_ATTRIBUTES 100U   /* of one element, with its namespaces */
#define XML_MAX_CHILDREN 1000U    /* of one element of a definition */

static inline void xml_doc_freep(xmlDocPtr *doc) {
        if (*doc)
                xmlFreeDoc(*doc);
}
#define _cleanup_xml_ _cleanup_(xml_doc_freep)

/* The root element of a document that was parsed: never NULL. */
static inline xmlNode *xml_root(xmlDocPtr doc) {
        return xmlDocGetRootElement(doc);
}

/* Parses a document: no network, no DTD (so no entities but the five predefined), blanks between elements
 * dropped, limits above, line numbers kept. root is the required name of the root element or NULL. origin
 * (a file name or NULL) is for messages only. Bad input: -EBADMSG with ERROR_XML_ERROR or ERROR_XML_DETAIL,
 * "(ORIGIN):LINE: what". */
int xml_parse(const char *text, size_t len, const char *origin, const char *root, xmlDocPtr *ret, Error *e);

/* Writes node and what is below it as libvirt prints documents: two spaces a level, attributes in single
 * quotes, <a/> for empty elements; metadata as it came. *ret is owned by the caller. */
int xml_format(const xmlNode *node, char **ret);

/* --- reading --- */

static inline const char *xml_name(const xmlNode *n) {
        return (const char *) n->name;
}

/* Whether n is an element called name without a namespace prefix. */
bool xml_is(const xmlNode *n, const char *name);

/* Value of an attribute without a namespace; NULL when absent (or n is NULL), "" when empty. */
const char *xml_attr(const xmlNode *n, const char *name);

/* Whether the attribute is there and has this value. */
bool xml_attr_is(const xmlNode *n, const char *name, const char *value);

/* Text of an element, "" when it is empty, NULL when n is NULL. Only for elements without child elements. */
const char *xml_text(const xmlNode *n);

/* First child element called name; name NULL is any. NULL when there is none or n is NULL. */
xmlNode *xml_child(const xmlNode *n, const char *name);

/* Next sibling element called name; name NULL is any. */
xmlNode *xml_next(const xmlNode *n, const char *name);

/* for each child element of parent called name (NULL: any). The current one may not be removed. */
#define XML_FOREACH(child, parent, name)                                                                     \
        for (xmlNode *child = xml_child((parent), (name)); child; child = xml_next(child, (name)))

/* The element at the end of a path of first children: "os/type"; NULL when a step is missing. */
xmlNode *xml_find(const xmlNode *n, const char *path);

/* Value at the end of such a path: "os/type/@machine" an attribute, "os/type" a text. NULL when absent. */
const char *xml_get(const xmlNode *n, const char *path);

/* Whole numbers in decimal or, with 0x, hexadecimal. 0 and *ret; -ENOENT when absent; -EINVAL, -ERANGE. */
int xml_attr_uint(const xmlNode *n, const char *name, unsigned *ret);
int xml_attr_u64(const xmlNode *n, const char *name, uint64_t *ret);

/* The same for a path of xml_get(). */
int xml_get_u64(const xmlNode *n, const char *path, uint64_t *ret);

/* yes, on, true: true; no, off, false: false; absent or anything else: what otherwise says. */
bool xml_attr_bool(const xmlNode *n, const char *name, bool otherwise);

static inline unsigned xml_line(const xmlNode *n) {
        long l = n ? xmlGetLineNo((xmlNode *) n) : 0;

        return l > 0 ? (unsigned) l : 0;
}

/* The same, or for an element that was made here the line of the nearest one around it that was read. */
static inline unsigned xml_line_near(const xmlNode *n) {
        while (n && n->type == XML_ELEMENT_NODE && xml_line(n) == 0)
                n = n->parent;
        return n && n->type == XML_ELEMENT_NODE ? xml_line(n) : 0;
}

/* "/domain/devices/disk[2]": where n stands, counted among its namesakes. Owned by the caller; NULL on OOM. */
char *xml_path_of(const xmlNode *n);

/* --- changing; -ENOMEM or 0, or the new node, NULL on OOM --- */

int xml_set_attr(xmlNode *n, const char *name, const char *value);
int xml_set_attrf(xmlNode *n, const char *name, const char *format, ...) _printf_(3, 4);
void xml_unset_attr(xmlNode *n, const char *name);
int xml_set_text(xmlNode *n, const char *text);

/* Adds a child element at the end; text may be NULL. */
xmlNode *xml_add(xmlNode *parent, const char *name, const char *text);

/* Adds an element behind its sibling before. */
xmlNode *xml_add_after(xmlNode *before, const char *name, const char *text);

/* The first child called name, added when there is none. */
xmlNode *xml_ensure(xmlNode *parent, const char *name);

/* Adds a copy of an element, of whichever document, at the end. Its lines are not those of this document: it has
 * none. */
xmlNode *xml_add_copy(xmlNode *parent, const xmlNode *node);

/* The same in front of a sibling. */
xmlNode *xml_add_copy_before(xmlNode *sibling, const xmlNode *node);

/* Takes the node out of its tree and frees it with all below. NULL is fine. */
void xml_remove(xmlNode *n);

/* Removes each child called name. */
void xml_remove_children(xmlNode *parent, const char *name);
