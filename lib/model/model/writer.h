/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Documents that are only written: capabilities, node devices, statistics of a job. Nothing here shows libxml2, so
 * whoever writes documents needs none of it.
 *
 * Texts may be any bytes: control characters are left out, what is no UTF-8 becomes question marks.
 *
 * Failures stick: what could not be made is NULL, what hangs below it is left out, and document_finish() says so.
 * Escaping and layout are those of xml_format(). */

#include "base/macros.h"

typedef struct DocumentWriter DocumentWriter;
typedef struct _xmlNode DocumentElement;

/* A document whose root has this name; *ret_root is the root and belongs to the writer. -ENOMEM. */
int document_begin(const char *root, DocumentWriter **ret, DocumentElement **ret_root);

/* Frees what was not finished. */
DocumentWriter *document_writer_free(DocumentWriter *w);
DEFINE_CLEANUP(DocumentWriter *, document_writer_free);
#define _cleanup_document_writer_ _cleanup_(document_writer_freep)

/* An element at the end of parent (NULL after a failure: nothing happens); text may be NULL. */
DocumentElement *document_add(DocumentWriter *w, DocumentElement *parent, const char *name, const char *text);
DocumentElement *document_addf(DocumentWriter *w, DocumentElement *parent, const char *name, const char *format, ...)
        _printf_(4, 5);

/* An attribute of n; value NULL: none. */
void document_attr(DocumentWriter *w, DocumentElement *n, const char *name, const char *value);
void document_attrf(DocumentWriter *w, DocumentElement *n, const char *name, const char *format, ...) _printf_(4, 5);

/* The text of the whole document, owned by the caller, as clients get it. -ENOMEM where anything of it could not be
 * made. */
int document_finish(DocumentWriter *w, char **ret);
