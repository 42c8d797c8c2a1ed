/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Name and uuid of a definition without building its tree: the parse stops as soon as both are known. */

#include <libxml/parser.h>
#include <libxml/parserInternals.h>

#include "base/strings.h"
#include "model/definition.h"
#include "xml-text.h"

#define PEEK_MAX_TEXT 4096U

typedef struct Peek {
        const DocumentKind *kind;
        bool named;             /* the kind has names */
        const char *attribute;  /* where the name is an attribute: its name */
        xmlParserCtxtPtr context;
        const char *refused;
        unsigned depth;
        StrBuf *target;         /* where characters go: name, uuid or nowhere */
        StrBuf name, uuid;
        bool has_name, has_uuid;
} Peek;

static void peek_stop(Peek *p, const char *refused) {
        if (!p->refused)
                p->refused = refused;
        xmlStopParser(p->context);
}

/* The name of kinds that have it in an attribute, of the root or of an element below it. */
static void take_attribute(Peek *p, const xmlChar *element, int n, const xmlChar **attributes) {
        size_t len = strcspn(p->kind->key, "/@");
        bool here = len == 0 ? p->depth == 1
                             : p->depth == 2 && strlen((const char *) element) == len &&
                                strncmp((const char *) element, p->kind->key, len) == 0;

        for (int i = 0; here && !p->has_name && i < n; i++) {
                const xmlChar **a = attributes + i * 5; /* name, prefix, uri, begin and end of the value */

                if (a[1] || !xmlStrEqual(a[0], BAD_CAST p->attribute))
                        continue;
                if (a[4] - a[3] > (ptrdiff_t) PEEK_MAX_TEXT)
                        return peek_stop(p, "name or uuid is too long");
                strbuf_addn(&p->name, (const char *) a[3], (size_t) (a[4] - a[3]));
                p->has_name = true;
        }
}

static void on_start(void *ctx, const xmlChar *name, const xmlChar *prefix, const xmlChar *uri, int n_namespaces,
                     const xmlChar **namespaces, int n_attributes, int n_defaulted, const xmlChar **attributes) {
        Peek *p = ctx;

        p->depth++;
        if (p->depth > XML_MAX_DEPTH)
                return peek_stop(p, "elements are nested too deeply");
        if (p->depth == 1 && (prefix || !xmlStrEqual(name, BAD_CAST p->kind->root)))
                return peek_stop(p, "the root element is another one");
        if (p->attribute && p->depth <= 2 && !prefix)
                take_attribute(p, name, n_attributes, attributes);
        if (p->depth != 2 || prefix)
                return;

        if (!p->attribute && !p->has_name && xmlStrEqual(name, BAD_CAST "name"))
                p->target = &p->name;
        else if (!p->has_uuid && xmlStrEqual(name, BAD_CAST "uuid"))
                p->target = &p->uuid;
}

static void on_end(void *ctx, const xmlChar *name, const xmlChar *prefix, const xmlChar *uri) {
        Peek *p = ctx;

        if (p->depth == 2 && p->target) {
                p->has_name |= p->target == &p->name;
                p->has_uuid |= p->target == &p->uuid;
                p->target = NULL;
                if ((p->has_name || !p->named) && p->has_uuid)
                        peek_stop(p, NULL);
        }
        p->depth--;
}

static void on_text(void *ctx, const xmlChar *text, int len) {
        Peek *p = ctx;

        if (!p->target || p->depth != 2)
                return;
        if (p->target->len + (size_t) len > PEEK_MAX_TEXT)
                return peek_stop(p, "name or uuid is too long");

        strbuf_addn(p->target, (const char *) text, (size_t) len);
}

static void on_dtd(void *ctx, const xmlChar *name, const xmlChar *external, const xmlChar *system) {
        peek_stop(ctx, "a document type (DTD) is not allowed");
}

