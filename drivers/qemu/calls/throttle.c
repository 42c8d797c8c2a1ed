/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "base/strings.h"
#include "calls/throttle.h"
#include "qemu/throttle.h"
#include "rpc/typed-params.h"

#define LIMIT_MAX 1000000000000000ULL

static const uint64_t *given(const Throttle *t, const char *field) {
        const remote_typed_param *p = typed_params_find(t->val, t->len, field);

        return p ? (const uint64_t *) &p->value.remote_typed_param_value_u.ul : NULL;
}

/* Limits of one kind replace those of the same kind that exclude them: all of "bytes" where one is said. */
static int check_totals(const xmlNode *tune, Error *e) {
        static const char *const kinds[] = { "bytes_sec", "iops_sec", "bytes_sec_max", "iops_sec_max" };

        for (size_t i = 0; i < ELEMENTSOF(kinds); i++) {
                char total[40], reads[40], writes[40];

                snprintf(total, sizeof(total), "total_%s", kinds[i]);
                snprintf(reads, sizeof(reads), "read_%s", kinds[i]);
                snprintf(writes, sizeof(writes), "write_%s", kinds[i]);
                if (xml_child(tune, total) && (xml_child(tune, reads) || xml_child(tune, writes)))
                        return error_set(e, -EINVAL, ERROR_INVALID_ARG, ORIGIN_QEMU,
                                         "total and read/write of %s cannot be set at the same time", kinds[i]);
        }
        return 0;
}

/* What is let through for a while is not less than what is let through always. */
static int check_peaks(const xmlNode *tune, Error *e) {
        static const char *const limits[] = { "total_bytes_sec", "read_bytes_sec", "write_bytes_sec",
                                              "total_iops_sec",  "read_iops_sec",  "write_iops_sec" };

        for (size_t i = 0; i < ELEMENTSOF(limits); i++) {
                uint64_t limit = 0, peak = 0;
                char name[40];

                snprintf(name, sizeof(name), "%s_max", limits[i]);
                (void) xml_get_u64(tune, limits[i], &limit);
                (void) xml_get_u64(tune, name, &peak);
                if (peak > 0 && peak < limit)
                        return error_set(e, -EINVAL, ERROR_CONFIG_UNSUPPORTED, ORIGIN_QEMU,
                                         "value '%s' cannot be smaller than '%s'", name, limits[i]);
        }
        return 0;
}

/* Without a word about a pair, what was there of it stays; a total said alone takes its parts away, and the other way
 * round. */
static void make_room(xmlNode *tune, const Throttle *t, const char *field) {
        const char *rest, *const *others;
        static const char *const parts[] = { "read_", "write_", NULL };
        static const char *const total[] = { "total_", NULL };
        const uint64_t *v = given(t, field);
        char name[40];

        if (!v || *v == 0)
                return;
        rest = startswith(field, "total_");
        others = rest ? parts : total;
        if (!rest)
                rest = startswith(field, "read_") ?: startswith(field, "write_");
        for (; rest && *others; others++) {
                const uint64_t *other;

                snprintf(name, sizeof(name), "%s%s", *others, rest);
                other = given(t, name);
                if (!other || *other == 0)
                        xml_remove_children(tune, name);
        }
}

int throttle_edit(xmlNode *limits, const Throttle *t, Error *e) {
        int r;

        for (size_t i = 0; i < QEMU_THROTTLE_LIMITS; i++) {
                const uint64_t *v = given(t, qemu_throttle_limits[i].field);
                char text[24];

                make_room(limits, t, qemu_throttle_limits[i].field);
                if (!v)
                        continue;
                xml_remove_children(limits, qemu_throttle_limits[i].field);
                snprintf(text, sizeof(text), "%llu", (unsigned long long) *v);
                if (*v > 0 && !xml_add(limits, qemu_throttle_limits[i].field, text))
                        return -ENOMEM;
        }
        r = check_totals(limits, e);
        return r < 0 ? r : check_peaks(limits, e);
}

int throttle_copy(xmlNode *limits, const xmlNode *from) {
        for (size_t i = 0; i < QEMU_THROTTLE_LIMITS; i++) {
                const xmlNode *limit = xml_child(from, qemu_throttle_limits[i].field);

                xml_remove_children(limits, qemu_throttle_limits[i].field);
                if (limit && !xml_add_copy(limits, limit))
                        return -ENOMEM;
        }
        return 0;
}

int throttle_check(const Throttle *t, Error *e) {
        TypedParamRule rules[QEMU_THROTTLE_LIMITS + 1];
        int r;

        for (size_t i = 0; i < QEMU_THROTTLE_LIMITS; i++)
                rules[i] = (TypedParamRule) { qemu_throttle_limits[i].field, TYPED_PARAM_ULLONG, false };
        rules[QEMU_THROTTLE_LIMITS] = (TypedParamRule) { "group_name", TYPED_PARAM_STRING, false };
        r = typed_params_validate(t->val, t->len, rules, ELEMENTSOF(rules), e);
        for (size_t i = 0; r >= 0 && i < QEMU_THROTTLE_LIMITS; i++) {
                const uint64_t *v = given(t, qemu_throttle_limits[i].field);

                if (v && *v > LIMIT_MAX)
                        return error_set(e, -EINVAL, ERROR_ARGUMENT_UNSUPPORTED, ORIGIN_QEMU,
                                         "block I/O throttle limit must be no more than %llu using QEMU", LIMIT_MAX);
        }
        return r;
}
