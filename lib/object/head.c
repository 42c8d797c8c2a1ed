/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Thousands of definitions are listed when the supervisor starts. An XML parser costs 50 microseconds for each; this
 * costs one, and gives up at the first thing that is not as it expects. It never says yes to a text whose name or
 * uuid a parser would read differently. */

#include "base/strings.h"
#include "object/store.h"

typedef struct Cursor {
        const char *at, *end;
} Cursor;

static bool take(Cursor *c, const char *word) {
        size_t n = strlen(word);

        if ((size_t) (c->end - c->at) < n || memcmp(c->at, word, n) != 0)
                return false;
        c->at += n;
        return true;
}

static bool skip_past(Cursor *c, const char *word) {
        const char *p = memmem(c->at, (size_t) (c->end - c->at), word, strlen(word));

        if (!p)
                return false;
        c->at = p + strlen(word);
        return true;
}

static void skip_blanks(Cursor *c) {
        while (c->at < c->end && strchr(" \t\r\n", *c->at) && *c->at)
                c->at++;
}

/* Blanks and comments. Two hyphens within a comment are no XML: "-->" must be the first place of "--". */
static bool skip_between(Cursor *c) {
        for (;;) {
                skip_blanks(c);
                if (!take(c, "<!--"))
                        return true;
                if (!skip_past(c, "--") || !take(c, ">"))
                        return false;
        }
}

/* The rest of a start tag, up to and with ">". False for an empty element. */
static bool skip_attributes(Cursor *c) {
        while (c->at < c->end) {
                char quote = *c->at++;

                if (quote == '>')
                        return true;
                if (quote == '/' || quote == '<')
                        return false;
                if (quote == '\'' || quote == '"') {
                        const char *p = memchr(c->at, quote, (size_t) (c->end - c->at));

                        if (!p)
                                return false;
                        c->at = p + 1;
                }
        }
        return false;
}

/* Text without entities or markup, up to the end tag, which is taken too. */
static bool take_text(Cursor *c, const char *end_tag, const char **ret, size_t *ret_len) {
        const char *begin = c->at;

        while (c->at < c->end && *c->at != '<') {
                unsigned char ch = (unsigned char) *c->at;

                if (ch == '&' || ch < ' ')
                        return false;
                c->at++;
        }
        *ret = begin;
        *ret_len = (size_t) (c->at - begin);
        return *ret_len > 0 && take(c, end_tag);
}

/* "<ROOT" at the beginning of the document, behind what may come before it. */
static bool take_root(Cursor *c, const char *root) {
        return skip_between(c) && take(c, "<") && take(c, root) && c->at < c->end && strchr(" \t\r\n>", *c->at);
}

static bool take_uuid(Cursor *c, uint8_t ret[16]) {
        const char *uuid;
        char buffer[64];
        size_t len;

        if (!take(c, "<uuid>") || !take_text(c, "</uuid>", &uuid, &len) || len >= sizeof(buffer))
                return false;
        memcpy(buffer, uuid, len);
        buffer[len] = 0;
        return uuid_parse(buffer, ret) >= 0;
}

/* Another encoding would give the bytes another meaning. */
static bool take_declaration(Cursor *c) {
        const char *p;

        skip_blanks(c);
        if (!take(c, "<?xml "))
                return true;
        p = memmem(c->at, (size_t) (c->end - c->at), "?>", 2);
        if (!p || memmem(c->at, (size_t) (p - c->at), "encoding", 8))
                return false;
        c->at = p + 2;
        return true;
}

bool peek_identity(const char *root, bool has_name, const char *text, size_t len, char **ret_name,
                   uint8_t ret_uuid[16]) {
        Cursor c = { text, text + len };
        const char *name = NULL;
        size_t name_len = 0;

        if (!take_declaration(&c) || !take_root(&c, root) || !skip_attributes(&c) || !skip_between(&c))
                return false;
        if (has_name && (!take(&c, "<name>") || !take_text(&c, "</name>", &name, &name_len) || !skip_between(&c)))
                return false;
        if (!take_uuid(&c, ret_uuid))
                return false;
        *ret_name = name ? strndup(name, name_len) : NULL;
        return *ret_name || !has_name;
}

int peek_id(const char *root, const char *text, size_t len) {
        Cursor c = { text, text + len };
        unsigned id = 0;
        const char *end;

        skip_blanks(&c);
        if (take(&c, "<?xml ") && !skip_past(&c, "?>"))
                return -1;
        if (!take_root(&c, root))
                return -1;
        end = memchr(c.at, '>', (size_t) (c.end - c.at));
        if (!end)
                return -1;
        c.end = end;
        if (!skip_past(&c, " id=") || c.at + 2 >= c.end)
                return -1;
        for (c.at++; c.at < c.end && *c.at >= '0' && *c.at <= '9' && id < 100000000; c.at++)
                id = id * 10 + (unsigned) (*c.at - '0');
        return c.at < c.end && (*c.at == '\'' || *c.at == '"') ? (int) id : -1;
}