/* Without this libxml2 prints errors. */
static void on_error(void *ctx, xmlErrorPtr error) {
}

static const xmlSAXHandler peek_handler = {
        .initialized = XML_SAX2_MAGIC,
        .startElementNs = on_start,
        .endElementNs = on_end,
        .characters = on_text,
        .cdataBlock = on_text,
        .internalSubset = on_dtd,
        .serror = on_error,
};

static void peek_done(Peek *p) {
        if (p->context)
                xmlFreeParserCtxt(p->context);
        strbuf_done(&p->name);
        strbuf_done(&p->uuid);
}

static int peek_error(const Peek *p, const char *origin, Error *e, const char *what) {
        int line = p->context->input ? p->context->input->line : 0;

        return error_set(e, -EBADMSG, ERROR_XML_ERROR, p->kind->origin, "%s%s%d: %s", origin ?: "line ",
                         origin ? ":" : "", line, what);
}

/* The name, where the kind has one, and the uuid. */
static int peek_result(Peek *p, const char *origin, char **ret_name, uint8_t ret_uuid[16], Error *e) {
        _cleanup_free_ char *name = NULL, *uuid = NULL;

        name = strbuf_take(&p->name);
        uuid = strbuf_take(&p->uuid);
        if (!name || !uuid)
                return -ENOMEM;
        if (p->named && (!*name || strpbrk(name, "/\n\r") || streq(name, ".") || streq(name, "..")))
                return peek_error(p, origin, e, "the name cannot be used");
        if (p->has_uuid && uuid_parse(uuid, ret_uuid) < 0)
                return peek_error(p, origin, e, "malformed uuid");

        *ret_name = p->named ? TAKE_PTR(name) : NULL;
        return 0;
}

int definition_peek_as(const DocumentKind *kind, const char *text, size_t len, const char *origin, char **ret_name,
                       uint8_t ret_uuid[16], bool *ret_has_uuid, Error *e) {
        const char *at = kind->key ? strchr(kind->key, '@') : NULL;
        _cleanup_(peek_done) Peek p = {
                .kind = kind,
                .named = at || streq_ptr(kind->key, "name"),
                .attribute = at ? at + 1 : NULL,
        };
        int r;

        if (len > XML_MAX_BYTES || xml_text_is_crowded(text, len, XML_MAX_ATTRIBUTES))
                return error_set(e, -EBADMSG, ERROR_XML_ERROR, kind->origin, "%s%s1: %s", origin ?: "line ",
                                 origin ? ":" : "",
                                 len > XML_MAX_BYTES ? "the document is larger than 4 MiB"
                                                     : "an element has too many attributes");
        p.context = xmlCreateMemoryParserCtxt(text, (int) len);
        if (!p.context)
                return len == 0 ? error_set(e, -EBADMSG, ERROR_XML_ERROR, kind->origin, "%s%sempty document",
                                            origin ?: "", origin ? ": " : "") : -ENOMEM;

        *p.context->sax = peek_handler;
        p.context->userData = &p;
        xmlCtxtUseOptions(p.context, XML_PARSE_NONET);
        (void) xmlParseDocument(p.context);

        if (p.refused)
                return peek_error(&p, origin, e, p.refused);
        if (!p.context->wellFormed && !(p.has_uuid && (p.has_name || !p.named)))
                return peek_error(&p, origin, e, "not a well-formed document");
        if (p.named && !p.has_name)
                return peek_error(&p, origin, e, "missing name");

        r = peek_result(&p, origin, ret_name, ret_uuid, e);
        if (r < 0)
                return r;
        *ret_has_uuid = p.has_uuid;
        return 0;
}

int definition_peek(const char *text, size_t len, const char *origin, char **ret_name, uint8_t ret_uuid[16],
                    bool *ret_has_uuid, Error *e) {
        return definition_peek_as(&document_domain, text, len, origin, ret_name, ret_uuid, ret_has_uuid, e);
}
