/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Metadata as text: what is in it is looked up in a tree made for the moment, what is changed is changed in the text,
 * at the place that the tree's element has there. */

#include <libxml/parser.h>

#include "base/strings.h"
#include "definition-private.h"
#include "model/metadata.h"
#include "xml-text.h"

/* --- the text and its elements --- */

typedef struct Metadata {
        const char *text;
        xmlDocPtr doc;
        XmlSpan *spans;    /* of the children of the root */
        size_t n_spans;
} Metadata;

static void metadata_done(Metadata *m) {
        if (m->doc)
                xmlFreeDoc(m->doc);
        free(m->spans);
}
#define _cleanup_metadata_ _cleanup_(metadata_done)

/* The text has been through xml_parse(), so it is within limits and has no DTD. */
static int tree_of(const char *text, xmlDocPtr *ret) {
        *ret = xmlReadMemory(text, (int) strlen(text), NULL, "UTF-8",
                             XML_PARSE_NONET | XML_PARSE_NOERROR | XML_PARSE_NOWARNING);
        return *ret ? 0 : -EBADMSG;
}

static int metadata_read(const char *text, Metadata *ret) {
        int r;

        *ret = (Metadata) { .text = text };
        r = tree_of(text, &ret->doc);
        return r < 0 ? r : xml_text_spans(text, strlen(text), 1, &ret->spans, &ret->n_spans);
}

/* for each element n below <metadata>, with its place i in spans */
#define METADATA_FOREACH(n, i, m)                                                                            \
        for (size_t i = 0, once_ = 1; once_; once_ = 0)                                                       \
                for (xmlNode *n = xml_child(xmlDocGetRootElement((m)->doc), NULL); n && i < (m)->n_spans;     \
                     n = xml_next(n, NULL), i++)

static bool is_of(const xmlNode *n, const char *uri) {
        return n->ns && n->ns->href && streq((const char *) n->ns->href, uri);
}

const char *definition_metadata(const Definition *d) {
        const char *text = xml_text(xml_child(definition_root(d), "metadata"));

        return text && *text ? text : NULL;
}

int metadata_parse(const Definition *d, xmlDocPtr *ret) {
        const char *text = definition_metadata(d);

        *ret = NULL;
        return text ? tree_of(text, ret) : 0;
}

/* --- from a document --- */

/* Whether a name in the text has this prefix and nothing in the text declares it: libxml2 leaves it in the name
 * then. */
static bool lacks_prefix(const xmlNode *n, const char *prefix) {
        const char *rest = startswith(xml_name(n), prefix);

        if (!n->ns && rest && *rest == ':')
                return true;
        for (const xmlAttr *a = n->properties; a; a = a->next) {
                rest = startswith((const char *) a->name, prefix);
                if (!a->ns && rest && *rest == ':')
                        return true;
        }
        XML_FOREACH(c, n, NULL)
                if (lacks_prefix(c, prefix))
                        return true;
        return false;
}

static void add_declaration(StrBuf *b, const char *prefix, const char *uri) {
        static const char special[] = "<&\"\t\n\r";

        strbuf_addf(b, " xmlns:%s=\"", prefix);
        for (; *uri; uri++)
                if (strchr(special, *uri) && !startswith(uri, "&#38;")) /* libxml2 keeps '&' in URIs in this form */
                        strbuf_addf(b, "&#%u;", (unsigned) *uri);
                else
                        strbuf_addc(b, *uri);
        strbuf_addc(b, '"');
}

/* text[0..len) with what the root of the document declares for it. */
static int complete(const xmlNode *root, const char *text, size_t len, char **ret) {
        static const size_t name_end = sizeof("<metadata") - 1;
        _cleanup_free_ char *plain = strndup(text, len);
        _cleanup_strbuf_ StrBuf b = {};
        _cleanup_xml_ xmlDocPtr doc = NULL;
        int r;

        if (!plain)
                return -ENOMEM;
        if (root->nsDef) {
                r = tree_of(plain, &doc);
                if (r < 0)
                        return r;
        }

        strbuf_addn(&b, plain, name_end);
        for (const xmlNs *ns = root->nsDef; ns; ns = ns->next)
                if (ns->prefix && ns->href && lacks_prefix(xmlDocGetRootElement(doc), (const char *) ns->prefix))
                        add_declaration(&b, (const char *) ns->prefix, (const char *) ns->href);
        strbuf_add(&b, plain + name_end);
        *ret = strbuf_take(&b);
        return *ret ? 0 : -ENOMEM;
}

