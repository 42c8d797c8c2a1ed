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
        set(n, node, "unit", "KiB");
        set_text(n, node, text);
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

        now = total;
        if (current) {
                r = to_kib(n, current, &now);
                if (r < 0)
                        return r;
        }
        if (now == 0)
                now = total;
        if (now > total)
                return fail_xml(n, current, "current memory '%" PRIu64 "k' exceeds maximum memory '%" PRIu64 "k'", now,
                                total);

        write_kib(n, memory, total);
        write_kib(n, ensure(n, n->root, "currentMemory"), now);
        return 0;
}
