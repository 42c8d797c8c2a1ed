/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <inttypes.h>

#include "base/guest-files.h"
#include "base/instance.h"
#include "base/strings.h"
#include "plan/names.h"

#define UNIT_NAME_MAX 255U    /* systemd's UNIT_NAME_MAX without the NUL */
#define USER_NAME_MAX 31U     /* what utmp and so systemd take */
#define MACHINE_NAME_MAX 64U  /* HOST_NAME_MAX: machined wants a host name */

static bool is_alnum(char c) {
        return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

int unit_name_escape(const char *name, char **ret) {
        _cleanup_strbuf_ StrBuf b = {};
        char *s;

        for (const char *p = name; *p; p++)
                if (*p == '/')
                        strbuf_addc(&b, '-');
                else if (is_alnum(*p) || *p == ':' || *p == '_' || (*p == '.' && p != name))
                        strbuf_addc(&b, *p);
                else
                        strbuf_addf(&b, "\\x%02x", (unsigned char) *p);
        s = strbuf_take(&b);
        if (!s)
                return -ENOMEM;
        *ret = s;
        return 0;
}

int unit_name_unescape(const char *escaped, char **ret) {
        _cleanup_strbuf_ StrBuf b = {};
        char *s;

        for (const char *p = escaped; *p; p++) {
                int high, low;

                if (*p == '-') {
                        strbuf_addc(&b, '/');
                        continue;
                }
                if (*p != '\\') {
                        strbuf_addc(&b, *p);
                        continue;
                }
                if (p[1] != 'x')
                        return -EINVAL;
                high = hex_digit(p[2]);
                low = high < 0 ? -EINVAL : hex_digit(p[3]);
                if (low < 0 || (high == 0 && low == 0))
                        return -EINVAL;
                strbuf_addc(&b, (char) (high << 4 | low));
                p += 3;
        }
        s = strbuf_take(&b);
        if (!s)
                return -ENOMEM;
        *ret = s;
        return 0;
}

/* As much of the name as fits before the hash, in whole characters: what looks like the name is no half of one. */
static int shorten(const char *name, size_t max, char **ret) {
        _cleanup_free_ char *begin = strdup(name), *escaped = NULL;
        size_t n = strlen(name);
        char *s;
        int r;

        if (!begin)
                return -ENOMEM;
        for (;;) {
                r = unit_name_escape(begin, &escaped);
                if (r < 0)
                        return r;
                if (strlen(escaped) + 17 <= max)
                        break;
                free(TAKE_PTR(escaped));
                do
                        begin[--n] = 0;
                while (n > 0 && ((unsigned char) name[n] & 0xc0) == 0x80);
        }
        s = text_format("%s-%016" PRIx64, escaped, name_hash(name));
        if (!s)
                return -ENOMEM;
        *ret = s;
        return 0;
}

int unit_instance(const UnitKind *kind, const char *name, char **ret) {
        size_t max = kind->name_max - strlen(kind->prefix) - strlen(kind->suffix);
        _cleanup_free_ char *escaped = NULL;
        int r;

        if (!*name || strchr(name, '/'))
                return -EINVAL;
        r = unit_name_escape(name, &escaped);
        if (r < 0)
                return r;
        if (strlen(escaped) > max)
                return shorten(name, max, ret);
        *ret = TAKE_PTR(escaped);
        return 0;
}

int unit_name_for(const UnitKind *kind, const char *name, char **ret) {
        _cleanup_free_ char *instance = NULL;
        char *unit;
        int r;

        r = unit_instance(kind, name, &instance);
        if (r < 0)
                return r;
        unit = text_format("%s%s%s", kind->prefix, instance, kind->suffix);
        if (!unit)
                return -ENOMEM;
        *ret = unit;
        return 0;
}

int unit_name_for_guest(const char *name, char **ret) {
        return unit_name_for(&unit_guest, name, ret);
}

int unit_name_for_device(const char *path, char **ret) {
        _cleanup_free_ char *escaped = NULL, *plain = NULL;
        _cleanup_strbuf_ StrBuf b = {};
        int r;

        /* without the slash at the beginning, and one where there are several */
        for (const char *p = path; *(p += strspn(p, "/")); p += strcspn(p, "/")) {
                if (b.len > 0)
                        strbuf_addc(&b, '/');
                strbuf_addn(&b, p, strcspn(p, "/"));
        }
        plain = strbuf_take(&b);
        if (!plain)
                return -ENOMEM;
        r = unit_name_escape(plain, &escaped);
        if (r < 0)
                return r;
        *ret = text_format("%s.device", escaped);
        return *ret ? 0 : -ENOMEM;
}

int unit_name_refuse(const char *name, int r, Error *e) {
        return error_set_errno(e, r, ORIGIN_DOMAIN, "'%s' cannot be the name of a unit", name);
}

int instance_from_unit(const UnitKind *kind, const char *unit, char **ret) {
        const char *instance = startswith(unit, kind->prefix), *end;
        _cleanup_free_ char *escaped = NULL;

        end = instance ? endswith(instance, kind->suffix) : NULL;
        if (!end || end == instance)
                return -EINVAL;
        escaped = strndup(instance, (size_t) (end - instance));
        if (!escaped)
                return -ENOMEM;
        return unit_name_unescape(escaped, ret);
}

int guest_name_from_unit(const char *unit, char **ret) {
        _cleanup_free_ char *instance = NULL;
        int r;

        r = instance_from_unit(&unit_guest, unit, &instance);
        return r < 0 ? r : guest_of_instance(instance, ret);
}

static bool is_user_name(const char *s) {
        size_t n = strlen(s);

        if (n == 0 || n > USER_NAME_MAX)
                return false;
        for (; *s; s++)
                if (!is_alnum(*s) && *s != '_' && *s != '-')
                        return false;
        return true;
}

/* A guest may be called like another one's hash; it gets a hash too. */
static bool looks_like_hash(const char *name) {
        return strlen(name) == 16 && strspn(name, "0123456789abcdef") == 16;
}

int user_name_for_guest(const char *name, char **ret) {
        _cleanup_free_ char *user = NULL;

        user = text_format("vm-%s", name);
        if (!user)
                return -ENOMEM;
        if (!is_user_name(user) || looks_like_hash(name)) {
                free(user);
                user = text_format("vm-%016" PRIx64, name_hash(name));
                if (!user)
                        return -ENOMEM;
        }
        *ret = TAKE_PTR(user);
        return 0;
}

int user_name_for_helper(const UnitKind *kind, const char *unit, char **ret) {
        const char *word = startswith(kind->prefix, "vm-") ?: kind->prefix;
        char *user = text_format("%.*s-%016" PRIx64, (int) strcspn(word, "@"), word, name_hash(unit));

        if (!user)
                return -ENOMEM;
        *ret = user;
        return 0;
}

/* Labels of letters, digits and inner hyphens, divided by single dots. */
static bool is_machine_name(const char *s) {
        char before = '.';

        if (!*s || strlen(s) > MACHINE_NAME_MAX)
                return false;
        for (; *s; before = *s++) {
                if (*s == '.' && !is_alnum(before))
                        return false;
                if (*s == '-' && before == '.')
                        return false;
                if (*s != '.' && *s != '-' && !is_alnum(*s))
                        return false;
        }
        return is_alnum(before);
}

int machine_name_for_guest(const char *name, char **ret) {
        _cleanup_free_ char *machine = strdup(name), *mapped = NULL;
        char *start;

        if (!machine)
                return -ENOMEM;
        if (is_machine_name(name)) {
                *ret = TAKE_PTR(machine);
                return 0;
        }
        for (char *p = machine; *p; p++)
                if (!is_alnum(*p))
                        *p = '-';
        start = machine + strspn(machine, "-");
        start[MIN(strlen(start), MACHINE_NAME_MAX - 9U)] = 0;
        mapped = text_format("%s%s%08" PRIx32, start, *start ? "-" : "vm-", (uint32_t) name_hash(name));
        if (!mapped)
                return -ENOMEM;
        *ret = TAKE_PTR(mapped);
        return 0;
}

/* One component of a slice's name: "-" divides levels there, so a "-" of its own is escaped. */
static void add_slice_component(StrBuf *b, const char *p, size_t n) {
        for (size_t i = 0; i < n; i++)
                if (is_alnum(p[i]) || p[i] == '_' || p[i] == ':' || (p[i] == '.' && i > 0))
                        strbuf_addc(b, p[i]);
                else
                        strbuf_addf(b, "\\x%02x", (unsigned char) p[i]);
}

int slice_name_for_partition(const char *partition, char **ret) {
        _cleanup_strbuf_ StrBuf b = {};
        const char *last = strrchr(partition, '/');
        _cleanup_free_ char *slice = NULL;

        if (*partition != '/')
                return -EINVAL;
        if (endswith(last + 1, ".slice") > last + 1)
                /* systemd's own path, "/machine.slice/machine-web.slice": its last component says all. */
                strbuf_add(&b, last + 1);
        else {
                for (const char *p = partition; *(p += strspn(p, "/")); p += strcspn(p, "/")) {
                        if (b.len > 0)
                                strbuf_addc(&b, '-');
                        add_slice_component(&b, p, strcspn(p, "/"));
                }
                strbuf_add(&b, b.len > 0 ? ".slice" : "-.slice");
        }
        slice = strbuf_take(&b);
        if (!slice)
                return -ENOMEM;
        if (strlen(slice) > UNIT_NAME_MAX)
                return -EINVAL;
        for (const char *p = slice; *p; p++)
                if (!is_alnum(*p) && !strchr("_:.-\\", *p))
                        return -EINVAL;
        *ret = TAKE_PTR(slice);
        return 0;
}
