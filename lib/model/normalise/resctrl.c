/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* <cachetune> and <memorytune>: parts of the processor's caches, and of the way to memory, that vCPUs have together. */

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

/* Those that there are. false: none of them is. */
static bool bound(const Normaliser *n, Set *s) {
        unsigned count = 1;
        bool any = false;

        (void) parse_uint(xml_text(xml_child(n->root, "vcpu")), &count);
        for (unsigned i = 0; i < MAX_VCPUS; i++)
                if (i >= count)
                        s->cpus[i / 64] &= ~(1ULL << i % 64);
                else
                        any = any || (s->cpus[i / 64] >> i % 64 & 1);
        return any;
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

                        if (other == tune || cpuset_parse(xml_attr(other, "vcpus") ?: "", set.cpus, MAX_VCPUS) < 0)
                                continue;
                        alike = memcmp(&set, own, sizeof set) == 0 && !xml_is(other, xml_name(tune));
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
        XML_FOREACH(part, tune, kinds[kind].part)
                if (r >= 0)
                        r = kinds[kind].check(n, part);
        if (r >= 0)
                r = check_overlap(n, tune, &own, list);
        if (r < 0)
                return r;
        /* what is about nobody is nothing */
        if (!bound(n, &own) || !xml_child(tune, kinds[kind].part))
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
