/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Where the elements of a document stand in its text, for the parts that have to be kept as they were written. The
 * text must be well-formed and without a DTD, that is, have been parsed before: nothing is checked here. */

#include "base/strings.h"

typedef struct XmlSpan {
        size_t begin, end;   /* from '<' of the start tag to behind '>' of the end tag, in bytes */
} XmlSpan;

/* The elements at this depth (0: the root, 1: its children), in document order, in a list of the caller's. -ENOMEM. */
int xml_text_spans(const char *text, size_t len, unsigned depth, XmlSpan **ret, size_t *ret_n);

/* Whether a tag has more than max attributes, as far as '=' tells: libxml2 compares each with each. The only function
 * here for texts that nobody has looked at yet. */
bool xml_text_is_crowded(const char *text, size_t len, unsigned max);

/* Writes the element text to b, with another prefix (NULL: none) in the tags of those elements whose flag is set: one
 * flag an element, in document order. */
void xml_text_rename(const char *text, size_t len, const bool *flags, const char *prefix, StrBuf *b);

/* The attribute called name in the start tag that text (which ends with NUL) begins with, with the blank in front of
 * it. False where the tag has none. */
bool xml_text_attribute(const char *text, size_t len, const char *name, XmlSpan *ret);
