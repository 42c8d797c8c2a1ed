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

/* XML 1.0, "Char": others may stand in no document, not even as references. */
static bool is_char(int c) {
        return c == '\t' || c == '\n' || c == '\r' || (c >= ' ' && c < 0xd800) || (c >= 0xe000 && c < 0xfffe) ||
                (c >= 0x10000 && c <= 0x10ffff);
}

/* A character of UTF-8 at s in its shortest form, 0 for a byte that begins none. */
static int next_char(const char *s, int *ret_len) {
        static const struct {
                uint8_t mask, lead;
                int least;
        } forms[] = { { 0x80, 0x00, 0 }, { 0xe0, 0xc0, 0x80 }, { 0xf0, 0xe0, 0x800 }, { 0xf8, 0xf0, 0x10000 } };
        const uint8_t *u = (const uint8_t *) s;

        *ret_len = 1;
        for (int n = 0; n < (int) ELEMENTSOF(forms); n++) {
                int c = u[0] & ~forms[n].mask, i = 1;

                if ((u[0] & forms[n].mask) != forms[n].lead)
                        continue;
                for (; i <= n && (u[i] & 0xc0) == 0x80; i++)
                        c = c << 6 | (u[i] & 0x3f);
                if (i <= n || c < forms[n].least)
                        return 0;
                *ret_len = n + 1;
                return c;
        }
        return 0;
}

static bool is_text(const char *s) {
        int len;

        for (; *s; s += len)
                if (!is_char(next_char(s, &len)))
                        return false;
        return true;
}

/* What devices and firmware say of themselves is not always text: control characters are left out, bytes that are no
 * UTF-8 become question marks. NULL without memory. */
static char *make_text(const char *s) {
        StrBuf b = {};
        int len;

        strbuf_add(&b, "");
        for (; *s; s += len) {
                int c = next_char(s, &len);

                if (is_char(c))
                        strbuf_addn(&b, s, (size_t) len);
                else if (c == 0)
                        strbuf_addc(&b, '?');
        }
        return strbuf_take(&b);
}

/* *ret_owned is the caller's, NULL where it is text already. False: out of memory. */
static bool to_text(const char **text, char **ret_owned) {
        *ret_owned = NULL;
        if (!*text || is_text(*text))
                return true;
        *ret_owned = make_text(*text);
        *text = *ret_owned;
        return *ret_owned;
}

DocumentElement *document_add(DocumentWriter *w, DocumentElement *parent, const char *name, const char *text) {
        _cleanup_free_ char *owned = NULL;
        DocumentElement *n = parent && to_text(&text, &owned) ? xml_add(parent, name, text) : NULL;

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
        _cleanup_free_ char *owned = NULL;

        if (value && (!n || !to_text(&value, &owned) || xml_set_attr(n, name, value) < 0))
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
