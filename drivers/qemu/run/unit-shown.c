/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What "systemctl set-property" has changed of a running guest's unit, in the words of its definition. systemd keeps a
 * file of each such setting, so a guest without any costs nothing; what holds now systemd is asked for. */

#include <unistd.h>

#include "base/strings.h"
#include "object/unit.h"
#include "plan/names.h"
#include "plan/plan.h"
#include "run/unit-limits.h"

#define NODES_MAX 16384U

typedef struct Shown {
        Guest *guest;
        const char *unit, *property;
        const char *place;      /* in the definition */
        xmlNode *root;
        const Plan *plan;       /* of the definition, as it is without this */
        Error *error;
} Shown;

/* A setting, by the name of systemd's file and on its bus, and libvirt's place for it. */
typedef struct Row {
        const char *key, *property, *place;
        int (*show)(const Shown *s);
} Row;

static int read_number(const Shown *s, uint64_t *ret) {
        return systemd_unit_number(s->guest->driver->systemd, s->unit, s->property, ret, s->error);
}

/* "cputune/shares": the element, with those above it. */
static xmlNode *ensure_place(const Shown *s) {
        const char *slash = strchr(s->place, '/');
        _cleanup_free_ char *above = slash ? strndup(s->place, (size_t) (slash - s->place)) : NULL;
        xmlNode *n = above ? xml_ensure(s->root, above) : NULL;

        return n ? xml_ensure(n, slash + 1) : NULL;
}

/* UINT64_MAX: no limit. */
static int write_number(const Shown *s, uint64_t v, bool kib) {
        xmlNode *n = v == UINT64_MAX ? xml_find(s->root, s->place) : ensure_place(s);
        char text[24];

        if (v == UINT64_MAX) {
                xmlNode *above = n ? n->parent : NULL;

                xml_remove(n);
                if (above && !xml_child(above, NULL))
                        xml_remove(above);
                return 0;
        }
        if (!n)
                return -ENOMEM;
        (void) snprintf(text, sizeof text, "%llu", (unsigned long long) v);
        if (kib && xml_set_attr(n, "unit", "KiB") < 0)
                return -ENOMEM;
        return xml_set_text(n, text);
}

static int show_weight(const Shown *s) {
        uint64_t v = 0;
        int r = read_number(s, &v);

        return r < 0 ? r : write_number(s, v, false);
}

/* Of a second there, of a period here. */
static int show_quota(const Shown *s) {
        uint64_t v = 0, period = 100000;
        int r = read_number(s, &v);

        (void) xml_get_u64(s->root, "cputune/global_period", &period);
        return r < 0 ? r : write_number(s, v == UINT64_MAX ? v : v / 1000 * period / 1000, false);
}

static int show_memory(const Shown *s) {
        uint64_t v = 0;
        int r = read_number(s, &v);

        return r < 0 ? r : write_number(s, v == UINT64_MAX ? v : v / 1024, true);
}

/* libvirt's limit is of memory and swap together. */
static int show_swap(const Shown *s) {
        const xmlNode *hard = xml_find(s->root, "memtune/hard_limit");
        uint64_t v = 0, memory = 0;
        int r = read_number(s, &v);

        if (r >= 0 && hard)
                (void) size_parse(xml_text(hard), xml_attr(hard, "unit"), 1024, &memory);
        return r < 0 ? r : write_number(s, v == UINT64_MAX ? v : (v + memory) / 1024, true);
}

/* The CPUs that the threads' own pins come to are no news. */
static bool is_planned(const Shown *s, const uint64_t theirs[static NODES_MAX / 64], bool any) {
        uint64_t ours[NODES_MAX / 64] = {};
        size_t n;
        const PlanSetting *list = plan_settings(s->plan, &n);

        for (size_t i = 0; i < n; i++)
                if (list[i].section == PLAN_SERVICE && streq(list[i].key, s->property)) {
                        _cleanup_free_ char *copy = strdup(list[i].value);

                        for (char *c = copy; c && *c; c++)
                                *c = *c == ' ' ? ',' : *c;
                        return copy && cpuset_parse(copy, ours, NODES_MAX) >= 0 &&
                               memcmp(ours, theirs, sizeof ours) == 0;
                }
        return !any;
}

/* "vcpu/@cpuset" */
static int show_set(const Shown *s) {
        uint64_t bits[NODES_MAX / 64] = {};
        _cleanup_free_ char *set = NULL;
        xmlNode *n;
        int r;

        r = systemd_unit_set(s->guest->driver->systemd, s->unit, s->property, bits, NODES_MAX, s->error);
        set = cpuset_format(bits, NODES_MAX);
        if (!set)
                return -ENOMEM;
        if (r < 0 || is_planned(s, bits, *set))
                return r;
        if (streq(s->place, "vcpu")) {
                n = xml_child(s->root, "vcpu");
                if (n && !*set)
                        xml_unset_attr(n, "cpuset");
                return n && *set ? xml_set_attr(n, "cpuset", set) : 0;
        }
        if (!*set)
                return 0;
        n = ensure_place(s);
        if (!n || (!xml_attr(n, "mode") && xml_set_attr(n, "mode", "restrictive") < 0))
                return -ENOMEM;
        xml_unset_attr(n, "placement");
        return xml_set_attr(n, "nodeset", set);
}

