/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* libvirt's configuration format, read by a scanner that knows its line. */

#include "base/fs.h"
#include "base/strings.h"
#include "config/conf.h"

typedef struct Scanner {
        const char *p;
        const char *end;
        unsigned line;
        const char *origin;
        Error *error;
} Scanner;

static int scanner_fail(Scanner *s, const char *what) {
        return error_set(s->error, -EBADMSG, ERROR_CONF_SYNTAX, ORIGIN_CONF, "%s:%u: %s", s->origin, s->line, what);
}

static bool at_end(const Scanner *s) {
        return s->p >= s->end;
}

static void skip_blanks(Scanner *s) {
        while (!at_end(s) && (*s->p == ' ' || *s->p == '\t' || *s->p == '\r'))
                s->p++;
}

/* Skips empty lines and comments as well. */
static void skip_space(Scanner *s) {
        for (;;) {
                skip_blanks(s);
                if (at_end(s))
                        return;
                if (*s->p == '#')
                        /* most of a file as it is shipped */
                        s->p = memchr(s->p, '\n', (size_t) (s->end - s->p)) ?: s->end;
                else if (*s->p == '\n') {
                        s->line++;
                        s->p++;
                } else
                        return;
        }
}

static bool is_key_char(char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-' ||
               c == '.';
}

static int scan_key(Scanner *s, char **ret) {
        const char *start = s->p;

        while (!at_end(s) && is_key_char(*s->p))
                s->p++;
        if (s->p == start || (*start >= '0' && *start <= '9'))
                return scanner_fail(s, "expected the name of a key");
        *ret = strndup(start, (size_t) (s->p - start));
        return *ret ? 0 : -ENOMEM;
}

static int scan_number(Scanner *s, int64_t *ret) {
        char text[24];
        size_t n = 0;
        char *end;

        while (s->p + n < s->end && (is_key_char(s->p[n]) || (n == 0 && s->p[n] == '+')))
                n++;
        if (n == 0 || n >= sizeof(text))
                return scanner_fail(s, "expected a number, a quoted string or a list");
        memcpy(text, s->p, n);
        text[n] = '\0';
        errno = 0;
        *ret = strtoll(text, &end, 10);
        if (*end)
                return scanner_fail(s, "expected a number, a quoted string or a list (strings need quotes)");
        if (errno)
                return scanner_fail(s, "number is too large");
        s->p += n;
        return 0;
}

static int scan_string(Scanner *s, char **ret) {
        const char *close;
        char quote = *s->p;
        bool lines = s->end - s->p >= 3 && quote == '"' && s->p[1] == '"' && s->p[2] == '"';
        const char *start = s->p + (lines ? 3 : 1);
        size_t n;

        if (lines)
                close = memmem(start, (size_t) (s->end - start), "\"\"\"", 3);
        else {
                const char *eol = memchr(start, '\n', (size_t) (s->end - start)) ?: s->end;

                close = memchr(start, quote, (size_t) (eol - start));
        }
        if (!close)
                return scanner_fail(s, "string without an end");
        n = (size_t) (close - start);
        if (memchr(start, '\0', n))
                return scanner_fail(s, "NUL character in a string");
        for (const char *c = start; c < close; c++)
                s->line += *c == '\n';
        *ret = strndup(start, n);
        if (!*ret)
                return -ENOMEM;
        s->p = close + (lines ? 3 : 1);
        return 0;
}

static bool at_quote(const Scanner *s) {
        return !at_end(s) && (*s->p == '"' || *s->p == '\'');
}

/* An element of a list: strings, and numbers, which are kept as their digits. */
static int scan_element(Scanner *s, char ***list) {
        char *text = NULL;
        int64_t number;
        int r;

        if (at_quote(s)) {
                r = scan_string(s, &text);
                if (r < 0)
                        return r;
                return strv_consume(list, text);
        }
        r = scan_number(s, &number);
        if (r < 0)
                return r;
        return strv_addf(list, "%lld", (long long) number);
}

