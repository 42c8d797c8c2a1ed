/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* <numa>: the guest's nodes, how far they are from each other, and what is known of the ways between them. */

#include <inttypes.h>

#include "memory-backend.h"

#define LOCAL 10U
#define REMOTE 20U

/* ",cpus=0-3,cpus=8" for "0-3,8" */
static void add_cpus(StrBuf *o, const char *set) {
        while (set && *set) {
                size_t len = strcspn(set, ",");

                strbuf_addf(o, ",cpus=%.*s", (int) len, set);
                set += len + (set[len] == ',');
        }
}

static bool has_hmat(const xmlNode *numa) {
        XML_FOREACH(cell, numa, "cell")
                if (xml_child(cell, "cache"))
                        return true;
        return xml_child(numa, "interconnects");
}

bool numa_has_hmat(const Build *b) {
        return has_hmat(xml_find(b->root, "cpu/numa"));
}

/* Whose processors are nearest to the memory of a node: its own, or else the first that there are. */
static unsigned initiator_of(const xmlNode *numa, const xmlNode *cell, unsigned id) {
        if (xml_attr(cell, "cpus"))
                return id;
        XML_FOREACH(c, numa, "cell") {
                unsigned other;

                if (xml_attr(c, "cpus") && xml_attr_uint(c, "id", &other) >= 0)
                        return other;
        }
        return id;
}

/* Whether something is wanted of the memory that only a backend of each node's can do. */
static bool is_backed(const Build *b, const xmlNode *numa) {
        static const struct {
                const char *path, *usual;
        } wishes[] = {
                { "memoryBacking/hugepages" },
                { "memoryBacking/access" },
                { "memoryBacking/discard" },
                { "memoryBacking/source/@type", "anonymous" },
                { "memoryBacking/allocation/@mode", "ondemand" },
                { "numatune" },
        };

        for (size_t i = 0; i < ELEMENTSOF(wishes); i++)
                if (wishes[i].usual ? !streq(xml_get(b->root, wishes[i].path) ?: wishes[i].usual, wishes[i].usual)
                                    : xml_find(b->root, wishes[i].path) != NULL)
                        return true;
        XML_FOREACH(cell, numa, "cell")
                if (xml_attr(cell, "memAccess") || xml_attr(cell, "discard"))
                        return true;
        XML_FOREACH(video, b->devices, "video")
                if (xml_attr_is(xml_child(video, "model"), "blob", "on"))
                        return true;
        return has_hmat(numa);
}

/* Machines up to 5.0 may have one memory, of which the nodes have parts. libvirt says it so where it can, and a guest
 * that it has saved, or that comes from its host, has its memory by that name. */
static bool is_by_size(const Build *b, const xmlNode *numa) {
        const char *machine = xml_get(b->root, "os/type/@machine") ?: "",
                   *version = startswith(machine, "pc-i440fx-") ?: startswith(machine, "pc-q35-");
        unsigned major, minor;

        return version && sscanf(version, "%u.%u", &major, &minor) == 2 && major * 100 + minor <= 500 &&
               !is_backed(b, numa);
}

static void add_cell(Build *b, const xmlNode *numa, const xmlNode *cell, bool hmat) {
        unsigned id = (unsigned) attr_u64(b, cell, "id", 0);
        bool by_size = is_by_size(b, numa);
        _cleanup_strbuf_ StrBuf o = {};
        uint64_t bytes = 0;
        char name[32];

        if (size_parse(xml_attr(cell, "memory") ?: "", xml_attr(cell, "unit"), 1024, &bytes) < 0)
                build_invalid(b, cell, "malformed memory of the NUMA cell");
        snprintf(name, sizeof(name), "ram-node%u", id);
        /* a device may be all that a node has */
        if (bytes > 0 && !by_size)
                add_memory_backend(b, &(MemoryBackend) { .id = name, .bytes = memory_round(bytes), .node = (int) id });
        strbuf_addf(&o, "node,nodeid=%u", id);
        add_cpus(&o, xml_attr(cell, "cpus"));
        if (hmat)
                strbuf_addf(&o, ",initiator=%u", initiator_of(numa, cell, id));
        if (by_size)
                strbuf_addf(&o, ",mem=%" PRIu64, memory_round(bytes) >> 20);
        else if (bytes > 0)
                strbuf_addf(&o, ",memdev=%s", name);
        add_option_buf(b, "-numa", &o);
}

