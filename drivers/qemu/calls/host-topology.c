/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* NUMA nodes and caches of the host, for those who place guests. */

#include "base/strings.h"
#include "calls/facts.h"
#include "calls/host-cpu.h"
#include "hostinfo/cpu.h"
#include "hostinfo/memory.h"

#define MAP_BYTES 2048U
#define CELLS_MAX 1024
#define BANKS_MAX 512U
#define PAGE_SIZES_MAX 8U

static bool is_in(const uint8_t *map, int cpu) {
        return map[cpu / 8] & 1 << (cpu % 8);
}

static void add_cpu(DocumentWriter *w, DocumentElement *cpus, int id) {
        DocumentElement *cpu = document_add(w, cpus, "cpu", NULL);
        int socket, die, core;
        char siblings[256];

        host_cpu_place(id, &socket, &die, &core, siblings, sizeof(siblings));
        document_attr_int(w, cpu, "id", id);
        document_attr_int(w, cpu, "socket_id", socket);
        document_attr_int(w, cpu, "die_id", die);
        document_attr_int(w, cpu, "cluster_id", 0);
        document_attr_int(w, cpu, "core_id", core);
        document_attr(w, cpu, "siblings", siblings);
}

/* Ordinary pages are what the pools of huge ones leave. */
static void add_pages(DocumentWriter *w, DocumentElement *cell, int id, uint64_t kib) {
        unsigned sizes[PAGE_SIZES_MAX];
        uint64_t total[PAGE_SIZES_MAX] = {};
        size_t n = host_page_sizes(sizes, ELEMENTSOF(sizes));

        for (size_t i = 1; i < n; i++)
                if (host_total_pages(id, sizes[i], &total[i]) >= 0)
                        kib -= MIN(kib, total[i] * sizes[i]);
        total[0] = kib / sizes[0];
        for (size_t i = 0; i < n; i++) {
                DocumentElement *pages = document_addf(w, cell, "pages", "%llu", (unsigned long long) total[i]);

                document_attr(w, pages, "unit", "KiB");
                document_attr_int(w, pages, "size", sizes[i]);
        }
}

static bool is_cell(int id) {
        HostMemory m;

        return host_memory_read(id, &m) >= 0;
}

static void add_distances(DocumentWriter *w, DocumentElement *cell, int id, int last) {
        DocumentElement *distances = NULL;
        unsigned index = 0, value;

        for (int other = 0; other <= last; other++) {
                DocumentElement *sibling;

                if (!is_cell(other))
                        continue;
                if (host_cell_distance(id, index++, &value) < 0)
                        return;
                if (!distances)
                        distances = document_add(w, cell, "distances", NULL);
                sibling = document_add(w, distances, "sibling", NULL);
                document_attr_int(w, sibling, "id", other);
                document_attr_int(w, sibling, "value", value);
        }
}

static void add_cell(DocumentWriter *w, DocumentElement *cells, int id, int last, const HostMemory *m) {
        DocumentElement *cell = document_add(w, cells, "cell", NULL), *cpus;
        uint8_t map[MAP_BYTES] = {}, online[MAP_BYTES] = {};
        unsigned n = 0, ignored;

        document_attr_int(w, cell, "id", id);
        document_attr(w, document_addf(w, cell, "memory", "%llu", (unsigned long long) m->total), "unit", "KiB");
        add_pages(w, cell, id, m->total);
        add_distances(w, cell, id, last);
        cpus = document_add(w, cell, "cpus", NULL);
        (void) host_node_cpus(id, map, sizeof(map), &n);
        (void) host_cpu_map(online, sizeof(online), &ignored);
        document_attr_int(w, cpus, "num", n);
        for (int i = 0; i < (int) sizeof(map) * 8; i++)
                if (is_in(map, i) && is_in(online, i))
                        add_cpu(w, cpus, i);
}

static void add_cells(DocumentWriter *w, DocumentElement *host) {
        DocumentElement *topology = document_add(w, host, "topology", NULL),
                        *cells = document_add(w, topology, "cells", NULL);
        int last = MIN(host_last_cell(), CELLS_MAX), n = 0;
        HostMemory m;

        for (int i = 0; i <= last; i++)
                n += is_cell(i);
        document_attr_int(w, cells, "num", n);
        for (int i = 0; i <= last; i++)
                if (host_memory_read(i, &m) >= 0)
                        add_cell(w, cells, i, last, &m);
}

/* --- caches --- */

typedef struct Banks {
        HostCache list[BANKS_MAX];
        size_t n;
} Banks;

static void keep(Banks *b, const HostCache *c) {
        size_t i = 0;

        while (i < b->n && (b->list[i].id != c->id || b->list[i].level != c->level ||
                            !streq(b->list[i].type, c->type)))
                i++;
        if (i == b->n && b->n < BANKS_MAX)
                b->list[b->n++] = *c;
}

static int compare(const void *a, const void *b) {
        const HostCache *x = a, *y = b;

        return x->level != y->level ? (x->level > y->level) - (x->level < y->level) : (x->id > y->id) - (x->id < y->id);
}

/* Those of the third level and above: nearer ones are nobody's to share out. */
static void add_caches(DocumentWriter *w, DocumentElement *host) {
        _cleanup_free_ Banks *b = calloc(1, sizeof(*b));
        uint8_t online[MAP_BYTES] = {};
        DocumentElement *cache;
        unsigned ignored;

        if (!b || host_cpu_map(online, sizeof(online), &ignored) < 0)
                return;
        for (int i = 0; i < (int) sizeof(online) * 8; i++) {
                HostCache c;

                for (unsigned index = 3; is_in(online, i) && host_cpu_cache(i, index, &c) >= 0; index++)
                        if (c.level >= 3)
                                keep(b, &c);
        }
        if (b->n == 0)
                return;
        qsort(b->list, b->n, sizeof(b->list[0]), compare);
        cache = document_add(w, host, "cache", NULL);
        for (size_t i = 0; i < b->n; i++) {
                DocumentElement *bank = document_add(w, cache, "bank", NULL);
                bool mib = b->list[i].kib % 1024 == 0;

                document_attr_int(w, bank, "id", b->list[i].id);
                document_attr_int(w, bank, "level", b->list[i].level);
                document_attr(w, bank, "type", b->list[i].type);
                document_attr_int(w, bank, "size", (long) (mib ? b->list[i].kib / 1024 : b->list[i].kib));
                document_attr(w, bank, "unit", mib ? "MiB" : "KiB");
                document_attr(w, bank, "cpus", b->list[i].cpus);
        }
}

void host_topology_describe(DocumentWriter *w, DocumentElement *host) {
        add_cells(w, host);
        add_caches(w, host);
}
