/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The kind of volumes. After normalising (paths below /volume):
 *
 *   @type                        there
 *   name                         there, one that a file can have
 *   capacity, allocation, target/clusterSize   bytes; capacity there unless there is a backing store; allocation where
 *   there is a capacity
 *   target/permissions, backingStore/permissions   mode with one 0 in front; owner and group are numbers
 *   target/compat                there where there are features */

#include "base/strings.h"
#include "model/definition.h"
#include "model/kinds-storage.h"
#include "normalise/normaliser.h"
#include "schema.h"

static int normalise_name(Normaliser *n) {
        const char *name = xml_get(n->root, "name");

        if (!name || !*name)
                return fail_xml(n, n->root, "missing volume name element");
        if (strchr(name, '/') || streq(name, ".") || streq(name, ".."))
                return fail_xml(n, xml_child(n->root, "name"), "volume name '%s' cannot contain '/'", name);
        return 0;
}

static int to_bytes(Normaliser *n, xmlNode *size, const char *unit) {
        _cleanup_free_ char *text = NULL;
        uint64_t bytes;
        int r;

        if (!size)
                return 0;
        r = size_parse(xml_text(size), xml_attr(size, "unit"), 1, &bytes);
        if (r < 0 || bytes > INT64_MAX)
                return fail_xml(n, size, "malformed %s element", xml_name(size));
        text = text_format("%llu", (unsigned long long) bytes);
        if (!text)
                return -ENOMEM;
        norm_set_text(n, size, text);
        norm_set(n, size, "unit", unit);
        return 0;
}

static int normalise_sizes(Normaliser *n) {
        xmlNode *capacity = xml_child(n->root, "capacity");
        int r;

        if (!capacity && !xml_find(n->root, "backingStore/path"))
                return fail_xml(n, n->root, "missing capacity element");
        r = to_bytes(n, capacity, "bytes");
        if (r >= 0)
                r = to_bytes(n, xml_child(n->root, "allocation"), "bytes");
        if (r >= 0)
                r = to_bytes(n, xml_child(n->root, "physical"), "bytes");
        if (r >= 0)
                r = to_bytes(n, xml_find(n->root, "target/clusterSize"), "B");
        if (r >= 0 && capacity && !xml_child(n->root, "allocation")) {
                xmlNode *allocation = norm_add(n, n->root, "allocation");

                norm_set_text(n, allocation, xml_text(capacity));
                norm_set(n, allocation, "unit", "bytes");
        }
        return r;
}

/* Where it lies and when it was used is for us to say. */
static int normalise_type(Normaliser *n) {
        norm_set_default(n, n->root, "type", "file");
        xml_remove_children(n->root, "source");
        if (xml_child(n->root, "target"))
                xml_remove_children(xml_child(n->root, "target"), "timestamps");
        return 0;
}

static int normalise_target(Normaliser *n) {
        xmlNode *target = xml_child(n->root, "target");
        int r;

        if (xml_child(target, "features") && !xml_child(target, "compat"))
                norm_set_text(n, norm_add(n, target, "compat"), "1.1");
        if (xml_get(target, "compat") && !streq(xml_get(target, "compat"), "0.10") &&
            !streq(xml_get(target, "compat"), "1.1"))
                return fail_xml(n, xml_child(target, "compat"),
                                "forbidden characters in 'compat' attribute, or no such level: '%s'",
                                xml_get(target, "compat"));
        r = normalise_storage_permissions(n, target);
        return r < 0 ? r : normalise_storage_permissions(n, xml_child(n->root, "backingStore"));
}

static const NormaliseStep steps[] = { normalise_type, normalise_name, normalise_sizes, normalise_target, NULL };

const DocumentKind document_volume = {
        .root = "volume",
        .word = "volume",
        .origin = ORIGIN_STORAGE,
        .key = "name",
        .schema = &schema_volume,
        .steps = steps,
};
