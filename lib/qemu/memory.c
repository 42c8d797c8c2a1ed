/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* <memory>: size and backend of the guest's memory; <iothreads>. */

#include "memory-backend.h"
#include "model/iothreads.h"

bool memory_is_split(const Build *b) {
        return xml_find(b->root, "cpu/numa");
}

uint64_t memory_round(uint64_t bytes) {
        return (bytes + (1U << 20) - 1) & ~(uint64_t) ((1U << 20) - 1);
}

/* The memory that the guest begins with: of its nodes, without the modules that are plugged in. */
static uint64_t initial_size(Build *b) {
        uint64_t bytes = 0;

        if (!memory_is_split(b))
                return memory_round(element_size(b, xml_child(b->root, "memory"), 1024));
        XML_FOREACH(cell, xml_find(b->root, "cpu/numa"), "cell") {
                uint64_t cell_bytes = 0;

                if (size_parse(xml_attr(cell, "memory") ?: "", xml_attr(cell, "unit"), 1024, &cell_bytes) >= 0)
                        bytes += memory_round(cell_bytes);
        }
        return bytes;
}

static void add_size(Build *b, uint64_t bytes) {
        const xmlNode *max = xml_child(b->root, "maxMemory");
        _cleanup_strbuf_ StrBuf o = {};

        strbuf_addf(&o, "size=%lluk", (unsigned long long) bytes / 1024);
        if (xml_attr(max, "slots") && attr_u64(b, max, "slots", 0) > 0)
                strbuf_addf(&o, ",slots=%llu", (unsigned long long) attr_u64(b, max, "slots", 0));
        if (max)
                strbuf_addf(&o, ",maxmem=%lluk", (unsigned long long) element_size(b, max, 1024) / 1024);
        add_option_buf(b, "-m", &o);
}

void build_memory(Build *b) {
        uint64_t bytes = initial_size(b);

        if (bytes == 0)
                build_invalid(b, xml_child(b->root, "memory") ?: b->root, "a guest needs memory");
        add_size(b, bytes);
        if (!memory_is_split(b))
                add_memory_backend(b, &(MemoryBackend) { .id = "pc.ram", .bytes = bytes, .node = -1 });
        add_option(b, "-overcommit", "mem-lock=%s", xml_find(b->root, "memoryBacking/locked") ? "on" : "off");
}

static void add_iothread(Build *b, uint64_t id, const xmlNode *node) {
        const xmlNode *poll = xml_child(node, "poll");
        char name[40];
        json_t *o;

        snprintf(name, sizeof(name), "iothread%llu", (unsigned long long) id);
        o = build_object(b, "iothread", name);
        put_attr_uint(b, o, "thread-pool-min", node, "thread_pool_min");
        put_attr_uint(b, o, "thread-pool-max", node, "thread_pool_max");
        put_attr_uint(b, o, "poll-max-ns", poll, "max");
        put_attr_uint(b, o, "poll-grow", poll, "grow");
        put_attr_uint(b, o, "poll-shrink", poll, "shrink");
        add_props(b, QEMU_PART_OBJECT, o);
}

/* Limits of the pool of the main loop's thread. */
static void build_default_iothread(Build *b) {
        const xmlNode *node = xml_child(b->root, "defaultiothread");
        json_t *o;

        if (!node)
                return;
        o = build_object(b, "main-loop", "main-loop");
        put_attr_uint(b, o, "thread-pool-min", node, "thread_pool_min");
        put_attr_uint(b, o, "thread-pool-max", node, "thread_pool_max");
        add_props(b, QEMU_PART_OBJECT, o);
}

/* The threads that are listed, then as many more as <iothreads> asks for, with the lowest free numbers. */
void build_iothreads(Build *b) {
        const xmlNode *ids = xml_child(b->root, "iothreadids"), *count = xml_child(b->root, "iothreads");
        uint64_t wanted = 0, have = 0;

        build_default_iothread(b);
        XML_FOREACH(n, ids, "iothread") {
                add_iothread(b, attr_u64(b, n, "id", 0), n);
                have++;
        }
        if (count && (xml_get_u64(b->root, "iothreads", &wanted) < 0 || wanted > 65535)) {
                build_invalid(b, count, "not a number of I/O threads: '%s'", xml_text(count));
                return;
        }
        for (unsigned id = 1; have < wanted && b->r == 0; id++)
                if (!iothread_is_listed(ids, id)) {
                        add_iothread(b, id, NULL);
                        have++;
                }
}