static int scan_list(Scanner *s, char ***ret) {
        _cleanup_strv_ char **list = NULL;
        int r;

        s->p++;
        for (size_t n = 0;; n++) {
                skip_space(s);
                if (at_end(s))
                        return scanner_fail(s, "list without an end, expected ']'");
                if (*s->p == ']')
                        break;
                if (n >= CONF_LIST_MAX)
                        return scanner_fail(s, "list is too long");
                r = scan_element(s, &list);
                if (r < 0)
                        return r;
                skip_space(s);
                if (at_end(s) || (*s->p != ',' && *s->p != ']'))
                        return scanner_fail(s, "expected ',' or ']' in a list");
                if (*s->p == ',')
                        s->p++;
        }
        s->p++;
        *ret = TAKE_PTR(list);
        return 0;
}

static int scan_value(Scanner *s, ConfEntry *entry) {
        if (at_end(s) || *s->p == '\n' || *s->p == '#')
                return scanner_fail(s, "expected a value");
        if (at_quote(s)) {
                entry->type = CONF_VALUE_STRING;
                return scan_string(s, &entry->text);
        }
        if (*s->p == '[') {
                entry->type = CONF_VALUE_LIST;
                return scan_list(s, &entry->list);
        }
        entry->type = CONF_VALUE_INT;
        return scan_number(s, &entry->number);
}

static int scan_entry(Scanner *s, ConfEntry *entry) {
        int r;

        entry->line = s->line;
        r = scan_key(s, &entry->key);
        if (r < 0)
                return r;
        skip_blanks(s);
        if (at_end(s) || *s->p != '=')
                return scanner_fail(s, "expected '=' behind the key");
        s->p++;
        skip_blanks(s);
        r = scan_value(s, entry);
        if (r < 0)
                return r;
        skip_blanks(s);
        if (!at_end(s) && *s->p != '\n' && *s->p != '#')
                return scanner_fail(s, "unexpected text behind the value");
        return 0;
}

int conf_parse(const char *text, size_t len, const char *origin, Conf **ret, Error *e) {
        _cleanup_(conf_freep) Conf *c = calloc(1, sizeof(*c));
        Scanner s = { .p = text, .end = text + len, .line = 1, .origin = origin, .error = e };
        int r;

        if (!c)
                return -ENOMEM;
        c->origin = strdup(origin);
        if (!c->origin)
                return -ENOMEM;
        for (skip_space(&s); !at_end(&s); skip_space(&s)) {
                ConfEntry *entries;

                if (c->n_entries >= CONF_KEYS_MAX)
                        return scanner_fail(&s, "too many settings");
                entries = reallocarray(c->entries, c->n_entries + 1, sizeof(*entries));
                if (!entries)
                        return -ENOMEM;
                c->entries = entries;
                entries[c->n_entries] = (ConfEntry) {};
                r = scan_entry(&s, &entries[c->n_entries++]);
                if (r < 0)
                        return r;
        }
        *ret = TAKE_PTR(c);
        return 0;
}

int conf_load(const char *path, Conf **ret, Error *e) {
        _cleanup_free_ char *text = NULL;
        size_t len;
        int r;

        r = file_read(path, CONF_FILE_MAX, &text, &len);
        if (r == -ENOENT)
                return r;
        if (r < 0)
                return error_set_errno(e, r, ORIGIN_CONF, "cannot read %s", path);
        return conf_parse(text, len, path, ret, e);
}

Conf *conf_free(Conf *c) {
        if (!c)
                return NULL;
        for (size_t i = 0; i < c->n_entries; i++) {
                free(c->entries[i].key);
                free(c->entries[i].text);
                strv_free(c->entries[i].list);
        }
        free(c->entries);
        free(c->origin);
        free(c);
        return NULL;
}

const ConfEntry *conf_find(const Conf *c, const char *key) {
        for (size_t i = c->n_entries; i > 0; i--)
                if (streq(c->entries[i - 1].key, key))
                        return &c->entries[i - 1];
        return NULL;
}