/* The text in UTF-8; *ret stays NULL where it is so already. */
static int to_utf8(xmlDocPtr doc, const char *text, size_t len, xmlBufferPtr *ret) {
        xmlCharEncoding e = len < 4 ? XML_CHAR_ENCODING_NONE : xmlDetectCharEncoding((const xmlChar *) text, 4);
        xmlCharEncodingHandlerPtr handler;
        xmlBufferPtr in;
        int r = -EBADMSG;

        if (e <= XML_CHAR_ENCODING_UTF8) {
                e = doc->encoding ? xmlParseCharEncoding((const char *) doc->encoding) : XML_CHAR_ENCODING_UTF8;
                if (e == XML_CHAR_ENCODING_UTF8 || e == XML_CHAR_ENCODING_ASCII)
                        return 0;
                handler = xmlFindCharEncodingHandler((const char *) doc->encoding);
        } else
                handler = xmlGetCharEncodingHandler(e);
        if (!handler)
                return -EBADMSG;

        in = xmlBufferCreateStatic((void *) text, len);
        *ret = xmlBufferCreate();
        if (!in || !*ret)
                r = -ENOMEM;
        else if (xmlCharEncInFunc(handler, *ret, in) >= 0)
                r = 0;
        if (in)
                xmlBufferFree(in);
        xmlCharEncCloseFunc(handler);
        return r;
}

static inline void xml_buffer_freep(xmlBufferPtr *b) {
        if (*b)
                xmlBufferFree(*b);
}

int metadata_fill(xmlDocPtr doc, const char *text, size_t len) {
        _cleanup_(xml_buffer_freep) xmlBufferPtr converted = NULL;
        _cleanup_free_ XmlSpan *spans = NULL;
        xmlNode *root = xmlDocGetRootElement(doc);
        size_t n_spans, i = 0;
        int r;

        r = to_utf8(doc, text, len, &converted);
        if (r < 0)
                return r;
        if (converted) {
                text = (const char *) xmlBufferContent(converted);
                len = (size_t) xmlBufferLength(converted);
        }

        r = xml_text_spans(text, len, 1, &spans, &n_spans);
        if (r < 0)
                return r;
        for (xmlNode *n = xml_child(root, NULL); n; n = xml_next(n, NULL), i++) {
                _cleanup_free_ char *whole = NULL;

                if (i >= n_spans)
                        return -EBADMSG;
                if (!xml_is(n, "metadata"))
                        continue;
                r = complete(root, text + spans[i].begin, spans[i].end - spans[i].begin, &whole);
                if (r >= 0)
                        r = xml_set_text(n, whole);
                if (r < 0)
                        return r;
        }

        return i == n_spans ? 0 : -EBADMSG;
}

/* --- one namespace's element --- */

/* Which elements get another name. */
typedef bool (*IsRenamed)(const xmlNode *n, const char *uri);

static size_t count_elements(const xmlNode *n) {
        size_t count = 1;

        XML_FOREACH(c, n, NULL)
                count += count_elements(c);
        return count;
}

static bool *flag_elements(const xmlNode *n, IsRenamed is_renamed, const char *uri, bool *at) {
        *at++ = is_renamed(n, uri);
        XML_FOREACH(c, n, NULL)
                at = flag_elements(c, is_renamed, uri, at);
        return at;
}

/* text[0..len), the element n, with prefix (NULL: none) in the names that is_renamed chooses. */
static int rename_elements(const char *text, size_t len, const xmlNode *n, IsRenamed is_renamed, const char *uri,
                           const char *prefix, char **ret) {
        _cleanup_free_ bool *flags = calloc(count_elements(n), sizeof(*flags));
        _cleanup_strbuf_ StrBuf b = {};

        if (!flags)
                return -ENOMEM;
        flag_elements(n, is_renamed, uri, flags);
        xml_text_rename(text, len, flags, prefix, &b);
        *ret = strbuf_take(&b);
        return *ret ? 0 : -ENOMEM;
}

