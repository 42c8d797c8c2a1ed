/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Limits on what a guest takes from the host: memtune in KiB, and numbers that the kernel would refuse. */

#include <inttypes.h>

#include "normalise.h"

/* Larger than any memory: libvirt's way to say that there is no limit. */
#define UNLIMITED_KIB UINT64_C(9007199254740991)
#define WEIGHT_MAX 10000 /* of the control groups' second version */
/* Microseconds; a negative quota is none. */
#define QUOTA_MIN 1000LL
#define QUOTA_MAX 17592186044415LL

static int normalise_memtune(Normaliser *n, xmlNode *memtune) {
        xmlNode *next;

        for (xmlNode *limit = xml_child(memtune, NULL); limit; limit = next) {
                uint64_t bytes, kib;
                char text[24];
                int r;

                next = xml_next(limit, NULL);
                r = size_parse(xml_text(limit), xml_attr(limit, "unit"), 1024, &bytes);
                if (r < 0 && r != -ERANGE)
                        return fail_xml(n, limit, "unknown suffix '%s'", attr_or(limit, "unit", ""));
                kib = r < 0 ? UNLIMITED_KIB : (bytes + 1023) / 1024;
                if (kib >= UNLIMITED_KIB) {
                        xml_remove(limit);
                        continue;
                }
                snprintf(text, sizeof(text), "%" PRIu64, kib);
                norm_set(n, limit, "unit", "KiB");
                norm_set_text(n, limit, text);
        }

        return 0;
}

static int check_number(Normaliser *n, const char *path, long min, long max) {
        xmlNode *node = xml_find(n->root, path);
        char *end;
        long v;

        if (!node)
                return 0;
        errno = 0;
        v = strtol(xml_text(node), &end, 10);
        if (errno != 0 || *end || end == xml_text(node) || v < min || v > max)
                return fail_xml(n, node, "the value has to be from %ld to %ld", min, max);

        return 0;
}

static int check_device_limits(Normaliser *n) {
        XML_FOREACH(device, xml_child(n->root, "blkiotune"), "device") {
                xmlNode *weight = xml_child(device, "weight");
                uint64_t v = 0;

                if (!*(xml_get(device, "path") ?: ""))
                        return fail_xml(n, device, "missing per-device path");
                (void) xml_get_u64(device, "weight", &v);
                if (weight && v > WEIGHT_MAX)
                        return fail_xml(n, weight, "the value has to be from 1 to %d", WEIGHT_MAX);
                for (xmlNode *other = xml_next(device, "device"); other; other = xml_next(other, "device"))
                        if (streq_ptr(xml_get(device, "path"), xml_get(other, "path")))
                                return fail_unsupported(n, other, "duplicate blkio device path '%s'",
                                                        xml_get(other, "path"));
        }

        return 0;
}

/* Less than a millisecond is more often than the kernel looks. */
static int check_quota(Normaliser *n, const char *name) {
        xmlNode *quota = xml_child(xml_child(n->root, "cputune"), name);
        char *end;
        long long v;

        if (!quota)
                return 0;
        errno = 0;
        v = strtoll(xml_text(quota), &end, 10);
        if (errno != 0 || *end || end == xml_text(quota) || (v > 0 && v < QUOTA_MIN) || v > QUOTA_MAX)
                return fail_xml(n, quota, "Value of cputune '%s' must be in range [%lld, %lld]", name, QUOTA_MIN,
                                QUOTA_MAX);
        return 0;
}

static int check_quotas(Normaliser *n) {
        static const char *const names[] = { "quota", "global_quota", "emulator_quota", "iothread_quota" };
        int r = 0;

        for (size_t i = 0; r >= 0 && i < ELEMENTSOF(names); i++)
                r = check_quota(n, names[i]);
        return r;
}

int normalise_tuning(Normaliser *n) {
        static const struct {
                const char *path;
                long min, max;
        } numbers[] = {
                /* cgroups(7), and the microseconds of libvirt's documents */
                { "cputune/shares", 0, 262144 },
                { "cputune/period", 1000, 1000000 },
                { "cputune/emulator_period", 1000, 1000000 },
                { "cputune/iothread_period", 1000, 1000000 },
                { "cputune/global_period", 1000, 1000000 },
                { "blkiotune/weight", 1, WEIGHT_MAX },
        };
        int r;

        for (size_t i = 0; i < ELEMENTSOF(numbers); i++) {
                r = check_number(n, numbers[i].path, numbers[i].min, numbers[i].max);
                if (r < 0)
                        return r;
        }

        r = check_device_limits(n);
        if (r >= 0)
                r = check_quotas(n);
        if (r < 0)
                return r;
        r = normalise_memtune(n, xml_child(n->root, "memtune"));
        if (r < 0)
                return r;

        drop_empty(n->root, "memtune");
        drop_empty(n->root, "cputune");
        drop_empty(n->root, "blkiotune");
        return 0;
}
