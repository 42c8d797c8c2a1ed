/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* <memory>: size and backend of the guest's memory; <iothreads>. */

#include "build.h"

bool memory_is_split(const Build *b) {
        return xml_find(b->root, "cpu/numa");
}

/* Memory that others are to share needs a descriptor; graphics adapters with blob resources hand pages of it to the display. */
static bool needs_memfd(const Build *b) {
        const char *type = xml_get(b->root, "memoryBacking/source/@type");

        if (type)
                return streq(type, "memfd");
        XML_FOREACH(v, b->devices, "video")
                if (xml_attr_is(xml_child(v, "model"), "blob", "on"))
                        return true;
        return false;
}

void build_memory(Build *b) {
        const xmlNode *memory = xml_child(b->root, "memory"), *allocation = xml_find(b->root, "memoryBacking/allocation");
        const char *access = xml_get(b->root, "memoryBacking/access/@mode");
        uint64_t bytes = element_size(b, memory, 1024);
        bool memfd = needs_memfd(b);
        json_t *o;

        if (bytes == 0)
                invalid(b, memory ?: b->root, "a guest needs memory");
        /* QEMU aligns to its page size; whole MiB are what machine types expect. */
        bytes = (bytes + (1U << 20) - 1) & ~(uint64_t) ((1U << 20) - 1);
        add_option(b, "-m", "size=%lluk", (unsigned long long) bytes / 1024);
        o = object_new(b, memfd ? "memory-backend-memfd" : "memory-backend-ram", "pc.ram");
        put_int(b, o, "size", (long long) bytes);
        if (access)
                put_bool(b, o, "share", streq(access, "shared"));
        if (xml_attr_is(allocation, "mode", "immediate")) {
                put_bool(b, o, "prealloc", true);
                put_attr_uint(b, o, "prealloc-threads", allocation, "threads");
        }
        if (memfd)
                put_bool(b, o, "x-use-canonical-path-for-ramblock-id", false);
        add_props(b, QEMU_PART_OBJECT, o);
        add_option(b, "-overcommit", "mem-lock=%s", xml_find(b->root, "memoryBacking/locked") ? "on" : "off");
}

static void add_iothread(Build *b, uint64_t id, const xmlNode *node) {
        const xmlNode *poll = xml_child(node, "poll");
        char name[40];
        json_t *o;

        snprintf(name, sizeof(name), "iothread%llu", (unsigned long long) id);
        o = object_new(b, "iothread", name);
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
        o = object_new(b, "main-loop", "main-loop");
        put_attr_uint(b, o, "thread-pool-min", node, "thread_pool_min");
        put_attr_uint(b, o, "thread-pool-max", node, "thread_pool_max");
        add_props(b, QEMU_PART_OBJECT, o);
}

static bool iothread_is_listed(const xmlNode *ids, uint64_t id) {
        XML_FOREACH(n, ids, "iothread") {
                uint64_t v;

                if (xml_attr_u64(n, "id", &v) == 0 && v == id)
                        return true;
        }
        return false;
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
                invalid(b, count, "not a number of I/O threads: '%s'", xml_text(count));
                return;
        }
        for (uint64_t id = 1; have < wanted && b->r == 0; id++)
                if (!iothread_is_listed(ids, id)) {
                        add_iothread(b, id, NULL);
                        have++;
                }
}
