/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* numa: the guest's own nodes, and where on the host their memory is. */

#include <inttypes.h>

#include "base/strings.h"
#include "normalise.h"

#define MAX_CELLS 1024U
#define LOCAL_DISTANCE 10U

static xmlNode *find_cell(xmlNode *numa, unsigned id) {
        XML_FOREACH(cell, numa, "cell")
                if (number_or(cell, "id", UINT32_MAX) == id)
                        return cell;

        return NULL;
}

/* Nodes are numbered from 0 without gaps; their order in the document does not matter. */
static int number_cells(Normaliser *n, xmlNode *numa, unsigned *ret_count) {
        unsigned count = 0;

        XML_FOREACH(cell, numa, "cell") {
                if (!xml_attr(cell, "id"))
                        norm_setf(n, cell, "id", "%u", count);
                count++;
        }
        for (unsigned id = 0; id < count; id++) {
                xmlNode *cell = find_cell(numa, id);

                if (!cell || count > MAX_CELLS)
                        return fail_xml(
                                n, numa,
                                "Exactly one 'cell' element per guest NUMA cell allowed, non-contiguous ranges or "
                                "ranges not starting from 0 are not allowed");
                xmlUnlinkNode(cell);
                xmlAddChild(numa, cell);
        }
        *ret_count = count;
        return 0;
}

static int write_cell(Normaliser *n, xmlNode *cell, uint64_t *total_kib) {
        uint64_t bytes;
        int r;

        if (!xml_attr(cell, "memory"))
                return fail_xml(n, cell, "Missing 'memory' attribute in NUMA cell");
        if (size_parse(xml_attr(cell, "memory"), xml_attr(cell, "unit"), 1024, &bytes) < 0)
                return fail_xml(n, cell, "malformed memory of the NUMA cell");
        norm_setf(n, cell, "memory", "%" PRIu64, (bytes + 1023) / 1024);
        norm_set(n, cell, "unit", "KiB");
        if (__builtin_add_overflow(*total_kib, (bytes + 1023) / 1024, total_kib) || *total_kib > UINT64_MAX / 1024)
                return fail_unsupported(n, cell, "memory size of NUMA node '%s' overflowed after alignment",
                                        xml_attr(cell, "id"));
        if (!xml_attr(cell, "cpus"))
                return 0;
        r = norm_cpuset(n, cell, "cpus");
        return r;
}

static int check_distances(Normaliser *n, xmlNode *cell, unsigned count) {
        XML_FOREACH(sibling, xml_child(cell, "distances"), "sibling") {
                unsigned id = number_or(sibling, "id", UINT32_MAX), value = number_or(sibling, "value", 0);

                if (id >= count)
                        return fail_xml(n, sibling,
                                        "'sibling_id %u' does not refer to a valid cell within NUMA 'cell id %s'", id,
                                        xml_attr(cell, "id"));
                if (value < LOCAL_DISTANCE || value > 254)
                        return fail_xml(n, sibling, "the distance of a NUMA cell has to be from %u to 254",
                                        LOCAL_DISTANCE);
        }

        return 0;
}

static xmlNode *find_sibling(xmlNode *distances, unsigned id) {
        XML_FOREACH(sibling, distances, "sibling")
                if (number_or(sibling, "id", UINT32_MAX) == id)
                        return sibling;

        return NULL;
}

static void say_distance(Normaliser *n, xmlNode *cell, unsigned to, unsigned value) {
        xmlNode *distances = norm_ensure(n, cell, "distances"), *sibling = NULL;

        if (find_sibling(distances, to))
                return;
        XML_FOREACH(other, distances, "sibling")
                if (!sibling && number_or(other, "id", 0) > to)
                        sibling = other;
        if (sibling) {
                xmlNode *before = norm_add(n, distances, "sibling");

                xmlUnlinkNode(before);
                xmlAddPrevSibling(sibling, before);
                sibling = before;
        } else
                sibling = norm_add(n, distances, "sibling");
        norm_setf(n, sibling, "id", "%u", to);
        norm_setf(n, sibling, "value", "%u", value);
}

