/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A tree to text, in the shape that libvirt's clients know: two spaces a level, attributes in single quotes. */

#include "base/strings.h"
#include "model/xml.h"

/* Quotes are escaped everywhere, as libvirt does. What a parser would turn into a blank (in attributes) or
 * drop (a carriage return) is written as its number. */
static void add_escaped(StrBuf *b, const char *s, bool attribute) {
        static const char *const escapes[128] = {
                ['<'] = "&lt;", ['>'] = "&gt;", ['&'] = "&amp;", ['\''] = "&apos;", ['"'] = "&quot;",
        };

        for (;;) {
                size_t n = strcspn(s, attribute ? "<>&'\"\t\n\r" : "<>&'\"\r");

                strbuf_addn(b, s, n);
                s += n;
                if (!*s)
                        return;
                if (escapes[(unsigned char) *s])
                        strbuf_add(b, escapes[(unsigned char) *s]);
                else
                        strbuf_addf(b, "&#x%X;", (unsigned) *s);
                s++;
        }
}

static void add_indent(StrBuf *b, unsigned level) {
        for (unsigned i = 0; i < level; i++)
                strbuf_add(b, "  ");
}

static void add_prefix(StrBuf *b, const xmlNs *ns) {
        strbuf_add(b, (const char *) ns->prefix);
        strbuf_addc(b, ':');
}

static void add_start(StrBuf *b, const xmlNode *n) {
        strbuf_addc(b, '<');
        if (n->ns && n->ns->prefix)
                add_prefix(b, n->ns);
        strbuf_add(b, xml_name(n));

        for (const xmlAttr *a = n->properties; a; a = a->next) {
                strbuf_addc(b, ' ');
                if (a->ns && a->ns->prefix)
                        add_prefix(b, a->ns);
                strbuf_add(b, (const char *) a->name);
                strbuf_add(b, "='");
                if (a->children && a->children->content)
                        add_escaped(b, (const char *) a->children->content, true);
                strbuf_addc(b, '\'');
        }

        for (const xmlNs *ns = n->nsDef; ns; ns = ns->next) {
                strbuf_addf(b, " xmlns%s%s='", ns->prefix ? ":" : "", ns->prefix ? (const char *) ns->prefix : "");
                add_escaped(b, ns->href ? (const char *) ns->href : "", true);
                strbuf_addc(b, '\'');
        }
}

static void add_end(StrBuf *b, const xmlNode *n) {
        strbuf_add(b, "</");
        if (n->ns && n->ns->prefix)
                add_prefix(b, n->ns);
        strbuf_add(b, xml_name(n));
        strbuf_add(b, ">\n");
}

static void add_node(StrBuf *b, const xmlNode *n, unsigned level) {
        const xmlNode *child = xml_child(n, NULL);

        add_indent(b, level);
        if (level == 1 && xml_is(n, "metadata") && *xml_text(n)) {
                strbuf_addf(b, "%s\n", xml_text(n));   /* see model/metadata.h */
                return;
        }
        add_start(b, n);

        if (child) {
                strbuf_add(b, ">\n");
                for (; child; child = xml_next(child, NULL))
                        add_node(b, child, level + 1);
                add_indent(b, level);
                add_end(b, n);
        } else if (*xml_text(n)) {
                strbuf_addc(b, '>');
                add_escaped(b, xml_text(n), false);
                add_end(b, n);
        } else
                strbuf_add(b, "/>\n");
}

int xml_format(const xmlNode *node, char **ret) {
        _cleanup_strbuf_ StrBuf b = {};
        char *s;

        add_node(&b, node, 0);
        s = strbuf_take(&b);
        if (!s)
                return -ENOMEM;

        *ret = s;
        return 0;
}