/* Whether the declaration is needed although elements of uri lose their prefix. */
static bool is_needed(const xmlNode *n, const xmlNs *ns, const char *uri) {
        if (n->ns == ns && !is_of(n, uri))
                return true;
        for (const xmlAttr *a = n->properties; a; a = a->next)
                if (a->ns == ns)
                        return true;
        XML_FOREACH(c, n, NULL)
                if (is_needed(c, ns, uri))
                        return true;
        return false;
}

/* The element as an application gave it: its own namespace is not mentioned, what <metadata> declares for it is. */
static int extract(const Metadata *m, const xmlNode *n, const XmlSpan *span, const char *uri, char **ret) {
        _cleanup_free_ char *text = NULL;
        _cleanup_strbuf_ StrBuf b = {};
        XmlSpan drop = {};
        size_t at;
        int r;

        r = rename_elements(m->text + span->begin, span->end - span->begin, n, is_of, uri, NULL, &text);
        if (r < 0)
                return r;
        at = 1 + strcspn(text + 1, " \t\r\n/>");
        strbuf_addn(&b, text, at);
        for (const xmlNs *ns = n->parent->nsDef; ns; ns = ns->next)
                if (ns->prefix && is_needed(n, ns, uri))
                        add_declaration(&b, (const char *) ns->prefix, (const char *) ns->href);
        for (const xmlNs *ns = n->nsDef; ns; ns = ns->next) {
                _cleanup_free_ char *name = NULL;

                if (ns != n->ns || is_needed(n, ns, uri))
                        continue;
                name = text_format("xmlns%s%s", ns->prefix ? ":" : "", ns->prefix ? (const char *) ns->prefix : "");
                if (!name)
                        return -ENOMEM;
                if (xml_text_attribute(text, strlen(text), name, &drop)) {
                        strbuf_addn(&b, text + at, drop.begin - at);
                        at = drop.end;
                }
        }
        strbuf_add(&b, text + at);
        *ret = strbuf_take(&b);
        return *ret ? 0 : -ENOMEM;
}

static int get(const Metadata *m, const char *uri, char **ret) {
        METADATA_FOREACH(n, i, m)
                if (is_of(n, uri))
                        return extract(m, n, &m->spans[i], uri, ret);
        return -ENOENT;
}

int metadata_get(const Definition *d, const char *uri, char **ret) {
        _cleanup_metadata_ Metadata m = {};
        const char *text = definition_metadata(d);
        int r = text ? metadata_read(text, &m) : -ENOENT;

        return r < 0 ? r : get(&m, uri, ret);
}

/* What one has, and the other has not, or says differently; gone: of those alone that the other has not. */
static int visit_those(const Metadata *of, const Metadata *other, bool gone, MetadataVisitor visit, void *userdata) {
        METADATA_FOREACH(n, i, of) {
                const char *uri = n->ns ? (const char *) n->ns->href : NULL;
                _cleanup_free_ char *text = NULL, *others = NULL;
                int r, s;

                if (!uri)
                        continue;
                r = get(of, uri, &text);
                s = get(other, uri, &others);
                if (r < 0 || (s < 0 && s != -ENOENT))
                        return r < 0 ? r : s;
                if (gone ? s >= 0 : streq_ptr(text, others))
                        continue;
                r = visit(uri, (const char *) n->ns->prefix, gone ? NULL : text, userdata);
                if (r != 0)
                        return r;
        }
        return 0;
}

int metadata_diff(const char *before, const char *after, MetadataVisitor visit, void *userdata) {
        _cleanup_metadata_ Metadata old = {}, new = {};
        int r;

        r = metadata_read(before && *before ? before : "<metadata/>", &old);
        if (r >= 0)
                r = metadata_read(after && *after ? after : "<metadata/>", &new);
        if (r >= 0)
                r = visit_those(&old, &new, true, visit, userdata);
        return r != 0 ? r : visit_those(&new, &old, false, visit, userdata);
}

/* --- changes --- */

