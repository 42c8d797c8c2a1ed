/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Outside text to a tree.
 *
 * libxml2 does the parsing; the handlers in front of its tree builder count and refuse. A DTD is refused
 * before anything in it is read, so there are no entities to expand and nothing to fetch. */

#include <libxml/SAX2.h>
#include <libxml/parser.h>
#include <libxml/parserInternals.h>

#include "base/strings.h"
#include "model/metadata.h"
#include "xml-text.h"

typedef struct Parse {
        const char *refused;   /* our own reason to stop */
        unsigned depth;
        unsigned nodes;
        bool opaque;           /* within <metadata>, which is kept as text */
        bool has_opaque;
} Parse;

static void parse_refuse(xmlParserCtxtPtr c, const char *why) {
        Parse *p = c->_private;

        if (!p->refused)
                p->refused = why;
        xmlStopParser(c);
}

static void on_start(void *ctx, const xmlChar *name, const xmlChar *prefix, const xmlChar *uri, int n_namespaces,
                     const xmlChar **namespaces, int n_attributes, int n_defaulted, const xmlChar **attributes) {
        xmlParserCtxtPtr c = ctx;
        Parse *p = c->_private;

        p->depth++;
        p->nodes += 1 + (unsigned) n_attributes + (unsigned) n_namespaces;
        if (p->depth > XML_MAX_DEPTH)
                return parse_refuse(c, "elements are nested too deeply");
        if (p->nodes > XML_MAX_NODES)
                return parse_refuse(c, "the document has too many elements");
        if (p->opaque)
                return;
        if (p->depth == 2 && !prefix && !uri && xmlStrEqual(name, BAD_CAST "metadata"))
                p->opaque = p->has_opaque = true;

        xmlSAX2StartElementNs(ctx, name, prefix, uri, n_namespaces, namespaces, n_attributes, n_defaulted, attributes);
}

static void on_end(void *ctx, const xmlChar *name, const xmlChar *prefix, const xmlChar *uri) {
        xmlParserCtxtPtr c = ctx;
        Parse *p = c->_private;

        if (p->depth-- == 2)
                p->opaque = false;
        if (!p->opaque)
                xmlSAX2EndElementNs(ctx, name, prefix, uri);
}

static void on_text(void *ctx, const xmlChar *text, int len) {
        xmlParserCtxtPtr c = ctx;
        Parse *p = c->_private;

        if (!p->opaque)
                xmlSAX2Characters(ctx, text, len);
}

/* CDATA is a way to write text and nothing else. */
static void on_cdata(void *ctx, const xmlChar *text, int len) {
        xmlParserCtxtPtr c = ctx;
        Parse *p = c->_private;

        if (++p->nodes > XML_MAX_NODES)
                return parse_refuse(c, "the document has too many elements");
        on_text(ctx, text, len);
}

static void on_dtd(void *ctx, const xmlChar *name, const xmlChar *external, const xmlChar *system) {
        parse_refuse(ctx, "a document type (DTD) is not allowed");
}

/* One line. */
static void flatten(char *s) {
        for (size_t n = strlen(s); n > 0 && (s[n - 1] == '\n' || s[n - 1] == ' '); n--)
                s[n - 1] = 0;
        for (; *s; s++)
                if (*s == '\n')
                        *s = ' ';
}

static int parse_error(xmlParserCtxtPtr c, const char *origin, Error *e) {
        Parse *p = c->_private;
        xmlErrorPtr last = xmlCtxtGetLastError(c);
        _cleanup_free_ char *what = NULL;
        int line = c->input ? c->input->line : 0;

        if (p->refused)
                what = strdup(p->refused);
        else if (last && last->message) {
                what = strdup(last->message);
                line = last->line;
        } else
                what = strdup("not an XML document");
        if (!what || (!p->refused && last && last->code == XML_ERR_NO_MEMORY))
                return -ENOMEM;

        flatten(what);
        return error_set(e, -EBADMSG, ERROR_XML_DETAIL, ORIGIN_XML, "%s%s%d: %s", origin ?: "line ",
                         origin ? ":" : "", line, what);
}

static inline void parser_freep(xmlParserCtxtPtr *c) {
        if (*c) {
                if ((*c)->myDoc)
                        xmlFreeDoc((*c)->myDoc);
                xmlFreeParserCtxt(*c);
        }
}

static int refuse_text(const char *origin, unsigned line, Error *e, const char *what) {
        return error_set(e, -EBADMSG, ERROR_XML_ERROR, ORIGIN_XML, "%s%s%u: %s", origin ?: "line ", origin ? ":" : "",
                         line, what);
}

/* What libxml2 would take long for, or explain badly. */
static int check_text(const char *text, size_t len, const char *origin, Error *e) {
        const char *nul = memchr(text, 0, len);
        unsigned line = 1;

        if (len > XML_MAX_BYTES)
                return refuse_text(origin, 1, e, "the document is larger than 4 MiB");
        if (nul && (len < 4 || xmlDetectCharEncoding((const xmlChar *) text, 4) <= XML_CHAR_ENCODING_UTF8)) {
                for (const char *p = text; p < nul; p++)
                        line += *p == '\n';
                return refuse_text(origin, line, e, "a byte is 0, which is no text");
        }
        if (xml_text_is_crowded(text, len, XML_MAX_ATTRIBUTES))
                return refuse_text(origin, 1, e, "an element has too many attributes");

        return 0;
}

int xml_parse(const char *text, size_t len, const char *origin, const char *root, xmlDocPtr *ret, Error *e) {
        _cleanup_(parser_freep) xmlParserCtxtPtr c = NULL;
        _cleanup_xml_ xmlDocPtr doc = NULL;
        Parse p = {};
        int r;

        r = check_text(text, len, origin, e);
        if (r < 0)
                return r;
        c = xmlNewParserCtxt();
        if (!c)
                return -ENOMEM;

        c->_private = &p;
        c->sax->startElementNs = on_start;
        c->sax->endElementNs = on_end;
        c->sax->comment = NULL;
        c->sax->processingInstruction = NULL;
        c->sax->characters = on_text;
        c->sax->cdataBlock = on_cdata;
        c->sax->internalSubset = on_dtd;

        doc = xmlCtxtReadMemory(c, text, (int) len, origin, NULL,
                                XML_PARSE_NONET | XML_PARSE_NOBLANKS | XML_PARSE_COMPACT | XML_PARSE_BIG_LINES |
                                        XML_PARSE_NOERROR | XML_PARSE_NOWARNING);
        if (!doc || p.refused || !c->wellFormed)
                return parse_error(c, origin, e);

        if (root && !xml_is(xmlDocGetRootElement(doc), root)) {
                const xmlNode *n = xmlDocGetRootElement(doc);

                return error_set(e, -EBADMSG, ERROR_XML_ERROR, ORIGIN_XML,
                                 "%s%s%u: unexpected root element <%s>%s, expecting <%s>", origin ?: "line ",
                                 origin ? ":" : "", xml_line(n), xml_name(n), n->ns ? " with a namespace" : "", root);
        }

        if (p.has_opaque) {
                r = metadata_fill(doc, text, len);
                if (r == -EBADMSG)
                        return refuse_text(origin, 1, e, "<metadata> cannot be converted from this encoding");
                if (r < 0)
                        return r;
        }

        *ret = TAKE_PTR(doc);
        return 0;
}
