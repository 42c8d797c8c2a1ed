/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Values of the schema's types to numbers. */

#include <ctype.h>
#include <inttypes.h>
#include <time.h>

#include "base/strings.h"
#include "model/definition.h"

int utc_time_parse(const char *s, int64_t *ret) {
        struct tm tm = {};
        const char *end = strptime(s, "%Y-%m-%dT%H:%M:%S", &tm);
        time_t t;

        if (!end || *end)
                return -EINVAL;
        t = timegm(&tm);
        if (t < 0)
                return -EINVAL;
        *ret = t;
        return 0;
}

/* Units as libvirt's documents spell them; a letter alone and "iB" are powers of 1024, "B" of 1000. */
static int unit_scale(const char *unit, uint64_t *ret) {
        static const char letters[] = "kmgtpe";
        const char *p;
        uint64_t base, scale = 1;

        if (strcasecmp(unit, "b") == 0 || strcasecmp(unit, "byte") == 0 || strcasecmp(unit, "bytes") == 0) {
                *ret = 1;
                return 0;
        }

        p = strchr(letters, tolower((unsigned char) unit[0]));
        if (!*unit || !p)
                return -EINVAL;
        if (!unit[1] || strcasecmp(unit + 1, "iB") == 0)
                base = 1024;
        else if (strcasecmp(unit + 1, "B") == 0)
                base = 1000;
        else
                return -EINVAL;

        for (ptrdiff_t i = p - letters; i >= 0; i--)
                scale *= base;
        *ret = scale;
        return 0;
}

int size_parse(const char *number, const char *unit, uint64_t default_scale, uint64_t *ret_bytes) {
        uint64_t n, scale = default_scale;
        int r;

        r = parse_u64(number, 10, &n);
        if (r < 0)
                return r;
        if (unit) {
                r = unit_scale(unit, &scale);
                if (r < 0)
                        return r;
        }
        if (__builtin_mul_overflow(n, scale, ret_bytes))
                return -ERANGE;

        return 0;
}

int pci_address_parse(const xmlNode *n, PciAddress *ret) {
        PciAddress a = {};
        struct {
                const char *name;
                unsigned *field, max;
        } fields[] = {
                { "domain", &a.domain, 0xffff },
                { "bus", &a.bus, 0xff },
                { "slot", &a.slot, 0x1f },
                { "function", &a.function, 7 },
        };
        int r;

        if (!xml_attr_is(n, "type", "pci"))
                return -ENOENT;

        for (size_t i = 0; i < ELEMENTSOF(fields); i++) {
                r = xml_attr_uint(n, fields[i].name, fields[i].field);
                if (r < 0 && r != -ENOENT)
                        return r;
                if (*fields[i].field > fields[i].max)
                        return -ERANGE;
        }

        *ret = a;
        return 0;
}

static int cpu_number(const char **s, unsigned max, unsigned *ret) {
        unsigned n = 0;

        if (!isdigit((unsigned char) **s))
                return -EINVAL;
        for (; isdigit((unsigned char) **s); (*s)++) {
                n = n * 10 + (unsigned) (**s - '0');
                if (n >= max)
                        return -ERANGE;
        }

        *ret = n;
        return 0;
}

int cpuset_parse(const char *s, uint64_t *ret, unsigned max) {
        int r;

        memset(ret, 0, (max + 63) / 64 * sizeof(*ret));

        for (;;) {
                unsigned first, last;
                bool negate;

                s += strspn(s, " ");
                negate = *s == '^';
                s += negate;
                r = cpu_number(&s, max, &first);
                if (r < 0)
                        return r;
                last = first;
                if (*s == '-' && !negate) {
                        s++;
                        r = cpu_number(&s, max, &last);
                        if (r < 0)
                                return r;
                }
                if (last < first)
                        return -EINVAL;

                for (unsigned i = first; i <= last; i++)
                        if (negate)
                                ret[i / 64] &= ~(UINT64_C(1) << i % 64);
                        else
                                ret[i / 64] |= UINT64_C(1) << i % 64;

                s += strspn(s, " ");
                if (!*s)
                        return 0;
                if (*s++ != ',')
                        return -EINVAL;
        }
}

bool cpuset_holds(const char *s, unsigned i, unsigned max) {
        uint64_t set[CPUSET_HOLDS_MAX / 64];

        return s && i < max && max <= CPUSET_HOLDS_MAX && cpuset_parse(s, set, max) >= 0 && set[i / 64] >> i % 64 & 1;
}

static bool has_cpu(const uint64_t *cpus, unsigned i, unsigned max) {
        return i < max && cpus[i / 64] >> i % 64 & 1;
}

char *cpuset_format(const uint64_t *cpus, unsigned max) {
        _cleanup_strbuf_ StrBuf b = {};

        for (unsigned i = 0; i < max; i++) {
                unsigned last = i;

                if (!has_cpu(cpus, i, max))
                        continue;
                while (has_cpu(cpus, last + 1, max))
                        last++;
                strbuf_addf(&b, "%s%u", b.len ? "," : "", i);
                if (last > i)
                        strbuf_addf(&b, "-%u", last);
                i = last;
        }

        return strbuf_take(&b);
}
