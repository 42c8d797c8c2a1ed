/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* iotune of a disk, and groups that several disks share: limits that contradict each other are no limits. */

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

static int check_limits(Normaliser *n, xmlNode *limits) {
        static const struct {
                const char *total, *read, *write, *what;
        } kinds[] = {
                { "total_bytes_sec", "read_bytes_sec", "write_bytes_sec", "bytes_sec" },
                { "total_iops_sec", "read_iops_sec", "write_iops_sec", "iops_sec" },
        };
        static const char *const suffixes[] = { "", "_max", "_max_length" };
        int r;

        r = check_values(n, limits);
        if (r < 0)
                return r;
        for (size_t i = 0; i < ELEMENTSOF(kinds); i++)
                for (size_t j = 0; j < ELEMENTSOF(suffixes); j++)
                        if (has_limit(limits, kinds[i].total, suffixes[j]) &&
                            (has_limit(limits, kinds[i].read, suffixes[j]) ||
                             has_limit(limits, kinds[i].write, suffixes[j])))
                                return fail_xml(n, limits, "total and read/write %s%s cannot be set at the same time",
                                                kinds[i].what, suffixes[j]);
        return 0;
}

static const xmlNode *find_group(const Normaliser *n, const char *name) {
        XML_FOREACH(group, xml_child(n->root, "throttlegroups"), "throttlegroup")
                if (streq_ptr(xml_get(group, "group_name"), name))
                        return group;
        return NULL;
}

/* A disk that is limited together with others, by as many groups as it likes. */
static int check_filters(Normaliser *n, xmlNode *disk, xmlNode *filters) {
        const char *dev = xml_get(disk, "target/@dev") ?: "";

        XML_FOREACH(filter, filters, "throttlefilter") {
                const char *group = xml_attr(filter, "group");

                if (!group || !*group)
                        return fail_xml(n, filter, "Missing required attribute 'group' in element 'throttlefilter'");
                if (!find_group(n, group))
                        return fail_xml(n, filter, "throttle group '%s' not found", group);
                for (xmlNode *other = xml_next(filter, "throttlefilter"); other;
                     other = xml_next(other, "throttlefilter"))
                        if (xml_attr_is(other, "group", group))
                                return fail_xml(n, other, "duplicate filters '%s' found in chain", group);
        }
        if (filters && xml_child(disk, "iotune"))
                return fail_unsupported(n, filters,
                                        "block 'throttlefilters' can't be used together with 'iotune' for disk '%s'",
                                        dev);
        if (filters && (xml_attr_is(disk, "device", "cdrom") || xml_attr_is(disk, "device", "floppy")))
                return fail_unsupported(n, filters, "throttlefilters are not supported for the removable disk '%s'",
                                        dev);
        if (filters && (xml_attr_is(disk, "type", "vhostuser") || xml_attr_is(disk, "type", "vhostvdpa")))
                return fail_unsupported(n, filters, "throttlefilters are not supported for the disk '%s', whose data "
                                                    "another program has", dev);
        return 0;
}

int normalise_throttle(Normaliser *n, xmlNode *disk) {
        xmlNode *iotune = xml_child(disk, "iotune");
        int r;

        r = iotune ? check_limits(n, iotune) : 0;
        if (r < 0)
                return r;
        drop_empty(disk, "iotune");
        drop_empty(disk, "throttlefilters");
        return check_filters(n, disk, xml_child(disk, "throttlefilters"));
}

int normalise_throttle_groups(Normaliser *n) {
        XML_FOREACH(group, xml_child(n->root, "throttlegroups"), "throttlegroup") {
                const char *name = xml_get(group, "group_name");
                int r;

                if (!name || !*name)
                        return fail_xml(n, group, "Missing required element 'group_name' in element 'throttlegroup'");
                if (find_group(n, name) != group)
                        return fail_xml(n, group, "duplicate group name '%s' found", name);
                r = check_limits(n, group);
                if (r < 0)
                        return r;
        }
        drop_empty(n->root, "throttlegroups");
        return 0;
}
