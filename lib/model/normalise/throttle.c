/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* iotune of a disk: limits that contradict each other are no limits. */

#include "base/strings.h"
#include "normalise.h"

/* What QEMU's arithmetic has room for. */
#define MAX_LIMIT UINT64_C(1000000000000000)

static bool has_limit(const xmlNode *iotune, const char *prefix, const char *suffix) {
        char name[64];

        snprintf(name, sizeof(name), "%s%s", prefix, suffix);
        return xml_child(iotune, name);
}

static int check_values(Normaliser *n, xmlNode *iotune) {
        xmlNode *next;

        for (xmlNode *limit = xml_child(iotune, NULL); limit; limit = next) {
                uint64_t v = 0;

                next = xml_next(limit, NULL);
                if (xml_is(limit, "group_name"))
                        continue;
                (void) parse_u64(xml_text(limit), 10, &v);
                if (v > MAX_LIMIT)
                        return fail(n, limit, -ERANGE, ERROR_ARGUMENT_UNSUPPORTED,
                                    "block I/O throttle limit value must be no more than %llu",
                                    (unsigned long long) MAX_LIMIT);
                if (v == 0)
                        xml_remove(limit);
        }

        return 0;
}

int normalise_throttle(Normaliser *n, xmlNode *disk) {
        static const struct {
                const char *total, *read, *write, *what;
        } kinds[] = {
                { "total_bytes_sec", "read_bytes_sec", "write_bytes_sec", "bytes_sec" },
                { "total_iops_sec", "read_iops_sec", "write_iops_sec", "iops_sec" },
        };
        static const char *const suffixes[] = { "", "_max", "_max_length" };
        xmlNode *iotune = xml_child(disk, "iotune");
        int r;

        if (!iotune)
                return 0;
        r = check_values(n, iotune);
        if (r < 0)
                return r;

        for (size_t i = 0; i < ELEMENTSOF(kinds); i++)
                for (size_t j = 0; j < ELEMENTSOF(suffixes); j++)
                        if (has_limit(iotune, kinds[i].total, suffixes[j]) &&
                            (has_limit(iotune, kinds[i].read, suffixes[j]) ||
                             has_limit(iotune, kinds[i].write, suffixes[j])))
                                return fail_xml(n, iotune, "total and read/write %s%s cannot be set at the same time",
                                                kinds[i].what, suffixes[j]);
        drop_empty(disk, "iotune");
        return 0;
}
