/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* <cachetune> and <memorytune>: parts of the processor's caches, and of the way to memory, that vCPUs have together,
 * and of which vCPUs it is counted what they take (<monitor>). */

#include "base/strings.h"
#include "normalise.h"

#define MAX_VCPUS 4096U

typedef struct Set {
        uint64_t cpus[MAX_VCPUS / 64];
} Set;

static bool overlaps(const Set *a, const Set *b) {
        for (size_t i = 0; i < ELEMENTSOF(a->cpus); i++)
                if (a->cpus[i] & b->cpus[i])
                        return true;
        return false;
}

static bool is_same_set(const Set *a, const Set *b) {
        return memcmp(a, b, sizeof(*a)) == 0;
}

/* Those that there are. false: none of them is. */
static bool bound(const Normaliser *n, Set *s) {
        unsigned count = 1;
        bool any = false;

        (void) parse_uint(xml_text(xml_child(n->root, "vcpu")) ?: "", &count);
        for (unsigned i = 0; i < MAX_VCPUS; i++)
                if (i >= count)
                        s->cpus[i / 64] &= ~(1ULL << i % 64);
                else
                        any = any || (s->cpus[i / 64] >> i % 64 & 1);
        return any;
}

/* What there is of it, as an attribute. */
static int write_vcpus(xmlNode *node, const Set *s) {
        _cleanup_free_ char *text = cpuset_format(s->cpus, MAX_VCPUS);

        return text ? xml_set_attr(node, "vcpus", text) : -ENOMEM;
}

static int read_vcpus(Normaliser *n, xmlNode *tune, Set *ret) {
        const char *vcpus = xml_attr(tune, "vcpus"), *word = xml_name(tune);

        if (!vcpus)
                return fail_xml(n, tune, "Missing %s attribute 'vcpus'", word);
        if (cpuset_parse(vcpus, ret->cpus, MAX_VCPUS) < 0)
                return fail_xml(n, tune, "Invalid %s 'vcpus' value '%s'", word, vcpus);
        return 0;
}

static int need(Normaliser *n, const xmlNode *node, const char *const *attributes) {
        for (; *attributes; attributes++)
                if (!xml_attr(node, *attributes))
                        return fail_xml(n, node, "Missing attribute '%s' of <%s>", *attributes, xml_name(node));
        return 0;
}

static bool same(const xmlNode *a, const xmlNode *b, const char *attribute) {
        uint64_t x = 0, y = 0;

        if (xml_attr_u64(a, attribute, &x) >= 0 && xml_attr_u64(b, attribute, &y) >= 0)
                return x == y;
        return streq(xml_attr(a, attribute) ?: "", xml_attr(b, attribute) ?: "");
}

/* In the largest unit that leaves it whole. */
static int write_size(Normaliser *n, xmlNode *cache, uint64_t bytes) {
        static const char *const units[] = { "B", "KiB", "MiB", "GiB", "TiB" };
        size_t i = 0;

        for (; i + 1 < ELEMENTSOF(units) && bytes % 1024 == 0; i++)
                bytes /= 1024;
        norm_setf(n, cache, "size", "%llu", (unsigned long long) bytes);
        return xml_set_attr(cache, "unit", units[i]);
}

static int check_cache(Normaliser *n, xmlNode *cache) {
        static const char *const needed[] = { "id", "level", "type", "size", NULL };
        uint64_t bytes;
        int r = need(n, cache, needed);

        if (r < 0)
                return r;
        if (size_parse(xml_attr(cache, "size"), xml_attr(cache, "unit"), 1024, &bytes) < 0 || bytes == 0)
                return fail_xml(n, cache, "'%s' is no size of a part of a cache", xml_attr(cache, "size"));
        r = write_size(n, cache, bytes);
        if (r < 0)
                return r;
        for (xmlNode *other = xml_next(cache, "cache"); other; other = xml_next(other, "cache"))
                if (same(cache, other, "id") && same(cache, other, "level") &&
                    (same(cache, other, "type") || xml_attr_is(cache, "type", "both") ||
                     xml_attr_is(other, "type", "both")))
                        return fail_xml(n, other,
                                        "Colliding cache allocations for cache level '%s' id '%s', type '%s'",
                                        xml_attr(other, "level"), xml_attr(other, "id"), xml_attr(other, "type"));
        return 0;
}

static int check_node(Normaliser *n, xmlNode *node) {
        static const char *const needed[] = { "id", "bandwidth", NULL };
        unsigned bandwidth = 0;
        int r = need(n, node, needed);

        if (r < 0)
                return r;
        if (xml_attr_uint(node, "bandwidth", &bandwidth) < 0 || bandwidth > 100)
                return fail_xml(n, node, "Memory Bandwidth value exceeding 100 is invalid.");
        for (xmlNode *other = xml_next(node, "node"); other; other = xml_next(other, "node"))
                if (same(node, other, "id"))
                        return fail_xml(n, other, "Colliding Memory Bandwidth on node %s", xml_attr(other, "id"));
        return 0;
}

/* --- monitors --- */

#define MONITORED_LEVEL 3U

static bool contains(const Set *outer, const Set *inner) {
        for (size_t i = 0; i < ELEMENTSOF(outer->cpus); i++)
                if (inner->cpus[i] & ~outer->cpus[i])
                        return false;
        return true;
}

static Set set_of(const xmlNode *node) {
        Set s = {};

        (void) cpuset_parse(xml_attr(node, "vcpus") ?: "", s.cpus, MAX_VCPUS);
        return s;
}

