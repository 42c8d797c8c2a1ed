/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* memory and currentMemory: KiB, whatever unit the document uses. */

#include <inttypes.h>

#include "normalise.h"

static int to_kib(Normaliser *n, xmlNode *node, uint64_t *ret) {
        uint64_t bytes;
        int r;

        r = size_parse(xml_text(node), xml_attr(node, "unit"), 1024, &bytes);
        if (r == -ERANGE || (r >= 0 && bytes > UINT64_MAX - 1023))
                return fail_xml(n, node, "the size is larger than can be represented");
        if (r < 0)
                return fail_xml(n, node, "unknown suffix '%s'", attr_or(node, "unit", ""));

        *ret = (bytes + 1023) / 1024;
        return 0;
}

static void write_kib(Normaliser *n, xmlNode *node, uint64_t kib) {
        char text[24];

        snprintf(text, sizeof(text), "%" PRIu64, kib);
        norm_set(n, node, "unit", "KiB");
        norm_set_text(n, node, text);
}

int norm_kib(Normaliser *n, xmlNode *size, uint64_t *ret_kib) {
        uint64_t kib = 0;
        int r;

        r = size ? to_kib(n, size, &kib) : 0;
        if (r < 0)
                return r;
        if (size)
                write_kib(n, size, kib);
        *ret_kib = kib;
        return 0;
}

/* One size for all that no other page is for; the sizes of the rest are named with their cells. */
static int check_pages(Normaliser *n, xmlNode *hugepages) {
        uint64_t master = 0;

        XML_FOREACH(page, hugepages, "page") {
                uint64_t bytes;
                int r;

                if (size_parse(attr_or(page, "size", ""), xml_attr(page, "unit"), 1024, &bytes) < 0 || bytes < 1024)
                        return fail_xml(n, page, "missing or malformed size of the pages");
                norm_setf(n, page, "size", "%" PRIu64, bytes / 1024);
                norm_set(n, page, "unit", "KiB");
                if (xml_attr(page, "nodeset")) {
                        r = norm_cpuset(n, page, "nodeset");
                        if (r < 0)
                                return r;
                } else if (master) {
                        return fail_unsupported(n, page, "two master hugepages detected: %" PRIu64 " and %" PRIu64,
                                                master, bytes / 1024);
                } else {
                        master = bytes / 1024;
                }
        }

        return 0;
}

int normalise_memory_backing(Normaliser *n) {
        xmlNode *backing = xml_child(n->root, "memoryBacking"), *hugepages = xml_child(backing, "hugepages");
        const char *source = xml_get(n->root, "memoryBacking/source/@type");
        int r;

        r = check_pages(n, hugepages);
        if (r < 0)
                return r;
        if (hugepages && source && streq(source, "anonymous"))
                return fail_unsupported(n, hugepages, "hugepages are not allowed with anonymous memory source");
        if (xml_attr_is(xml_child(backing, "allocation"), "mode", "ondemand") && hugepages)
                return fail_unsupported(n, hugepages, "hugepages are not allowed with memory allocation ondemand");
        drop_empty(n->root, "memoryBacking");
        return 0;
}

int normalise_memory(Normaliser *n) {
        xmlNode *memory = xml_child(n->root, "memory"), *current = xml_child(n->root, "currentMemory");
        uint64_t total, now;
        int r;

        if (!memory)
                return fail_xml(n, n->root, "memory size must be given with <memory>");
        r = to_kib(n, memory, &total);
        if (r < 0)
                return r;
        if (total == 0)
                return fail_xml(n, memory, "memory size must not be 0");
        /* of a guest that runs, who plugs the memory in says so */
        if (!n->facts->running && xml_get_u64(n->root, "maxMemory", &now) >= 0 && now < total)
                return fail_xml(n, memory, "maximum memory size must be equal or greater than the actual memory size");

        now = total;
        if (current) {
                r = to_kib(n, current, &now);
                if (r < 0)
                        return r;
        }
        /* Front ends that let one edit <memory> alone leave a larger one behind. */
        if (now == 0 || now > total)
                now = total;

        write_kib(n, memory, total);
        write_kib(n, norm_ensure(n, n->root, "currentMemory"), now);
        return 0;
}