xmlNode *unit_limits_device(xmlNode *tune, const char *path) {
        xmlNode *n;

        XML_FOREACH(device, tune, "device")
                if (streq_ptr(xml_get(device, "path"), path))
                        return device;
        n = xml_add(tune, "device", NULL);
        return n && xml_add(n, "path", path) ? n : NULL;
}

/* Each device in its own element; one of which nothing else is said goes. */
static int show_devices(const Shown *s) {
        xmlNode *tune = xml_ensure(s->root, "blkiotune"), *next;
        _cleanup_strv_ char **list = NULL;
        int r;

        r = systemd_unit_amounts(s->guest->driver->systemd, s->unit, s->property, &list, s->error);
        if (r >= 0 && !tune)
                r = -ENOMEM;
        if (r < 0)
                return r;
        XML_FOREACH(device, tune, "device")
                xml_remove_children(device, s->place);
        for (char **line = list; line && *line; line++) {
                char *space = strrchr(*line, ' ');
                xmlNode *device;

                *space = 0;
                device = unit_limits_device(tune, *line);
                if (!device || !xml_add(device, s->place, space + 1))
                        return -ENOMEM;
        }
        for (xmlNode *device = xml_child(tune, "device"); device; device = next) {
                next = xml_next(device, "device");
                if (!xml_next(xml_child(device, NULL), NULL))
                        xml_remove(device);
        }
        return 0;
}

/* The limit of memory before that of swap, which is counted from it. */
static const Row rows[] = {
        { "CPUWeight", "CPUWeight", "cputune/shares", show_weight },
        { "CPUQuota", "CPUQuotaPerSecUSec", "cputune/global_quota", show_quota },
        { "MemoryMax", "MemoryMax", "memtune/hard_limit", show_memory },
        { "MemoryHigh", "MemoryHigh", "memtune/soft_limit", show_memory },
        { "MemorySwapMax", "MemorySwapMax", "memtune/swap_hard_limit", show_swap },
        { "IOWeight", "IOWeight", "blkiotune/weight", show_weight },
        { "IODeviceWeight", "IODeviceWeight", "weight", show_devices },
        { "IOReadBandwidthMax", "IOReadBandwidthMax", "read_bytes_sec", show_devices },
        { "IOWriteBandwidthMax", "IOWriteBandwidthMax", "write_bytes_sec", show_devices },
        { "IOReadIOPSMax", "IOReadIOPSMax", "read_iops_sec", show_devices },
        { "IOWriteIOPSMax", "IOWriteIOPSMax", "write_iops_sec", show_devices },
        { "AllowedCPUs", "AllowedCPUs", "vcpu", show_set },
        { "AllowedMemoryNodes", "AllowedMemoryNodes", "numatune/memory", show_set },
};

/* --runtime, and without. */
static bool is_kept(const char *unit, const char *key) {
        static const char *const folders[] = { "/run/systemd/system.control", "/etc/systemd/system.control" };
        bool any = false;

        for (size_t i = 0; !any && i < ELEMENTSOF(folders); i++) {
                _cleanup_free_ char *file = key ? text_format("%s/%s.d/50-%s.conf", folders[i], unit, key)
                                                : text_format("%s/%s.d", folders[i], unit);

                any = file && access(file, F_OK) == 0;
        }
        return any;
}

int unit_limits_show(Guest *g, Definition *live) {
        _cleanup_free_ char *unit = NULL;
        _cleanup_plan_ Plan *plan = NULL;
        _cleanup_error_ Error own = ERROR_INIT;
        Shown s = { .guest = g, .root = definition_root(live), .error = &own };
        int r;

        r = guest_is_active(g) ? unit_name_for_guest(g->object.name, &unit) : 0;
        if (r < 0 || !unit || !is_kept(unit, NULL))
                return r;
        r = plan_build(live, &plan, NULL);
        s.unit = unit;
        s.plan = plan;
        for (size_t i = 0; plan && r >= 0 && i < ELEMENTSOF(rows); i++) {
                if (!is_kept(unit, rows[i].key))
                        continue;
                s.property = rows[i].property;
                s.place = rows[i].place;
                r = rows[i].show(&s);
        }
        if (r == -ENOMEM)
                return r;
        /* a unit that is ending, or a bus that is gone, has nothing to show */
        definition_sort(live);
        return 0;
}
