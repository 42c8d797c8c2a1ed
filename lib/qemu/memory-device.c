/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* <memory model=...>: modules that are plugged in beside the memory that the guest begins with. */

#include "memory-backend.h"

/* Modules are whole huge pages, so that they can be of them. */
#define MODULE_ALIGN (UINT64_C(2) << 20)

static uint64_t module_size(Build *b, const xmlNode *n) {
        uint64_t bytes = element_size(b, xml_find(n, "target/size"), 1024);

        return (bytes + MODULE_ALIGN - 1) & ~(MODULE_ALIGN - 1);
}

static void put_size(Build *b, json_t *o, const char *key, const xmlNode *size) {
        if (size)
                put_int(b, o, key, (long long) element_size(b, size, 1024));
}

static void put_virtio_mem(Build *b, json_t *o, const xmlNode *n, bool huge) {
        const xmlNode *target = xml_child(n, "target");

        put_size(b, o, "block-size", xml_child(target, "block"));
        put_size(b, o, "requested-size", xml_child(target, "requested"));
        if (huge || xml_attr_is(xml_find(b->root, "memoryBacking/allocation"), "mode", "immediate"))
                put_bool(b, o, "prealloc", true);
        if (xml_attr(target, "dynamicMemslots") && !qemu_caps_has(b->caps, QEMU_CAP_DYNAMIC_MEMSLOTS))
                build_refuse(b, target, "dynamicMemslots is not supported by this QEMU");
        put_attr_bool(b, o, "dynamic-memslots", target, "dynamicMemslots");
}

static const struct {
        const char *model, *driver;
} drivers[] = {
        { "dimm", "pc-dimm" },
        { "nvdimm", "nvdimm" },
        { "virtio-mem", "virtio-mem-pci" },
        { "virtio-pmem", "virtio-pmem-pci" },
};

static void put_module_address(Build *b, json_t *o, const xmlNode *n) {
        const xmlNode *address = xml_child(n, "address");

        if (xml_attr_is(address, "type", "dimm")) {
                put_attr_uint(b, o, "slot", address, "slot");
                put_attr_uint(b, o, "addr", address, "base");
        } else {
                put_address(b, o, n);
        }
}

/* A part of the machine, which is told where it is (machine.c). */
static void build_enclave_memory(Build *b, const xmlNode *n) {
        MemoryBackend backend = { .node = -1, .device = n };
        DriverName id;

        if (!qemu_caps_has(b->caps, QEMU_CAP_SGX_EPC_NODE))
                build_refuse(b, n, "memory model 'sgx-epc' is not supported by this QEMU");
        snprintf(id.s, sizeof(id.s), "mem%.58s", need_alias(b, n));
        backend.id = id.s;
        backend.bytes = module_size(b, n);
        add_memory_backend(b, &backend);
}

void machine_enclave_memory(Build *b, StrBuf *machine) {
        unsigned i = 0;

        XML_FOREACH(n, b->devices, "memory") {
                const char *node = xml_get(n, "target/node");

                if (!xml_attr_is(n, "model", "sgx-epc"))
                        continue;
                strbuf_addf(machine, ",sgx-epc.%u.memdev=mem%s", i, need_alias(b, n));
                if (node)
                        strbuf_addf(machine, ",sgx-epc.%u.node=%s", i, node);
                i++;
        }
}

void build_memory_device(Build *b, const xmlNode *n) {
        const char *model = xml_attr(n, "model") ?: "", *driver = NULL, *node = xml_get(n, "target/node");
        const xmlNode *target = xml_child(n, "target");
        MemoryBackend backend = { .node = -1, .device = n };
        DriverName id;
        json_t *o;

        if (streq(model, "sgx-epc")) {
                build_enclave_memory(b, n);
                return;
        }
        for (size_t i = 0; i < ELEMENTSOF(drivers); i++)
                if (streq(drivers[i].model, model))
                        driver = drivers[i].driver;
        if (!driver) {
                build_refuse(b, n, "memory model '%s' is not supported", model);
                return;
        }
        snprintf(id.s, sizeof(id.s), "mem%.58s", need_alias(b, n));
        backend.id = id.s;
        backend.bytes = module_size(b, n);
        if (node)
                backend.node = (int) strtoul(node, NULL, 10);
        add_memory_backend(b, &backend);

        o = device_new(b, driver);
        if (node)
                put_int(b, o, "node", backend.node);
        put_size(b, o, "label-size", xml_find(target, "label/size"));
        if (xml_child(n, "uuid"))
                put_str(b, o, "uuid", xml_text(xml_child(n, "uuid")));
        if (xml_child(target, "readonly"))
                put_bool(b, o, "unarmed", true);
        if (streq(model, "virtio-mem"))
                put_virtio_mem(b, o, n, memory_backend_page(b, &backend) > 0);
        put_str(b, o, "memdev", id.s);
        put_attr_uint(b, o, "memaddr", xml_child(target, "address"), "base");
        put_alias(b, o, n);
        put_module_address(b, o, n);
        add_props(b, QEMU_PART_DEVICE, o);
}
