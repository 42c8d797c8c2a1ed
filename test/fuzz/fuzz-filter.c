/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Any bytes as a network filter, or as a binding to one that uses every variable. What is accepted stays the same when
 * it is read again, and makes commands for nft in which each value is where it belongs: no command but those that are
 * meant begins a line. */

#include "base/strings.h"
#include "filter/ruleset.h"
#include "model/kind.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define BINDING                                                                                              \
        "<filterbinding><owner><name>g</name><uuid>11111111-1111-1111-1111-111111111111</uuid></owner>"      \
        "<portdev name='vnet0'/><mac address='52:54:00:00:00:01'/><filterref filter='%s'>"                   \
        "<parameter name='IP' value='10.0.0.1'/><parameter name='A' value='1'/><parameter name='A' value='2'/>" \
        "<parameter name='B' value='10.0.0.2'/></filterref></filterbinding>"
#define ALL_VARIABLES                                                                                        \
        "<filter name='x'><rule action='drop' direction='inout'><ip srcipaddr='$IP' srcportstart='$A'/>"      \
        "</rule></filter>"

static const Definition *find(void *userdata, const char *name, Error *e) {
        const Definition *d = userdata;

        if (definition_kind(d) == &document_filter && streq(definition_name(d), name))
                return d;
        error_set(e, -ENOENT, ERROR_NO_NWFILTER, ORIGIN_NWFILTER, "referenced filter '%s' is missing", name);
        return NULL;
}

static Definition *canonical(const char *text, size_t size, char **ret_text) {
        _cleanup_definition_ Definition *d = NULL;
        _cleanup_error_ Error e = ERROR_INIT;
        int r;

        r = definition_parse_as(NULL, text, size, NULL, 0, &d, &e);
        if (r >= 0 && definition_kind(d) != &document_filter && definition_kind(d) != &document_filterbinding)
                return NULL;
        if (r >= 0)
                r = definition_normalise(d, NULL, &e);
        if (r >= 0)
                r = definition_format(d, 0, ret_text);
        if (r < 0 && r != -ENOMEM && !error_is_set(&e))
                abort();
        return r < 0 ? NULL : TAKE_PTR(d);
}

static void look_at_rules(const char *rules) {
        for (const char *line = rules; *line; line = strchr(line, '\n') + 1)
                if (!startswith(line, "add rule bridge ") && !startswith(line, "add chain bridge ") &&
                    !startswith(line, "add set bridge ") && !startswith(line, "add element bridge "))
                        abort();
        if (strchr(rules, ';') && !strstr(rules, "add set"))
                abort();
}

static void make_rules(const Definition *filter, const Definition *binding) {
        const FilterSource source = { find, (void *) filter };
        _cleanup_free_ char *rules = NULL, *change = NULL;
        _cleanup_error_ Error e = ERROR_INIT;
        int r = filter_ruleset(binding, &source, &rules, &e);

        if (r < 0 && r != -ENOMEM && !error_is_set(&e))
                abort();
        if (r >= 0)
                look_at_rules(rules);
        if (r >= 0)
                (void) filter_ruleset_change(rules, NULL, &change);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        _cleanup_free_ char *once = NULL, *twice = NULL, *other_text = NULL, *text = NULL;
        _cleanup_definition_ Definition *d = canonical((const char *) data, size, &once), *again = NULL, *other = NULL;
        bool is_filter = d && definition_kind(d) == &document_filter;

        if (!d)
                return 0;
        again = canonical(once, strlen(once), &twice);
        if (!again || !streq(once, twice))
                abort();
        /* the name comes into an attribute unescaped */
        if (is_filter && strpbrk(definition_name(d), "<>&'\""))
                return 0;
        text = is_filter ? text_format(BINDING, definition_name(d)) : strdup(ALL_VARIABLES);
        other = text ? canonical(text, strlen(text), &other_text) : NULL;
        if (other)
                make_rules(is_filter ? d : other, is_filter ? other : d);
        return 0;
}
