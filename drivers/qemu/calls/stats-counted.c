/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "calls/stats-counted.h"

#include <dirent.h>

#include "base/fs.h"
#include "base/resctrl.h"
#include "base/strings.h"
#include "model/resctrl.h"
#include "run/counters.h"

#define DOMAINS_MAX 256U

void stats_add_events(const Ask *a, TypedParams *p) {
        GuestEventValues v;
        GuestFacts facts;

        if (!guest_is_active(a->guest) || guest_facts(a->guest, true, &facts, NULL) < 0 || !facts.counted ||
            counters_ask_values(a->guest, &v, NULL) < 0)
                return;
        for (size_t i = 0; i < GUEST_EVENTS; i++)
                if (v.counted[i])
                        typed_params_add_ullong(p, TYPED_PARAM_NAME("perf.%s", guest_events[i].name), v.value[i]);
}

/* --- monitors --- */

/* The numbers of the caches, or of the ways to memory, that a group is counted at: "mon_L3_01", in their order. */
static size_t list_domains(const char *group, unsigned ret[static DOMAINS_MAX]) {
        _cleanup_free_ char *path = text_format("%s/mon_data", group);
        DIR *dir = path ? opendir(path) : NULL;
        struct dirent *d;
        size_t n = 0, at;

        while (dir && n < DOMAINS_MAX && (d = readdir(dir))) {
                const char *number = startswith(d->d_name, "mon_L3_");
                uint64_t v;

                if (!number || parse_u64(number, 10, &v) < 0 || v > UINT_MAX)
                        continue;
                for (at = n++; at > 0 && ret[at - 1] > v; at--)
                        ret[at] = ret[at - 1];
                ret[at] = (unsigned) v;
        }
        if (dir)
                closedir(dir);
        return n;
}

/* The kernel says "Unavailable" or "Error" where it has no number. */
static bool read_count(const char *group, unsigned domain, const char *what, uint64_t *ret) {
        _cleanup_free_ char *path = text_format("%s/mon_data/mon_L3_%02u/%s", group, domain, what), *text = NULL;

        if (!path || file_read(path, 64, &text, NULL) < 0)
                return false;
        text[strcspn(text, "\n")] = 0;
        return parse_u64(text, 10, ret) >= 0;
}

static char *path_of(const Definition *d, const xmlNode *monitor) {
        return resctrl_monitor_path(xml_attr(definition_root(d), "id") ?: "0", definition_name(d),
                                    resctrl_part(monitor->parent), xml_attr(monitor, "vcpus") ?: "");
}

/* A kind of monitors, and how each is told. */
typedef struct MonitorKind {
        const char *element, *prefix, *domains;
        const char *counts[2][2]; /* the kernel's file, and the end of the name */
} MonitorKind;

static void add_monitor(const MonitorKind *k, const char *group, const char *vcpus, unsigned number, TypedParams *p) {
        _cleanup_free_ char *name = text_format("vcpus_%s", vcpus);
        unsigned domains[DOMAINS_MAX];
        size_t n = list_domains(group, domains);

        typed_params_add_string(p, TYPED_PARAM_NAME("%s.%u.name", k->prefix, number), name ?: "");
        typed_params_add_string(p, TYPED_PARAM_NAME("%s.%u.vcpus", k->prefix, number), vcpus);
        typed_params_add_uint(p, TYPED_PARAM_NAME("%s.%u.%s.count", k->prefix, number, k->domains), (unsigned) n);
        for (unsigned i = 0; i < n; i++) {
                typed_params_add_uint(p, TYPED_PARAM_NAME("%s.%u.%s.%u.id", k->prefix, number, k->domains, i),
                                      domains[i]);
                for (size_t c = 0; c < ELEMENTSOF(k->counts) && k->counts[c][0]; c++) {
                        uint64_t v;

                        if (read_count(group, domains[i], k->counts[c][0], &v))
                                typed_params_add_ullong(p, TYPED_PARAM_NAME("%s.%u.%s.%u.%s", k->prefix, number,
                                                                            k->domains, i, k->counts[c][1]), v);
                }
        }
}

static void add_monitors(const MonitorKind *k, const Definition *d, TypedParams *p) {
        const xmlNode *list = xml_child(definition_root(d), "cputune");
        unsigned n = 0;

        XML_FOREACH(tune, list, k->element)
                XML_FOREACH(monitor, tune, "monitor")
                        n++;
        typed_params_add_uint(p, TYPED_PARAM_NAME("%s.count", k->prefix), n);
        n = 0;
        XML_FOREACH(tune, list, k->element)
                XML_FOREACH(monitor, tune, "monitor") {
                        _cleanup_free_ char *group = path_of(d, monitor);

                        if (group)
                                add_monitor(k, group, xml_attr(monitor, "vcpus") ?: "", n++, p);
                }
}

static bool is_monitored(const Ask *a, Definition **ret) {
        GuestFacts facts;

        return guest_facts(a->guest, true, &facts, NULL) >= 0 && facts.monitored &&
               object_load(&a->guest->object, OBJECT_LIVE, ret, NULL) >= 0;
}

void stats_add_cache_monitors(const Ask *a, TypedParams *p) {
        static const MonitorKind kind = { "cachetune", "cpu.cache.monitor", "bank",
                                          { { "llc_occupancy", "bytes" }, {} } };
        _cleanup_definition_ Definition *d = NULL;

        if (is_monitored(a, &d))
                add_monitors(&kind, d, p);
        else
                typed_params_add_uint(p, "cpu.cache.monitor.count", 0);
}

void stats_add_memory_monitors(const Ask *a, TypedParams *p) {
        static const MonitorKind kind = { "memorytune", "memory.bandwidth.monitor", "node",
                                          { { "mbm_local_bytes", "bytes.local" },
                                            { "mbm_total_bytes", "bytes.total" } } };
        _cleanup_definition_ Definition *d = NULL;

        if (guest_is_active(a->guest) && is_monitored(a, &d) && xml_find(definition_root(d), "cputune/memorytune"))
                add_monitors(&kind, d, p);
}
