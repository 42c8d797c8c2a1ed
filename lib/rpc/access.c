/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Fine-grained access: which permissions a call needs, by the rules of its procedure.
 *
 * A rule is "object:permission", or "object:permission:FLAG|FLAG" where it counts only with one of these flags, or
 * "...:!FLAG|FLAG" where it counts only without all of them; ";" is between rules. Rules about the connection are
 * checked before the handler; those about an object by the handler, which knows its name and UUID. */

#include <stdarg.h>

#include "base/strings.h"
#include "rpc/access.h"

#define DETAILS_MAX 32U

/* The flags that rules speak of, by the end of their names, in the words that the calls take. "source" of the interface
 * addresses is a number, of which AGENT is the only odd one. */
static const struct {
        const char *suffix;
        uint32_t bit;
} flags_by_name[] = {
        { "AFFECT_LIVE", 1 },          { "AFFECT_CONFIG", 2 },
        { "CHECKPOINT_CREATE_QUIESCE", 2 }, { "SNAPSHOT_CREATE_QUIESCE", 64 },
        { "REBOOT_GUEST_AGENT", 2 },   { "SHUTDOWN_GUEST_AGENT", 2 },
        { "VCPU_GUEST", 8 },           { "XML_MIGRATABLE", 8 },
        { "XML_SECURE", 1 },           { "ADDRESSES_SRC_AGENT", 1 },
};

static int flag_bit(const char *name, size_t n) {
        for (size_t i = 0; i < ELEMENTSOF(flags_by_name); i++) {
                size_t k = strlen(flags_by_name[i].suffix);

                if (n >= k && memcmp(name + n - k, flags_by_name[i].suffix, k) == 0)
                        return (int) flags_by_name[i].bit;
        }
        return -EINVAL;
}

/* "domain:write::source:FLAG" names the argument that holds the flag. */
static const char *condition_of(const char *rule, size_t len) {
        const char *p = memchr(rule, ':', len);

        p = p ? memchr(p + 1, ':', len - (size_t) (p + 1 - rule)) : NULL;
        if (!p)
                return NULL;
        if (p[1] == ':')
                p = memchr(p + 2, ':', len - (size_t) (p + 2 - rule));
        return p ? p + 1 : NULL;
}

int access_rule_applies(const char *rule, size_t len, uint32_t flags) {
        const char *p = condition_of(rule, len), *end = rule + len;
        uint32_t mask = 0;
        bool without;

        if (!p)
                return 1;
        without = *p == '!';
        for (p += without; p < end;) {
                size_t n = strcspn(p, "|;");
                int bit = flag_bit(p, n);

                if (bit < 0)
                        return bit;
                mask |= (uint32_t) bit;
                p += n + 1;
        }
        return without ? !(flags & mask) : !!(flags & mask);
}

static bool is_about_connection(const char *rule) {
        return startswith(rule, "connect:");
}

static const char *next_rule(const char *rule, size_t len) {
        return rule[len] == ';' ? rule + len + 1 : NULL;
}

static int ask(Call *c, const char *rule, size_t len, const char *const *details, Error *e) {
        const char *colon = memchr(rule, ':', len);
        char object[64], permission[64];
        size_t n;
        int r;

        if (!colon)
                return -EINVAL;
        n = strcspn(colon + 1, ":;");
        snprintf(object, sizeof(object), "%.*s", (int) (colon - rule), rule);
        snprintf(permission, sizeof(permission), "%.*s", (int) n, colon + 1);
        r = call_connection(c)->ops->access(call_connection(c), object, permission, details, e);
        if (r == 0)
                return error_set(e, -EACCES, ERROR_ACCESS_DENIED, ORIGIN_ACCESS,
                                 "%s needs the permission '%s' of the %s", call_procedure(c)->api ?: "this call",
                                 permission, object);
        return r;
}

/* All rules that count, of the connection or of objects. */
static int check(Call *c, bool connection, uint32_t flags, const char *const *details, Error *e) {
        size_t len;

        for (const char *rule = call_procedure(c)->acl; rule; rule = next_rule(rule, len)) {
                int r;

                len = strcspn(rule, ";");
                if (is_about_connection(rule) != connection)
                        continue;
                r = access_rule_applies(rule, len, flags);
                /* A condition that nobody knows counts: better one question too many. */
                if (r == 0)
                        continue;
                r = ask(c, rule, len, details, e);
                if (r < 0)
                        return r;
        }
        return 0;
}

static bool is_on(const Call *c) {
        return call_connection(c)->controlled;
}

bool call_needs_check(const Call *c) {
        size_t len;

        if (!is_on(c))
                return false;
        for (const char *rule = call_procedure(c)->acl; rule; rule = next_rule(rule, len)) {
                len = strcspn(rule, ";");
                if (!is_about_connection(rule))
                        return true;
        }
        return false;
}

int call_check_connect(Call *c, Error *e) {
        return is_on(c) ? check(c, true, 0, (const char *const[]) { NULL }, e) : 0;
}

static void collect_details(const char *details[DETAILS_MAX + 1], va_list ap) {
        unsigned n = 0;
        const char *s;

        while (n < DETAILS_MAX && (s = va_arg(ap, const char *)))
                details[n++] = s;
        details[n] = NULL;
}

int call_check_access_to(Call *c, uint32_t flags, const char *const *details, Error *e) {
        call_set_checked(c);
        return is_on(c) ? check(c, false, flags, details, e) : 0;
}

int call_check_access(Call *c, uint32_t flags, Error *e, ...) {
        const char *details[DETAILS_MAX + 1];
        va_list ap;

        va_start(ap, e);
        collect_details(details, ap);
        va_end(ap);
        return call_check_access_to(c, flags, details, e);
}

int call_filter_access_to(Call *c, const char *const *details) {
        const char *filter = call_procedure(c)->filter;
        _cleanup_error_ Error e = ERROR_INIT;

        if (!is_on(c) || !filter)
                return 1;
        return ask(c, filter, strlen(filter), details, &e) > 0;
}

bool call_has_access_rules(const Call *c) {
        return is_on(c);
}

int call_filter_access(Call *c, ...) {
        const char *details[DETAILS_MAX + 1];
        va_list ap;

        va_start(ap, c);
        collect_details(details, ap);
        va_end(ap);
        return call_filter_access_to(c, details);
}