/* Takes the elements that gone says out of the text, each with the blanks in front of it. *ret is NULL where nothing
 * changes. */
static int without(const Metadata *m, const bool *gone, char **ret) {
        _cleanup_strbuf_ StrBuf b = {};
        size_t at = 0;

        *ret = NULL;
        for (size_t i = 0; i < m->n_spans; i++) {
                size_t begin = m->spans[i].begin;

                if (!gone[i])
                        continue;
                while (begin > at && strchr(" \t\r\n", m->text[begin - 1]))
                        begin--;
                strbuf_addn(&b, m->text + at, begin - at);
                at = m->spans[i].end;
        }
        if (at == 0)
                return 0;

        strbuf_add(&b, m->text + at);
        *ret = strbuf_take(&b);
        return *ret ? 0 : -ENOMEM;
}

typedef struct Owner {
        const char *uri;
        size_t i;
} Owner;

static int compare_owners(const void *a, const void *b) {
        const Owner *x = a, *y = b;
        int r = strcmp(x->uri, y->uri);

        return r != 0 ? r : x->i < y->i ? -1 : 1;
}

/* Flags those of nobody, and all but the first of each namespace, as libvirt does. */
static int flag_surplus(const Metadata *m, bool *gone) {
        _cleanup_free_ Owner *owners = calloc(m->n_spans + 1, sizeof(*owners));
        size_t n_owners = 0;

        if (!owners)
                return -ENOMEM;
        METADATA_FOREACH(n, i, m)
                if (n->ns && n->ns->href)
                        owners[n_owners++] = (Owner) { (const char *) n->ns->href, i };
                else
                        gone[i] = true;
        qsort(owners, n_owners, sizeof(*owners), compare_owners);
        for (size_t i = 1; i < n_owners; i++)
                gone[owners[i].i] = streq(owners[i - 1].uri, owners[i].uri);
        return 0;
}

/* The text without the elements of uri, or, where that is NULL, without those that do not count. */
static int drop_elements(const char *text, const char *uri, char **ret) {
        _cleanup_metadata_ Metadata m = {};
        _cleanup_free_ bool *gone = NULL;
        int r;

        r = metadata_read(text, &m);
        if (r < 0)
                return r;
        gone = calloc(m.n_spans + 1, sizeof(*gone));
        if (!gone)
                return -ENOMEM;
        if (uri) {
                METADATA_FOREACH(n, i, &m)
                        gone[i] = is_of(n, uri);
        } else {
                r = flag_surplus(&m, gone);
                if (r < 0)
                        return r;
        }

        return without(&m, gone, ret);
}

/* Puts the text in the place of what the definition has; NULL takes the element away. */
static int store(Definition *d, const char *text) {
        static const char *const before[] = { "name", "uuid", "genid", "title", "description" };
        xmlNode *root = definition_root(d), *n = xml_child(root, "metadata"), *after = NULL;

        if (!text) {
                xml_remove(n);
                return 0;
        }
        if (n)
                return xml_set_text(n, text);
        for (size_t i = 0; i < ELEMENTSOF(before); i++)
                after = xml_child(root, before[i]) ?: after;
        n = xml_add(root, "metadata", text);
        if (!n)
                return -ENOMEM;
        if (after)
                xmlAddNextSibling(after, n);
        return 0;
}

int metadata_tidy(Definition *d) {
        const char *text = definition_metadata(d);
        _cleanup_free_ char *tidy = NULL;
        int r;

        if (!text)
                return 0;
        r = drop_elements(text, NULL, &tidy);
        return r < 0 || !tidy ? r : store(d, tidy);
}

/* "<metadata> </metadata>": as good as none. */
static bool is_empty(const char *text) {
        const char *body = strchr(text, '>') + 1;

        return startswith(body + strspn(body, " \t\r\n"), "</metadata");
}

/* The root belongs to the namespace, and with it what belongs to none. */
static bool joins(const xmlNode *n, const char *uri) {
        return !n->ns || n->parent->type == XML_DOCUMENT_NODE;
}

