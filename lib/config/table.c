/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* From parsed settings to a struct, by a table of keys. */

#include <inttypes.h>
#include <sys/stat.h>

#include "base/strings.h"
#include "config/table.h"

static void *field(const ConfKey *key, void *object) {
        return (char *) object + key->offset;
}

static bool word_allowed(const char *words, const char *s) {
        size_t n = strlen(s);

        if (n == 0)
                return false; /* it would be found everywhere, behind the end too */
        for (const char *p = words; (p = strstr(p, s)); p += n)
                if ((p == words || p[-1] == ' ') && (p[n] == ' ' || p[n] == '\0'))
                        return true;
        return false;
}

/* "2MiB", "512 KiB", "1000": the units of libvirt's sizes. */
static int parse_size(const char *s, uint64_t *ret) {
        static const struct {
                const char *suffix;
                uint64_t factor;
        } units[] = {
                { "", 1 },
                { "b", 1 },
                { "KiB", 1ULL << 10 }, { "K", 1ULL << 10 }, { "KB", 1000 },
                { "MiB", 1ULL << 20 }, { "M", 1ULL << 20 }, { "MB", 1000000 },
                { "GiB", 1ULL << 30 }, { "G", 1ULL << 30 }, { "GB", 1000000000 },
        };
        char *end;
        uint64_t n;

        if (*s < '0' || *s > '9')
                return -EINVAL;
        errno = 0;
        n = strtoull(s, &end, 10);
        if (errno)
                return -ERANGE;
        while (*end == ' ')
                end++;
        for (size_t i = 0; i < ELEMENTSOF(units); i++)
                if (strcasecmp(end, units[i].suffix) == 0)
                        return __builtin_mul_overflow(n, units[i].factor, ret) ? -ERANGE : 0;
        return -EINVAL;
}

/* Each of the set_ functions: 0, -ENOMEM, or -EINVAL with *why. */
static int set_number(const ConfKey *key, int64_t value, void *p, const char **why) {
        int64_t min = key->type == CONF_INT ? INT32_MIN : 0;
        int64_t max = key->type == CONF_INT ? INT32_MAX : key->type == CONF_BOOL ? 1 : UINT32_MAX;

        if (key->type == CONF_SIZE || key->type == CONF_LIMIT)
                max = INT64_MAX;
        if (key->max > key->min) {
                min = key->min;
                max = key->max;
        }
        if (value < min || value > max) {
                *why = key->type == CONF_BOOL ? "must be 0 or 1" : "number out of range";
                return -EINVAL;
        }
        switch (key->type) {
        case CONF_BOOL:
                *(bool *) p = value;
                return 0;
        case CONF_INT:
                *(int *) p = (int) value;
                return 0;
        case CONF_UINT:
                *(unsigned *) p = (unsigned) value;
                return 0;
        case CONF_SIZE:
        case CONF_LIMIT:
                *(uint64_t *) p = (uint64_t) value;
                return 0;
        default:
                *why = "expected a quoted string, found a number";
                return -EINVAL;
        }
}

static int set_mode(const char *text, mode_t *ret, const char **why) {
        uint64_t mode;

        if (parse_u64(text, 8, &mode) < 0 || mode > 0777) {
                *why = "expected file permissions as octal digits, like \"0770\"";
                return -EINVAL;
        }
        *ret = (mode_t) mode;
        return 0;
}