/* What one end says of a distance holds for the other, unless that says something else. */
static void complete_distances(Normaliser *n, xmlNode *numa) {
        XML_FOREACH(cell, numa, "cell") {
                unsigned id = number_or(cell, "id", 0);

                XML_FOREACH(sibling, xml_child(cell, "distances"), "sibling") {
                        unsigned other = number_or(sibling, "id", 0);

                        say_distance(n, cell, id, LOCAL_DISTANCE);
                        say_distance(n, find_cell(numa, other), other, LOCAL_DISTANCE);
                        say_distance(n, find_cell(numa, other), id, number_or(sibling, "value", LOCAL_DISTANCE));
                }
        }
}

/* Each vCPU is in one cell at most, and is there. */
static int check_cpus(Normaliser *n, xmlNode *numa) {
        uint64_t all[64] = {}, cpus[64];
        unsigned vcpus = 1;

        (void) parse_uint(xml_text(xml_child(n->root, "vcpu")) ?: "", &vcpus);
        XML_FOREACH(cell, numa, "cell") {
                if (!xml_attr(cell, "cpus"))
                        continue;
                memset(cpus, 0, sizeof(cpus));
                if (cpuset_parse(xml_attr(cell, "cpus"), cpus, ELEMENTSOF(cpus) * 64) < 0)
                        return fail_xml(n, cell, "failed to parse the cpus '%s'", xml_attr(cell, "cpus"));
                for (unsigned i = 0; i < ELEMENTSOF(cpus); i++) {
                        if (all[i] & cpus[i])
                                return fail_xml(n, cell, "NUMA cells %s and an earlier one have overlapping vCPU ids",
                                                xml_attr(cell, "id"));
                        all[i] |= cpus[i];
                }
                for (unsigned i = vcpus; i < ELEMENTSOF(cpus) * 64; i++)
                        if (cpus[i / 64] >> i % 64 & 1)
                                return fail_xml(n, cell, "CPU IDs in <numa> exceed the <vcpu> count");
        }

        return 0;
}

/* vCPUs that no cell names are the first one's: QEMU has none that is nowhere. */
static int complete_cpus(Normaliser *n, xmlNode *numa) {
        xmlNode *first = find_cell(numa, 0);
        uint64_t others[64] = {}, own[64] = {};
        _cleanup_free_ char *text = NULL;
        unsigned vcpus = 1, named = 0;

        (void) parse_uint(xml_text(xml_child(n->root, "vcpu")) ?: "", &vcpus);
        XML_FOREACH(cell, numa, "cell") {
                uint64_t cpus[64] = {};

                (void) cpuset_parse(attr_or(cell, "cpus", ""), cpus, ELEMENTSOF(cpus) * 64);
                for (unsigned i = 0; i < ELEMENTSOF(cpus); i++) {
                        named += (unsigned) __builtin_popcountll(cpus[i]);
                        others[i] |= cell == first ? 0 : cpus[i];
                }
        }
        if (!first || named >= vcpus || vcpus > ELEMENTSOF(own) * 64)
                return 0;
        for (unsigned i = 0; i < vcpus; i++)
                own[i / 64] |= ~others[i / 64] & 1ULL << i % 64;
        text = cpuset_format(own, ELEMENTSOF(own) * 64);
        if (!text)
                return -ENOMEM;
        norm_set(n, first, "cpus", text);
        return 0;
}

/* What the guest has in all: its nodes and the modules that are plugged in. */
static void write_total(Normaliser *n, uint64_t kib) {
        xmlNode *memory = norm_ensure(n, n->root, "memory");
        char text[24];

        XML_FOREACH(device, n->devices, "memory") {
                uint64_t size = 0;

                /* that of enclaves is no part of it */
                if (!xml_attr_is(device, "model", "sgx-epc") && xml_get_u64(device, "target/size", &size) >= 0)
                        kib += size;
        }
        snprintf(text, sizeof(text), "%" PRIu64, kib);
        norm_set(n, memory, "unit", "KiB");
        norm_set_text(n, memory, text);
}

static int write_numa(Normaliser *n, xmlNode *numa, unsigned *ret_count) {
        uint64_t total = 0;
        int r;

        r = number_cells(n, numa, ret_count);
        if (r < 0)
                return r;
        XML_FOREACH(cell, numa, "cell") {
                r = write_cell(n, cell, &total);
                if (r >= 0)
                        r = check_distances(n, cell, *ret_count);
                if (r < 0)
                        return r;
        }
        complete_distances(n, numa);
        r = check_cpus(n, numa);
        if (r >= 0)
                r = complete_cpus(n, numa);
        /* A document on disk was completed when it was defined. */
        if (r >= 0 && total > 0 && (!n->d->from_file || !xml_child(n->root, "memory")))
                write_total(n, total);

        return r;
}

