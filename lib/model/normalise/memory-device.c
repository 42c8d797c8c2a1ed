/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* maxMemory and memory devices: room for modules, and those that are plugged in from the start. */

#include <inttypes.h>

#include "base/strings.h"
#include "normalise.h"

/* What a kind of module needs and may have. */
static const struct {
        const char *model;
        bool path, block, slot;
} kinds[] = {
        { "dimm", .slot = true },
        { "nvdimm", .path = true, .slot = true },
        { "virtio-mem", .block = true },
        { "virtio-pmem", .path = true },
        { "sgx-epc" },
};

static int write_sizes(Normaliser *n, xmlNode *device) {
        static const char *const sizes[] = {
                "source/pagesize", "source/alignsize", "target/size",    "target/label/size",
                "target/block",    "target/requested", "target/current",
        };

        for (size_t i = 0; i < ELEMENTSOF(sizes); i++) {
                xmlNode *size = xml_find(device, sizes[i]);
                uint64_t kib;
                int r;

                r = norm_kib(n, size, &kib);
                if (r < 0)
                        return r;
                if (size && kib == 0 && !endswith(sizes[i], "requested"))
                        return fail_xml(n, size, "the size must not be 0");
        }
        /* What the guest has taken is a matter of the run. */
        xml_remove_children(xml_child(device, "target"), "current");

        return 0;
}

static int check_requested(Normaliser *n, xmlNode *target) {
        uint64_t size = 0, block = 0, requested = 0;

        (void) xml_get_u64(target, "size", &size);
        (void) xml_get_u64(target, "block", &block);
        (void) xml_get_u64(target, "requested", &requested);
        if (block == 0 || (block & (block - 1)) != 0)
                return fail_xml(n, target, "block size must be a power of two");
        if (requested > size)
                return fail_xml(n, target, "requested size must be smaller than or equal to @size");
        return requested % block == 0 ? 0
                                      : fail_xml(n, target, "requested size must be an integer multiple of block size");
}

static int check_kind(Normaliser *n, xmlNode *device, size_t kind) {
        const char *model = kinds[kind].model;
        xmlNode *target = xml_child(device, "target");

        if (kinds[kind].path && !xml_find(device, "source/path"))
                return fail_xml(n, device, "path is required for model '%s'", model);
        if (kinds[kind].block && (!xml_child(target, "block") || !xml_child(target, "requested")))
                return fail_xml(n, target, "model '%s' needs the sizes <block> and <requested>", model);
        if (kinds[kind].block && check_requested(n, target) < 0)
                return -EBADMSG;
        if (streq(model, "virtio-pmem") && xml_child(target, "node"))
                return fail_unsupported(n, target, "virtio-pmem does not support NUMA nodes");
        if (streq(model, "virtio-pmem") && !xml_attr_is(device, "access", "shared"))
                return fail_unsupported(n, device, "virtio-pmem requires shared access mode");
        if (kinds[kind].slot && xml_child(device, "address") &&
            !xml_attr_is(xml_child(device, "address"), "type", "dimm"))
                return fail_unsupported(n, device, "only 'dimm' addresses are supported for the memory device '%s'",
                                        model);
        /* no module, but a part of the machine */
        if (streq(model, "sgx-epc") && xml_child(device, "address"))
                return fail_unsupported(n, device, "a memory device of model '%s' has no address", model);

        return 0;
}

static int check_device(Normaliser *n, xmlNode *device) {
        const char *model = xml_attr(device, "model");
        int r;

        if (!model)
                return fail_xml(n, device, "missing model of the memory device");
        if (!xml_find(device, "target/size"))
                return fail_xml(n, device, "missing size of the memory device");
        r = write_sizes(n, device);
        if (r >= 0 && xml_find(device, "source/nodemask"))
                r = norm_cpuset(n, xml_find(device, "source/nodemask"), NULL);
        for (size_t i = 0; r >= 0 && i < ELEMENTSOF(kinds); i++)
                if (streq(kinds[i].model, model))
                        r = check_kind(n, device, i);

        return r;
}

static bool has_slot(const xmlNode *device) {
        return xml_attr_is(device, "model", "dimm") || xml_attr_is(device, "model", "nvdimm");
}

static bool slot_is_taken(const Normaliser *n, unsigned slot) {
        XML_FOREACH(device, n->devices, "memory")
                if (has_slot(device) && number_or(xml_child(device, "address"), "slot", UINT32_MAX) == slot)
                        return true;

        return false;
}

static int place(Normaliser *n, xmlNode *device, unsigned slots) {
        xmlNode *address = xml_child(device, "address");
        unsigned slot = 0;

        if (xml_attr(address, "slot")) {
                slot = number_or(address, "slot", UINT32_MAX);
                if (slot >= slots)
                        return fail_unsupported(n, address, "memory device slot '%u' exceeds slots count '%u'", slot,
                                                slots);
                norm_setf(n, address, "slot", "%u", slot);
                return 0;
        }
        while (slot_is_taken(n, slot))
                slot++;
        if (slot >= slots)
                return fail(n, device, -ENOSPC, ERROR_INTERNAL, "failed to find an empty memory slot");
        address = address ?: new_address(n, device, "dimm");
        norm_setf(n, address, "slot", "%u", slot);
        return 0;
}

static int check_target(Normaliser *n, xmlNode *device, unsigned cells) {
        xmlNode *node = xml_find(device, "target/node");
        unsigned id;

        if (!node && cells > 0 && !xml_attr_is(device, "model", "virtio-pmem"))
                return fail_xml(n, device, "target NUMA node needs to be specified for memory device");
        if (node && parse_uint(xml_text(node), &id) >= 0 && id >= cells)
                return fail_unsupported(
                        n, node,
                        "can't add memory backend for guest node '%u' as the guest has only '%u' NUMA nodes "
                        "configured",
                        id, cells);

        return 0;
}

int normalise_memory_devices(Normaliser *n) {
        xmlNode *max = xml_child(n->root, "maxMemory");
        unsigned cells = 0;
        uint64_t kib;
        int r;

        XML_FOREACH(cell, xml_find(n->root, "cpu/numa"), "cell")
                cells++;
        r = norm_kib(n, max, &kib);
        if (r < 0)
                return r;
        if (max && cells == 0)
                return fail_unsupported(n, max,
                                        "At least one numa node has to be configured when enabling memory hotplug");
        XML_FOREACH(device, n->devices, "memory") {
                r = check_device(n, device);
                if (r >= 0 && !max && !xml_attr_is(device, "model", "sgx-epc"))
                        r = fail_unsupported(n, device,
                                             "maximum memory size must be specified when using the memory devices");
                if (r >= 0)
                        r = check_target(n, device, cells);
                if (r < 0)
                        return r;
        }
        XML_FOREACH(device, n->devices, "memory") {
                r = has_slot(device) ? place(n, device, number_or(max, "slots", 0)) : 0;
                if (r < 0)
                        return r;
        }

        return 0;
}
