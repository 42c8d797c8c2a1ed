/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Figures of disks: what went through them, and how large they are. A running QEMU knows both, for each layer of an
 * image; of a guest that does not run, or is not to be asked, sizes are read from the files. */

#include <time.h>

#include "base/strings.h"
#include "calls/image-look.h"
#include "calls/stats-block.h"
#include "run/monitor.h"

static const struct {
        const char *qemu;
        const char *name;
} figures[] = {
        { "rd_operations", "rd.reqs" },  { "rd_bytes", "rd.bytes" },          { "rd_total_time_ns", "rd.times" },
        { "wr_operations", "wr.reqs" },  { "wr_bytes", "wr.bytes" },          { "wr_total_time_ns", "wr.times" },
        { "flush_operations", "fl.reqs" }, { "flush_total_time_ns", "fl.times" },
};

/* One layer of a disk. */
typedef struct Layer {
        QemuDriver *driver;
        const xmlNode *disk;
        const xmlNode *element;         /* the disk, or a <backingStore> */
        const json_t *stats;            /* its entry of query-blockstats, or NULL */
        const json_t *image;            /* its ImageInfo of query-block, or NULL */
        const json_t *nodes;            /* all of QEMU's, where an image may have a threshold; or NULL */
        unsigned number;                /* of the record */
        bool backing;                   /* layers were asked for */
} Layer;

static bool number_of(const json_t *object, const char *key, uint64_t *ret) {
        const json_t *v = json_object_get(object, key);

        if (!json_is_integer(v) || json_integer_value(v) < 0)
                return false;
        *ret = (uint64_t) json_integer_value(v);
        return true;
}

static const char *format_of(const Layer *l) {
        return l->element == l->disk ? xml_get(l->disk, "driver/@type") : xml_get(l->element, "format/@type");
}

/* --- sizes --- */

static uint64_t monotonic_usec(void) {
        struct timespec t;

        clock_gettime(CLOCK_MONOTONIC, &t);
        return (uint64_t) t.tv_sec * 1000000 + (uint64_t) t.tv_nsec / 1000;
}

static BlockSizes sizes_of(const Layer *l, uint64_t deadline) {
        uint64_t now = monotonic_usec();
        const char *path = disk_path(l->element);
        BlockSizes s = {};
        ImageFile f;

        s.has_capacity = number_of(l->image, "virtual-size", &s.capacity);
        s.error = !path || now >= deadline ? -ENOENT
                                           : image_look(l->driver, path,
                                                        s.has_capacity ? NULL : format_of(l) ?: "raw", deadline - now,
                                                        &f);
        if (s.error < 0)
                return s;
        s.has_file = true;
        s.physical = f.length;
        s.allocation = f.allocation;
        if (f.has_capacity) {
                s.has_capacity = true;
                s.capacity = f.capacity;
        }
        return s;
}

BlockSizes block_sizes(const Guest *g, const xmlNode *disk, const json_t *image) {
        return sizes_of(&(Layer) { .driver = g->driver, .disk = disk, .element = disk, .image = image }, UINT64_MAX);
}

/* How far a block device is filled is what QEMU has seen written; a file may have been filled before. */
static void add_sizes(const Layer *l, uint64_t deadline, TypedParams *p) {
        BlockSizes s = sizes_of(l, deadline);
        uint64_t highest;

        if (number_of(json_object_get(json_object_get(l->stats, "parent"), "stats"), "wr_highest_offset", &highest) &&
            highest > 0)
                s.allocation = highest;
        if (s.has_file || s.allocation > 0)
                typed_params_add_ullong(p, TYPED_PARAM_NAME("block.%u.allocation", l->number), s.allocation);
        if (s.has_capacity)
                typed_params_add_ullong(p, TYPED_PARAM_NAME("block.%u.capacity", l->number), s.capacity);
        if (s.has_file)
                typed_params_add_ullong(p, TYPED_PARAM_NAME("block.%u.physical", l->number), s.physical);
}

/* --- thresholds --- */