static int check_port(const char *text, const char **why) {
        unsigned port;
        size_t n = strlen(text);

        if (parse_uint(text, &port) >= 0 && port >= 1 && port <= 65535)
                return 0;
        /* A name of services(5). */
        if (n > 0 && n <= 15 && text[0] >= 'a' && text[0] <= 'z' &&
            strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789-") == n)
                return 0;
        *why = "expected a port from 1 to 65535";
        return -EINVAL;
}

static int set_owned(const char *text, char **p) {
        char *copy = strdup(text);

        if (!copy)
                return -ENOMEM;
        free(*p);
        *p = copy;
        return 0;
}

static int set_list(char *const *list, char ***p) {
        _cleanup_strv_ char **copy = NULL;
        int r;

        for (; list && *list; list++) {
                r = strv_add(&copy, *list);
                if (r < 0)
                        return r;
        }
        if (!copy) {
                copy = calloc(1, sizeof(*copy)); /* an empty list is not the same as none */
                if (!copy)
                        return -ENOMEM;
        }
        strv_free(*p);
        *p = TAKE_PTR(copy);
        return 0;
}

static int set_text(const ConfKey *key, const char *text, void *p, const char **why) {
        char *one[] = { (char *) text, NULL };

        if (key->allowed && !word_allowed(key->allowed, text)) {
                *why = "not one of the known words";
                return -EINVAL;
        }
        switch (key->type) {
        case CONF_STRING:
                return set_owned(text, p);
        case CONF_PORT:
                return check_port(text, why) < 0 ? -EINVAL : set_owned(text, p);
        case CONF_LIST:
                return set_list(one, p);
        case CONF_MODE:
                return set_mode(text, p, why);
        case CONF_SIZE:
                if (parse_size(text, p) >= 0)
                        return 0;
                *why = "expected a size in bytes, or with a unit like \"2MiB\"";
                return -EINVAL;
        case CONF_LIMIT:
                if (streq(text, "unlimited")) {
                        *(uint64_t *) p = CONF_UNLIMITED;
                        return 0;
                }
                *why = "expected a number or \"unlimited\"";
                return -EINVAL;
        default:
                *why = "expected a number, found a string";
                return -EINVAL;
        }
}

static int set_entry(const ConfKey *key, const ConfEntry *entry, void *p, const char **why) {
        switch (entry->type) {
        case CONF_VALUE_INT:
                return set_number(key, entry->number, p, why);
        case CONF_VALUE_STRING:
                return set_text(key, entry->text, p, why);
        case CONF_VALUE_LIST:
                if (key->type == CONF_LIST)
                        return set_list(entry->list, p);
                *why = "expected a single value, found a list";
                return -EINVAL;
        }
        return -EINVAL;
}

static int set_fallback(const ConfKey *key, void *p) {
        const char *why;
        int64_t number;

        if (!key->fallback)
                return 0;
        switch (key->type) {
        case CONF_BOOL:
        case CONF_INT:
        case CONF_UINT:
        case CONF_SIZE:
        case CONF_LIMIT:
                number = strtoll(key->fallback, NULL, 10);
                return set_number(key, number, p, &why);
        default:
                return set_text(key, key->fallback, p, &why);
        }
}

int conf_table_init(const ConfKey *table, size_t n, void *object) {
        int r;

        for (size_t i = 0; i < n; i++) {
                if (table[i].offset == CONF_NOWHERE)
                        continue;
                r = set_fallback(&table[i], field(&table[i], object));
                if (r < 0)
                        return r;
        }
        return 0;
}

static const ConfKey *find_key(const ConfKey *table, size_t n, unsigned groups, const char *name) {
        for (size_t i = 0; i < n; i++)
                if ((table[i].groups & groups) && streq(table[i].name, name))
                        return &table[i];
        return NULL;
}

/* Room for a value of any type, to check those that go nowhere. */
typedef union AnyValue {
        bool flag;
        int number;
        uint64_t size;
        char *text;
        char **list;
        mode_t mode;
} AnyValue;

static int check_entry(const ConfKey *key, const ConfEntry *entry, const char **why) {
        AnyValue value = {};
        int r;

        r = set_entry(key, entry, &value, why);
        if (r >= 0 && (key->type == CONF_STRING || key->type == CONF_PORT))
                free(value.text);
        else if (r >= 0 && key->type == CONF_LIST)
                strv_free(value.list);
        return r;
}

static int warn(char ***warnings, const Conf *c, const ConfEntry *entry, const char *text, const char *note) {
        if (!warnings)
                return 0;
        return strv_addf(warnings, "%s:%u: %s: %s%s%s", c->origin, entry->line, entry->key, text, note ? ": " : "",
                         note ?: "");
}

bool conf_key_asks(const ConfKey *key, const ConfEntry *entry) {
        switch (entry->type) {
        case CONF_VALUE_INT:
                return entry->number != 0;
        case CONF_VALUE_STRING:
                return *entry->text && !(key->harmless && word_allowed(key->harmless, entry->text));
        case CONF_VALUE_LIST:
                return entry->list;
        }
        return true;
}

int conf_table_apply(const ConfKey *table, size_t n, unsigned groups, const Conf *c, void *object,
                     char ***warnings, Error *e) {
        int r;

        for (size_t i = 0; i < c->n_entries; i++) {
                const ConfEntry *entry = &c->entries[i];
                const ConfKey *key = find_key(table, n, groups, entry->key);
                const char *why = NULL;

                if (!key) {
                        r = warn(warnings, c, entry, "unknown key, ignoring", NULL);
                        if (r < 0)
                                return r;
                        continue;
                }
                if (key->offset == CONF_NOWHERE) {
                        r = check_entry(key, entry, &why);
                        if (r >= 0 && !key->refused)
                                r = warn(warnings, c, entry,
                                         key->note ? "has no effect" : "has no effect in Unitvirt, ignoring",
                                         key->note);
                } else
                        r = set_entry(key, entry, field(key, object), &why);
                if (r < 0 && why)
                        return error_set(e, -EINVAL, ERROR_CONF_SYNTAX, ORIGIN_CONF, "%s:%u: %s: %s%s%s%s",
                                         c->origin, entry->line, entry->key, why, key->allowed ? " (" : "",
                                         key->allowed ?: "", key->allowed ? ")" : "");
                if (r < 0)
                        return r;
        }
        return 0;
}

void conf_table_done(const ConfKey *table, size_t n, void *object) {
        for (size_t i = 0; i < n; i++) {
                void *p;

                if (table[i].offset == CONF_NOWHERE)
                        continue;
                p = field(&table[i], object);
                if (table[i].type == CONF_STRING || table[i].type == CONF_PORT) {
                        free(*(char **) p);
                        *(char **) p = NULL;
                } else if (table[i].type == CONF_LIST) {
                        strv_free(*(char ***) p);
                        *(char ***) p = NULL;
                }
        }
}
