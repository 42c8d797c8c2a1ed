/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A walk over the markup of a text: all that matters is where tags begin and end. */

#include "model/xml.h"
#include "xml-text.h"

typedef enum Markup {
        MARKUP_OPENS,
        MARKUP_CLOSES,
        MARKUP_EMPTY,   /* <a/> */
        MARKUP_OTHER,   /* comments and the like */
} Markup;

static const char blanks[] = " \t\r\n";

static bool begins(const char *p, const char *end, const char *with) {
        return (size_t) (end - p) >= strlen(with) && memcmp(p, with, strlen(with)) == 0;
}

static const char *behind(const char *p, const char *end, const char *what) {
        const char *found = memmem(p, (size_t) (end - p), what, strlen(what));

        return found ? found + strlen(what) : end;
}

/* Whether c belongs to a quoted value; *quote is the quote that is open, 0 at the start of a tag. */
static bool is_quoted(char c, char *quote) {
        if (*quote) {
                if (c == *quote)
                        *quote = 0;
                return true;
        }
        if (c == '"' || c == '\'')
                *quote = c;
        return *quote;
}

/* A '>' within quotes ends no tag. */
static const char *behind_tag(const char *p, const char *end) {
        char quote = 0;

        for (; p < end; p++)
                if (!is_quoted(*p, &quote) && *p == '>')
                        return p + 1;
        return end;
}

/* Moves *p from '<' behind what begins there. */
static Markup next_markup(const char **p, const char *end) {
        static const struct {
                const char *begin, *end;
        } others[] = { { "<!--", "-->" }, { "<![CDATA[", "]]>" }, { "<?", "?>" } };
        const char *begin = *p;

        for (size_t i = 0; i < ELEMENTSOF(others); i++)
                if (begins(begin, end, others[i].begin)) {
                        *p = behind(begin + strlen(others[i].begin), end, others[i].end);
                        return MARKUP_OTHER;
                }
        *p = behind_tag(begin, end);
        if (begins(begin, end, "</"))
                return MARKUP_CLOSES;

        return *p - begin > 2 && (*p)[-2] == '/' ? MARKUP_EMPTY : MARKUP_OPENS;
}

static int add_span(XmlSpan **list, size_t *n, size_t begin) {
        /* Sizes are powers of two: the list is full when n is one. */
        if ((*n & (*n - 1)) == 0) {
                XmlSpan *larger = reallocarray(*list, *n == 0 ? 1 : *n * 2, sizeof(**list));

                if (!larger)
                        return -ENOMEM;
                *list = larger;
        }
        (*list)[(*n)++] = (XmlSpan) { .begin = begin };
        return 0;
}

int xml_text_spans(const char *text, size_t len, unsigned depth, XmlSpan **ret, size_t *ret_n) {
        const char *end = text + len;
        _cleanup_free_ XmlSpan *list = NULL;
        unsigned level = 0;
        size_t n = 0;

        for (const char *p = text; (p = memchr(p, '<', (size_t) (end - p)));) {
                const char *begin = p;
                Markup m = next_markup(&p, end);

                if (m == MARKUP_OTHER)
                        continue;
                if (m == MARKUP_CLOSES)
                        level--;
                else if (level == depth && add_span(&list, &n, (size_t) (begin - text)) < 0)
                        return -ENOMEM;
                if (m == MARKUP_OPENS)
                        level++;
                else if (level == depth)
                        list[n - 1].end = (size_t) (p - text);
        }

        *ret = TAKE_PTR(list);
        *ret_n = n;
        return 0;
}

static unsigned count_attributes(const char *p, const char *end) {
        unsigned n = 0;
        char quote = 0;

        for (; p < end; p++)
                n += !is_quoted(*p, &quote) && *p == '=';
        return n;
}

bool xml_text_is_crowded(const char *text, size_t len, unsigned max) {
        const char *end = text + len;

        for (const char *p = text; (p = memchr(p, '<', (size_t) (end - p)));) {
                const char *begin = p;

                if (next_markup(&p, end) != MARKUP_OTHER && (size_t) (p - begin) > max &&
                    count_attributes(begin, p) > max)
                        return true;
        }

        return false;
}

/* Behind the prefix of the name at p. */
static const char *local_name(const char *p, const char *end) {
        const char *at = p;

        while (at < end && !strchr(" \t\r\n/>:", *at))
                at++;
        return at < end && *at == ':' ? at + 1 : p;
}

void xml_text_rename(const char *text, size_t len, const bool *flags, const char *prefix, StrBuf *b) {
        const char *end = text + len, *done = text;
        bool stack[XML_MAX_DEPTH + 1];
        size_t level = 0;

        for (const char *p = text; (p = memchr(p, '<', (size_t) (end - p)));) {
                const char *name = p + 1;
                Markup m = next_markup(&p, end);
                bool renamed;

                if (m == MARKUP_OTHER)
                        continue;
                if (m == MARKUP_CLOSES) {
                        renamed = stack[--level];
                        name++;
                } else
                        renamed = *flags++;
                if (m == MARKUP_OPENS)
                        stack[level++] = renamed;
                if (!renamed)
                        continue;

                strbuf_addn(b, done, (size_t) (name - done));
                if (prefix)
                        strbuf_addf(b, "%s:", prefix);
                done = local_name(name, end);
        }
        strbuf_addn(b, done, (size_t) (end - done));
}

bool xml_text_attribute(const char *text, size_t len, const char *name, XmlSpan *ret) {
        const char *end = behind_tag(text, text + len), *p = text;

        p += strcspn(p, " \t\r\n/>");
        while (p < end) {
                const char *begin = p, *word, *quote;
                size_t n;

                word = p + strspn(p, blanks);
                n = strcspn(word, " \t\r\n=/>");
                if (n == 0)
                        return false;
                quote = word + strcspn(word, "\"'");
                p = (const char *) memchr(quote + 1, *quote, (size_t) (end - quote - 1)) + 1;
                if (n == strlen(name) && memcmp(word, name, n) == 0) {
                        *ret = (XmlSpan) { .begin = (size_t) (begin - text), .end = (size_t) (p - text) };
                        return true;
                }
        }

        return false;
}
