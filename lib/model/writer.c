/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "base/strings.h"
#include "model/writer.h"
#include "model/xml.h"

struct DocumentWriter {
        xmlDocPtr doc;
        bool failed;
};

int document_begin(const char *root, DocumentWriter **ret, DocumentElement **ret_root) {
        _cleanup_document_writer_ DocumentWriter *w = calloc(1, sizeof(*w));
        xmlNode *node;

        if (!w)
                return -ENOMEM;
        w->doc = xmlNewDoc((const xmlChar *) "1.0");
        node = w->doc ? xmlNewDocNode(w->doc, NULL, (const xmlChar *) root, NULL) : NULL;
        if (!node)
                return -ENOMEM;
        xmlDocSetRootElement(w->doc, node);
        *ret = TAKE_PTR(w);
        *ret_root = node;
        return 0;
}

DocumentWriter *document_writer_free(DocumentWriter *w) {
        if (!w)
                return NULL;
        if (w->doc)
                xmlFreeDoc(w->doc);
        free(w);
        return NULL;
}

DocumentElement *document_add(DocumentWriter *w, DocumentElement *parent, const char *name, const char *text) {
        DocumentElement *n = parent ? xml_add(parent, name, text) : NULL;

        if (!n)
                w->failed = true;
        return n;
}

DocumentElement *document_addf(DocumentWriter *w, DocumentElement *parent, const char *name, const char *format, ...) {
        _cleanup_free_ char *text = TEXT_OF_ARGUMENTS(format);

        if (text)
                return document_add(w, parent, name, text);
        w->failed = true;
        return NULL;
}

void document_attr(DocumentWriter *w, DocumentElement *n, const char *name, const char *value) {
        if (!value)
                return;
        if (!n || xml_set_attr(n, name, value) < 0)
                w->failed = true;
}

void document_attrf(DocumentWriter *w, DocumentElement *n, const char *name, const char *format, ...) {
        _cleanup_free_ char *text = TEXT_OF_ARGUMENTS(format);

        if (text)
                document_attr(w, n, name, text);
        else
                w->failed = true;
}

int document_finish(DocumentWriter *w, char **ret) {
        return w->failed ? -ENOMEM : xml_format(xmlDocGetRootElement(w->doc), ret);
}
