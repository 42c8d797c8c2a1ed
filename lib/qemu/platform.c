/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* <iommu>, <vsock>, <crypto>, <pstore>: devices of the platform. */

#include "build.h"

static void build_intel_iommu(Build *b, const xmlNode *n) {
        const xmlNode *driver = xml_child(n, "driver");
        json_t *o = device_new(b, "intel-iommu");

        put_alias(b, o, n);
        put_attr_onoff(b, o, "intremap", driver, "intremap");
        put_attr_bool(b, o, "caching-mode", driver, "caching_mode");
        put_attr_onoff(b, o, "eim", driver, "eim");
        put_attr_bool(b, o, "device-iotlb", driver, "iotlb");
        put_attr_uint(b, o, "aw-bits", driver, "aw_bits");
        put_attr_bool(b, o, "dma-translation", driver, "dma_translation");
        add_props(b, QEMU_PART_DEVICE, o);
}

void build_iommu(Build *b, const xmlNode *n) {
        const char *model = xml_attr(n, "model") ?: "";
        json_t *o;

        if (streq(model, "intel")) {
                build_intel_iommu(b, n);
        } else if (streq(model, "virtio")) {
                o = device_new(b, "virtio-iommu");
                put_alias(b, o, n);
                put_address(b, o, n);
                add_props(b, QEMU_PART_DEVICE, o);
        } else {
                build_refuse(b, n, "IOMMU model '%s' is not supported", model);
        }
}

/* The address is of this run where the definition leaves it open; the host's end is a descriptor. */
void build_vsock(Build *b, const xmlNode *n) {
        const QemuChardev *res = build_find_chardev(b, n);
        const xmlNode *cid = xml_child(n, "cid");
        bool shown = b->res->recorded || b->res->stand_ins;
        DriverName name;
        json_t *o;

        if (!xml_attr(cid, "address") && !shown)
                build_invalid(b, cid ?: n, "no context id was chosen for this run");
        if (!shown && (!res || res->fd < 0))
                build_invalid(b, n, "/dev/vhost-vsock was not opened for this");
        o = device_new(b, virtio_driver(b, n, "vhost-vsock", xml_attr(n, "model"), &name));
        put_virtio(b, o, n);
        put_alias(b, o, n);
        put_int(b, o, "guest-cid", (long long) attr_u64(b, cid, "address", 42));
        put_strf(b, o, "vhostfd", "%d", shown || !res ? 6789 : res->fd);
        put_address(b, o, n);
        add_props(b, QEMU_PART_DEVICE, o);
}

void build_crypto(Build *b, const xmlNode *n) {
        const xmlNode *backend = xml_child(n, "backend");
        DriverName id;
        json_t *o;

        snprintf(id.s, sizeof(id.s), "obj%.58s", need_alias(b, n));
        o = build_object(b,
                         xml_attr_is(backend, "model", "lkcf") ? "cryptodev-backend-lkcf" : "cryptodev-backend-builtin",
                         id.s);
        put_attr_uint(b, o, "queues", backend, "queues");
        add_props(b, QEMU_PART_OBJECT, o);

        o = device_new(b, "virtio-crypto-pci");
        put_virtio(b, o, n);
        put_str(b, o, "cryptodev", id.s);
        put_alias(b, o, n);
        put_address(b, o, n);
        add_props(b, QEMU_PART_DEVICE, o);
}

void build_pstore(Build *b, const xmlNode *n) {
        DriverName id;
        json_t *o;

        snprintf(id.s, sizeof(id.s), "mem%.58s", need_alias(b, n));
        o = build_object(b, "memory-backend-file", id.s);
        put_str(b, o, "mem-path", xml_get(n, "path"));
        put_int(b, o, "size", (long long) element_size(b, xml_child(n, "size"), 1024));
        put_bool(b, o, "share", true);
        add_props(b, QEMU_PART_OBJECT, o);

        o = device_new(b, "acpi-erst");
        put_alias(b, o, n);
        put_str(b, o, "memdev", id.s);
        put_address(b, o, n);
        add_props(b, QEMU_PART_DEVICE, o);
}