/* What a client gives as a whole tree; *ret_declared: it declares the prefix already. */
static int parse_element(const Definition *d, const char *text, const char *uri, const char *prefix, xmlDocPtr *ret,
                         bool *ret_declared, Error *e) {
        _cleanup_xml_ xmlDocPtr doc = NULL;
        int r;

        if (xmlValidateNCName(BAD_CAST prefix, 0) != 0 || strncasecmp(prefix, "xml", 3) == 0)
                return error_set(e, -EINVAL, ERROR_INVALID_ARG, d->kind->origin, "'%s' is no prefix of a namespace",
                                 prefix);
        r = xml_parse(text, strlen(text), "metadata", NULL, &doc, e);
        if (r < 0)
                return r;
        if (doc->encoding && xmlParseCharEncoding((const char *) doc->encoding) != XML_CHAR_ENCODING_UTF8)
                return error_set(e, -EINVAL, ERROR_XML_ERROR, d->kind->origin, "metadata has to be in UTF-8");

        *ret_declared = false;
        for (const xmlNs *ns = xmlDocGetRootElement(doc)->nsDef; ns; ns = ns->next) {
                if (!ns->prefix || !streq((const char *) ns->prefix, prefix))
                        continue;
                if (!ns->href || !streq((const char *) ns->href, uri))
                        return error_set(e, -EINVAL, ERROR_XML_ERROR, d->kind->origin,
                                         "the prefix '%s' is taken for another namespace", prefix);
                *ret_declared = true;
        }
        return tree_of(text, ret);
}

/* The element of a client with its namespace and prefix. */
static int add_element(StrBuf *b, const Definition *d, const char *text, const char *uri, const char *prefix,
                       Error *e) {
        _cleanup_xml_ xmlDocPtr doc = NULL;
        _cleanup_free_ XmlSpan *spans = NULL;
        _cleanup_free_ char *named = NULL;
        bool declared = false;
        size_t n, at;
        int r;

        r = parse_element(d, text, uri, prefix, &doc, &declared, e);
        if (r >= 0)
                r = xml_text_spans(text, strlen(text), 0, &spans, &n);
        if (r >= 0)
                r = rename_elements(text + spans[0].begin, spans[0].end - spans[0].begin, xmlDocGetRootElement(doc),
                                    joins, uri, prefix, &named);
        if (r < 0)
                return r;
        at = 1 + strcspn(named + 1, " \t\r\n/>");
        strbuf_addn(b, named, at);
        if (!declared)
                add_declaration(b, prefix, uri);
        strbuf_add(b, named + at);
        return 0;
}

/* Ends what stands before the end tag, so that there is room for one more element. */
static void add_body(StrBuf *b, const char *text) {
        size_t end = strlen(text);

        if (text[end - 2] == '/') {
                strbuf_addn(b, text, end - 2);
                strbuf_addc(b, '>');
                return;
        }
        while (text[end - 1] != '<')
                end--;
        end--;
        while (strchr(" \t\r\n", text[end - 1]))
                end--;
        strbuf_addn(b, text, end);
}

/* What is too deep or too large now could not be read again. */
static int check_whole(const char *whole, Error *e) {
        _cleanup_xml_ xmlDocPtr doc = NULL;
        _cleanup_free_ char *text = NULL;

        text = text_format("<domain>%s</domain>", whole);
        if (!text)
                return -ENOMEM;
        return xml_parse(text, strlen(text), "metadata", NULL, &doc, e);
}

int metadata_set(Definition *d, const char *uri, const char *prefix, const char *element, Error *e) {
        const char *text = definition_metadata(d) ?: "<metadata/>";
        _cleanup_free_ char *rest = NULL, *whole = NULL;
        _cleanup_strbuf_ StrBuf b = {};
        int r;

        r = drop_elements(text, uri, &rest);
        if (r < 0)
                return r;
        if (!element)
                return rest ? store(d, is_empty(rest) ? NULL : rest) : 0;

        add_body(&b, rest ?: text);
        strbuf_add(&b, "\n    ");
        r = add_element(&b, d, element, uri, prefix, e);
        if (r < 0)
                return r;
        strbuf_add(&b, "\n  </metadata>");
        whole = strbuf_take(&b);
        if (!whole)
                return -ENOMEM;
        r = check_whole(whole, e);
        return r < 0 ? r : store(d, whole);
}