static uint64_t threshold_of(const json_t *node) {
        uint64_t v;

        return number_of(node, "write_threshold", &v) ? v : 0;
}

/* All nodes, of which there are several for each disk, are worth a question only where somebody has set one: a daemon
 * that has just come does not know. */
static json_t *ask_for_nodes(const Ask *a) {
        json_t *nodes = NULL;
        const json_t *node;
        size_t i;

        if (!a->guest->run || a->guest->run->no_marks ||
            ask_qemu(a, "query-named-block-nodes", json_pack("{s:b}", "flat", 1), &nodes) < 0)
                return NULL;
        json_array_foreach(nodes, i, node)
                if (threshold_of(node) > 0)
                        return nodes;
        json_decref(nodes);
        if (a->guest->run)
                a->guest->run->no_marks = true;
        return NULL;
}

static void add_threshold(const Layer *l, unsigned image, TypedParams *p) {
        _cleanup_free_ char *name = text_format("libvirt-%u-storage", image);
        const json_t *node;
        size_t i;

        json_array_foreach(l->nodes, i, node)
                if (threshold_of(node) > 0 && streq_ptr(json_string_value(json_object_get(node, "node-name")), name))
                        typed_params_add_ullong(p, TYPED_PARAM_NAME("block.%u.threshold", l->number),
                                                threshold_of(node));
}

/* --- records --- */

static void add_layer(const Layer *l, uint64_t deadline, TypedParams *p) {
        const json_t *stats = json_object_get(l->stats, "stats");
        unsigned n = l->number, index = 0;
        bool numbered = definition_image_number(l->element, &index) >= 0;
        uint64_t v;

        typed_params_add_string(p, TYPED_PARAM_NAME("block.%u.name", n), xml_get(l->disk, "target/@dev"));
        if (numbered)
                typed_params_add_uint(p, TYPED_PARAM_NAME("block.%u.backingIndex", n), index);
        typed_params_add_string(p, TYPED_PARAM_NAME("block.%u.path", n), disk_path(l->element));
        for (size_t i = 0; i < ELEMENTSOF(figures); i++)
                if (number_of(stats, figures[i].qemu, &v))
                        typed_params_add_ullong(p, TYPED_PARAM_NAME("block.%u.%s", n, figures[i].name), v);
        add_sizes(l, deadline, p);
        if (numbered)
                add_threshold(l, index, p);
}

/* The end of a chain is a <backingStore> without a source. */
static bool next_layer(Layer *l) {
        const xmlNode *below = l->backing ? xml_child(l->element, "backingStore") : NULL;

        if (!below || !xml_child(below, "source"))
                return false;
        l->element = below;
        l->stats = json_object_get(l->stats, "backing");
        l->image = json_object_get(l->image, "backing-image");
        return true;
}

static bool has_disks(const Definition *d) {
        XML_FOREACH(disk, definition_devices(d), "disk")
                return true;
        return false;
}

void stats_add_blocks(const Ask *a, TypedParams *p) {
        _cleanup_(json_decrefp) json_t *stats = NULL, *blocks = NULL, *nodes = NULL;
        _cleanup_definition_ Definition *d = NULL;
        unsigned n = 0;

        if (object_load(&a->guest->object, OBJECT_CURRENT, &d, NULL) < 0)
                return;
        if (has_disks(d)) {
                (void) ask_qemu(a, "query-blockstats", NULL, &stats);
                (void) ask_qemu(a, "query-block", NULL, &blocks);
                nodes = ask_for_nodes(a);
        }
        XML_FOREACH(disk, definition_devices(d), "disk") {
                const char *alias = device_alias(disk);
                Layer l = { .driver = a->guest->driver, .disk = disk, .element = disk, .backing = a->backing,
                            .nodes = nodes };

                if (alias) {
                        l.stats = qmp_block_entry(stats, alias);
                        l.image = json_object_get(json_object_get(qmp_block_entry(blocks, alias), "inserted"), "image");
                }
                do {
                        l.number = n++;
                        add_layer(&l, a->deadline, p);
                } while (next_layer(&l));
        }
        typed_params_add_uint(p, "block.count", n);
}