static int check_memnodes(Normaliser *n, xmlNode *tune, unsigned cells) {
        bool restrictive = xml_attr_is(xml_child(tune, "memory"), "mode", "restrictive");
        int r;

        XML_FOREACH(node, tune, "memnode") {
                bool same = xml_attr_is(node, "mode", "restrictive") == restrictive;

                if (xml_attr_is(xml_child(tune, "memory"), "placement", "auto"))
                        return fail_unsupported(
                                n, node, "Per-node binding is not compatible with automatic NUMA placement.");
                if (cells == 0)
                        return fail_xml(n, node, "Element 'memnode' is invalid without any guest NUMA cells");
                if (number_or(node, "cellid", UINT32_MAX) >= cells)
                        return fail_xml(
                                n, node,
                                "Argument 'cellid' in memnode element must correspond to existing guest's NUMA cell");
                if (!xml_attr(node, "nodeset"))
                        return fail_xml(n, node, "Missing required nodeset attribute in memnode element");
                norm_set_default(n, node, "mode", "strict");
                if (!same)
                        return fail_xml(
                                n, node,
                                "'restrictive' mode is required in %s element when mode is 'restrictive' in %s element",
                                restrictive ? "memnode" : "memory", restrictive ? "memory" : "memnode");
                r = norm_cpuset(n, node, "nodeset");
                if (r < 0)
                        return r;
                for (xmlNode *other = xml_next(node, "memnode"); other; other = xml_next(other, "memnode"))
                        if (number_or(other, "cellid", UINT32_MAX) == number_or(node, "cellid", UINT32_MAX))
                                return fail_xml(n, other, "Multiple memnode elements with cellid %u",
                                                number_or(node, "cellid", 0));
        }

        return 0;
}

/* Nodes that the definition names, or those that are best when the guest starts: where nothing is said of the memory,
 * it follows the vCPUs. */
static int write_placement(Normaliser *n, xmlNode *memory) {
        bool follows = xml_attr_is(xml_child(n->root, "vcpu"), "placement", "auto");

        if (!memory && follows)
                memory = norm_ensure(n, norm_ensure(n, n->root, "numatune"), "memory");
        if (!memory)
                return 0;
        norm_set_default(n, memory, "mode", "strict");
        if (!xml_attr(memory, "placement") && !xml_attr(memory, "nodeset") && follows)
                norm_set(n, memory, "placement", "auto");
        if (xml_attr_is(memory, "placement", "auto")) {
                xml_unset_attr(memory, "nodeset");
                return 0;
        }
        xml_unset_attr(memory, "placement");
        if (!xml_attr(memory, "nodeset"))
                return fail_xml(n, memory, "nodeset for NUMA memory tuning must be set if 'placement' is 'static'");
        return norm_cpuset(n, memory, "nodeset");
}

static int normalise_numatune(Normaliser *n, unsigned cells) {
        xmlNode *tune;
        int r;

        r = write_placement(n, xml_find(n->root, "numatune/memory"));
        tune = xml_child(n->root, "numatune");
        if (r >= 0)
                r = check_memnodes(n, tune, cells);
        drop_empty(n->root, "numatune");

        return r;
}

int normalise_numa(Normaliser *n) {
        xmlNode *numa = xml_find(n->root, "cpu/numa");
        unsigned cells = 0;
        int r;

        r = numa ? write_numa(n, numa, &cells) : 0;
        if (r < 0)
                return r;
        XML_FOREACH(page, xml_find(n->root, "memoryBacking/hugepages"), "page") {
                uint64_t nodes[16] = {};

                if (!xml_attr(page, "nodeset") ||
                    cpuset_parse(xml_attr(page, "nodeset"), nodes, ELEMENTSOF(nodes) * 64) < 0)
                        continue;
                /* Without nodes of its own the guest is one node, 0. */
                for (unsigned i = cells ?: 1; i < ELEMENTSOF(nodes) * 64; i++)
                        if (nodes[i / 64] >> i % 64 & 1)
                                return fail_xml(n, page, "hugepages: node %u not found", i);
        }

        return normalise_numatune(n, cells);
}