/* A thread is in one group: beside a monitor of all that the part is for there may be others, which have no vCPU in
 * common, unless the one is about the cache and the other about memory. */
static int check_against(Normaliser *n, const xmlNode *monitor, const Set *own, const Set *all, const xmlNode *tune) {
        XML_FOREACH(other, tune, "monitor") {
                Set set = set_of(other);

                if (other == monitor)
                        continue;
                if (is_same_set(own, &set)) {
                        if (tune == monitor->parent)
                                return fail(n, other, -EINVAL, ERROR_INVALID_ARG,
                                            "Identical vcpus found in same type monitors");
                        continue;
                }
                if (overlaps(own, &set) && !is_same_set(own, all) && !is_same_set(&set, all))
                        return fail(n, other, -EINVAL, ERROR_INVALID_ARG, "vcpus overlaps in resctrl groups");
        }
        return 0;
}

static int read_monitor(Normaliser *n, xmlNode *monitor, bool of_cache, const Set *all) {
        unsigned level = MONITORED_LEVEL;
        Set own = {};

        if (of_cache && !xml_attr(monitor, "level"))
                return fail_xml(n, monitor, "Missing attribute 'level' of <monitor>");
        if (of_cache && (xml_attr_uint(monitor, "level", &level) < 0 || level != MONITORED_LEVEL))
                return fail_xml(n, monitor, "Invalid monitor cache level '%s'", xml_attr(monitor, "level"));
        if (!xml_attr(monitor, "vcpus"))
                return fail_xml(n, monitor, "Missing monitor attribute 'vcpus'");
        if (cpuset_parse(xml_attr(monitor, "vcpus"), own.cpus, MAX_VCPUS) < 0)
                return fail_xml(n, monitor, "Invalid monitor attribute 'vcpus' value '%s'", xml_attr(monitor, "vcpus"));
        if (!bound(n, &own))
                return fail(n, monitor, -EINVAL, ERROR_INVALID_ARG, "vcpus is empty");
        if (!contains(all, &own))
                return fail(n, monitor, -EINVAL, ERROR_INVALID_ARG, "Monitor vcpus conflicts with allocation");
        return write_vcpus(monitor, &own);
}

static int check_monitors(Normaliser *n, const xmlNode *list, xmlNode *tune, const Set *all) {
        int r = 0;

        XML_FOREACH(monitor, tune, "monitor")
                if (r >= 0)
                        r = read_monitor(n, monitor, xml_is(tune, "cachetune"), all);
        XML_FOREACH(monitor, tune, "monitor") {
                Set own = set_of(monitor);

                if (r >= 0)
                        r = check_against(n, monitor, &own, all, tune);
                /* the other kind, about the same vCPUs, which was read before */
                XML_FOREACH(other, list, "cachetune") {
                        Set set = set_of(other);

                        if (r >= 0 && other != tune && is_same_set(&set, all))
                                r = check_against(n, monitor, &own, all, other);
                }
        }
        return r;
}

/* --- both --- */

static const struct {
        const char *element, *part;
        int (*check)(Normaliser *n, xmlNode *part);
} kinds[] = { { "cachetune", "cache", check_cache }, { "memorytune", "node", check_node } };

/* vCPUs have one of each kind, and where they have both, both have the same. */
static int check_overlap(Normaliser *n, xmlNode *tune, const Set *own, const xmlNode *list) {
        for (size_t k = 0; k < ELEMENTSOF(kinds); k++)
                XML_FOREACH(other, list, kinds[k].element) {
                        Set set = {};
                        bool alike;

                        if (other == tune || cpuset_parse(xml_attr(other, "vcpus") ?: "", set.cpus, MAX_VCPUS) < 0 ||
                            !bound(n, &set))
                                continue;
                        alike = is_same_set(&set, own) && !xml_is(other, xml_name(tune));
                        if (overlaps(&set, own) && !alike)
                                return fail_xml(n, tune, "Overlapping vcpus in %ss", xml_name(tune));
                }
        return 0;
}

static int check_tune(Normaliser *n, xmlNode *list, size_t kind, xmlNode *tune) {
        Set own = {};
        int r = read_vcpus(n, tune, &own);

        if (r >= 0)
                r = norm_cpuset(n, tune, "vcpus");
        if (r >= 0 && bound(n, &own))
                r = write_vcpus(tune, &own);
        XML_FOREACH(part, tune, kinds[kind].part)
                if (r >= 0)
                        r = kinds[kind].check(n, part);
        if (r >= 0)
                r = check_overlap(n, tune, &own, list);
        if (r < 0)
                return r;
        /* what is about nobody is nothing */
        if (!bound(n, &own)) {
                xml_remove(tune);
                return 0;
        }
        r = check_monitors(n, list, tune, &own);
        if (r < 0)
                return r;
        if (!xml_child(tune, kinds[kind].part) && !xml_child(tune, "monitor"))
                xml_remove(tune);
        return 0;
}

int normalise_resctrl(Normaliser *n) {
        xmlNode *list = xml_child(n->root, "cputune"), *next;
        int r = 0;

        for (size_t k = 0; list && k < ELEMENTSOF(kinds); k++)
                for (xmlNode *tune = xml_child(list, kinds[k].element); r >= 0 && tune; tune = next) {
                        next = xml_next(tune, kinds[k].element);
                        r = check_tune(n, list, k, tune);
                }
        return r;
}
