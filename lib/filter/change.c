/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What is done with commands once they are there: no document is read here. */

#include "filter/change.h"

#include "base/strings.h"

const char *filter_ruleset_base(void) {
#define BASE(name, word, hook, priority)                                                                     \
        "add map bridge " FILTER_TABLE " " name " { type ifname : verdict; }\n"                               \
        "add chain bridge " FILTER_TABLE " " name "-all { type filter hook " hook " priority " priority "; }\n" \
        "flush chain bridge " FILTER_TABLE " " name "-all\n"                                                 \
        "add rule bridge " FILTER_TABLE " " name "-all " word " vmap @" name "\n"
        return "add table bridge " FILTER_TABLE "\n"
               BASE("out", "iifname", "prerouting", "-300")
               BASE("in", "oifname", "postrouting", "-300")
               /* where connections are known */
               BASE("out-ip", "iifname", "prerouting", "0")
               BASE("in-ip", "oifname", "postrouting", "0");
#undef BASE
}

/* --- from one to another --- */

/* What was made by a line of commands: "add chain ..." and the like, in reverse. */
static const struct {
        const char *make, *empty, *take;
} undoings[] = {
        { "add element bridge " FILTER_TABLE " ", NULL, "delete element bridge " FILTER_TABLE " " },
        { "add chain bridge " FILTER_TABLE " ", "flush chain bridge " FILTER_TABLE " ",
          "delete chain bridge " FILTER_TABLE " " },
        { "add set bridge " FILTER_TABLE " ", NULL, "delete set bridge " FILTER_TABLE " " },
};

typedef void (*LineFunc)(StrBuf *b, const char *line, size_t len, size_t kind, const char *other);

static void for_each_made(StrBuf *b, const char *text, size_t kind, LineFunc f, const char *other) {
        for (const char *line = text; line && *line; line = strchr(line, '\n') ? strchr(line, '\n') + 1 : NULL)
                if (startswith(line, undoings[kind].make))
                        f(b, line, strcspn(line, "\n"), kind, other);
}

static bool has_command(const char *text, const char *line, size_t len) {
        for (; text && *text; text = strchr(text, '\n') ? strchr(text, '\n') + 1 : NULL)
                if (strncmp(text, line, len) == 0 && text[len] == '\n')
                        return true;
        return false;
}

/* What may have gone meanwhile is there again for a moment, so that taking it away cannot fail. */
static void make_again(StrBuf *b, const char *line, size_t len, size_t kind, const char *other) {
        if (!has_command(other, line, len))
                strbuf_addf(b, "%.*s\n", (int) len, line);
}

static void empty(StrBuf *b, const char *line, size_t len, size_t kind, const char *other) {
        size_t skip = strlen(undoings[kind].make);

        strbuf_addf(b, "%s%.*s\n", undoings[kind].empty, (int) (len - skip), line + skip);
}

static void take_away(StrBuf *b, const char *line, size_t len, size_t kind, const char *other) {
        const char *what = line + strlen(undoings[kind].make);
        size_t n = len - (size_t) (what - line);

        if (has_command(other, line, len))
                return;
        if (kind == 2)
                n = strcspn(what, " "); /* a set by its name */
        strbuf_addf(b, "%s%.*s\n", undoings[kind].take, (int) n, what);
}

int filter_ruleset_change(const char *old, const char *new, char **ret) {
        _cleanup_strbuf_ StrBuf b = {};

        strbuf_add(&b, "");
        for (size_t kind = ELEMENTSOF(undoings); kind-- > 0;)
                for_each_made(&b, old, kind, make_again, new);
        for_each_made(&b, new, 1, make_again, NULL);
        for_each_made(&b, old, 0, take_away, new);
        for_each_made(&b, old, 1, empty, NULL);
        for_each_made(&b, new, 1, empty, NULL);
        strbuf_add(&b, new ?: "");
        for_each_made(&b, old, 1, take_away, new);
        for_each_made(&b, old, 2, take_away, new);
        *ret = strbuf_take(&b);
        return *ret ? 0 : -ENOMEM;
}