/* What one end says; 0: nothing. */
static unsigned distance_said(const xmlNode *cell, unsigned to) {
        XML_FOREACH(s, xml_child(cell, "distances"), "sibling") {
                unsigned id, value;

                if (xml_attr_uint(s, "id", &id) >= 0 && id == to && xml_attr_uint(s, "value", &value) >= 0)
                        return value;
        }
        return 0;
}

static void build_distances(Build *b, const xmlNode *numa) {
        bool any = false;

        XML_FOREACH(cell, numa, "cell")
                any = any || xml_child(cell, "distances");
        if (!any)
                return;
        XML_FOREACH(from, numa, "cell")
                XML_FOREACH(to, numa, "cell") {
                        unsigned src = (unsigned) attr_u64(b, from, "id", 0), dst = (unsigned) attr_u64(b, to, "id", 0);
                        unsigned value = distance_said(from, dst) ?: distance_said(to, src);

                        if (value == 0)
                                value = src == dst ? LOCAL : REMOTE;
                        add_option(b, "-numa", "dist,src=%u,dst=%u,val=%u", src, dst, value);
                }
}

static const char *hierarchy(Build *b, const xmlNode *way) {
        static const char *const levels[] = { "memory", "first-level", "second-level", "third-level" };
        uint64_t level = attr_u64(b, way, "cache", 0);

        if (level < ELEMENTSOF(levels))
                return levels[level];
        build_invalid(b, way, "there are caches of level 1 to %zu", ELEMENTSOF(levels) - 1);
        return levels[0];
}

static void build_interconnects(Build *b, const xmlNode *ways) {
        XML_FOREACH(way, ways, NULL) {
                bool latency = xml_is(way, "latency");
                uint64_t value = attr_u64(b, way, "value", 0);

                if (!latency && size_parse(xml_attr(way, "value") ?: "", xml_attr(way, "unit"), 1024, &value) < 0)
                        build_invalid(b, way, "malformed bandwidth");
                add_option(b, "-numa", "hmat-lb,initiator=%s,target=%s,hierarchy=%s,data-type=%s-%s,%s=%" PRIu64 "%s",
                           xml_attr(way, "initiator") ?: "0", xml_attr(way, "target") ?: "0", hierarchy(b, way),
                           xml_attr(way, "type") ?: "access", xml_name(way), xml_name(way),
                           latency ? value : value / 1024, latency ? "" : "K");
        }
}

static void add_cache(Build *b, const xmlNode *cell, const xmlNode *cache) {
        static const char *const words[][2] = {
                { "full", "complex" }, { "writeback", "write-back" }, { "writethrough", "write-through" },
        };
        const char *associativity = xml_attr(cache, "associativity") ?: "none",
                   *policy = xml_attr(cache, "policy") ?: "none";
        const xmlNode *size = xml_child(cache, "size"), *line = xml_child(cache, "line");
        uint64_t bytes = 0, line_bytes = 0;

        for (size_t i = 0; i < ELEMENTSOF(words); i++) {
                associativity = streq(words[i][0], associativity) ? words[i][1] : associativity;
                policy = streq(words[i][0], policy) ? words[i][1] : policy;
        }
        if (size_parse(xml_attr(size, "value") ?: "", xml_attr(size, "unit"), 1024, &bytes) < 0 ||
            size_parse(xml_attr(line, "value") ?: "", xml_attr(line, "unit"), 1, &line_bytes) < 0)
                build_invalid(b, cache, "malformed size of the cache");
        add_option(b, "-numa",
                   "hmat-cache,node-id=%s,size=%" PRIu64 "K,level=%s,associativity=%s,policy=%s,line=%" PRIu64,
                   xml_attr(cell, "id") ?: "0", bytes / 1024, xml_attr(cache, "level") ?: "1", associativity, policy,
                   line_bytes);
}

void build_numa(Build *b) {
        const xmlNode *numa = xml_find(b->root, "cpu/numa");
        bool hmat = has_hmat(numa);

        XML_FOREACH(cell, numa, "cell")
                add_cell(b, numa, cell, hmat);
        build_distances(b, numa);
        build_interconnects(b, xml_child(numa, "interconnects"));
        XML_FOREACH(cell, numa, "cell")
                XML_FOREACH(cache, cell, "cache")
                        add_cache(b, cell, cache);
}
