/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Devices that belong to the platform more than to a bus: iommu, vsock, crypto, pstore. */

#include <inttypes.h>

#include "base/strings.h"
#include "normalise.h"

/* 0 to 2 are the hypervisor, the loop and the host. */
#define FIRST_CID 3U

static int check_intel(Normaliser *n, xmlNode *iommu) {
        xmlNode *driver = xml_child(iommu, "driver");

        xml_remove_children(iommu, "address");
        if (xml_attr_is(driver, "eim", "on") && !xml_attr_is(driver, "intremap", "on"))
                return fail_unsupported(n, driver, "IOMMU eim requires interrupt remapping to be enabled");
        if (xml_attr_is(driver, "intremap", "on") && !streq_ptr(xml_get(n->root, "features/ioapic/@driver"), "qemu"))
                return fail_unsupported(n, driver,
                                        "IOMMU interrupt remapping requires split I/O APIC (ioapic driver='qemu')");

        return 0;
}

static int check_virtio_iommu(Normaliser *n, xmlNode *iommu) {
        if (!xml_find(n->root, "features/acpi"))
                return fail_unsupported(n, iommu, "IOMMU device: 'virtio' requires ACPI");
        if (xml_child(iommu, "driver"))
                return fail_xml(n, iommu, "iommu model 'virtio' doesn't support additional attributes");
        if (device_address(iommu) && !xml_attr_is(device_address(iommu), "type", "pci"))
                return fail_unsupported(n, iommu, "IOMMU device: 'virtio' needs a PCI address");
        if (number_or(device_address(iommu), "bus", 0) > 0)
                return fail_xml(n, iommu, "The IOMMU device needs to be an integrated device (bus=0)");

        return 0;
}

static int normalise_iommus(Normaliser *n) {
        XML_FOREACH(iommu, n->devices, "iommu") {
                bool virtio = xml_attr_is(iommu, "model", "virtio");
                int r;

                if (!xml_attr(iommu, "model"))
                        return fail_xml(n, iommu, "missing model of the IOMMU device");
                if (xml_next(iommu, "iommu"))
                        return fail_unsupported(n, xml_next(iommu, "iommu"), "only one IOMMU device is supported");
                if (!n->q35)
                        return fail_unsupported(n, iommu, "IOMMU device: '%s' is only supported with Q35%s machines",
                                                xml_attr(iommu, "model"), virtio ? " and ARM Virt" : "");
                drop_empty(iommu, "driver");
                r = virtio ? check_virtio_iommu(n, iommu) : check_intel(n, iommu);
                if (r < 0)
                        return r;
        }

        return 0;
}

static int normalise_vsock(Normaliser *n) {
        xmlNode *vsock = xml_child(n->devices, "vsock"), *cid;

        if (!vsock)
                return 0;
        norm_set_default(n, vsock, "model", "virtio");
        cid = norm_ensure(n, vsock, "cid");
        if (xml_attr(cid, "address") && number_or(cid, "address", 0) < FIRST_CID)
                return fail_xml(n, cid, "guest CIDs must be >= %u", FIRST_CID);
        norm_set_default(n, cid, "auto", xml_attr(cid, "address") ? "no" : "yes");
        if (xml_attr_is(cid, "auto", "no") && !xml_attr(cid, "address"))
                return fail_xml(n, cid, "a fixed context id of a vsock needs an address");
        /* With auto an address is left over from a run: it is shown, and the next run chooses again. */
        drop_empty(vsock, "driver");
        return 0;
}

static int normalise_cryptos(Normaliser *n) {
        XML_FOREACH(crypto, n->devices, "crypto") {
                if (!xml_attr(crypto, "model"))
                        return fail_xml(n, crypto, "missing crypto device model");
                if (!xml_attr(crypto, "type"))
                        return fail_xml(n, crypto, "missing crypto device type");
                if (!xml_attr(xml_child(crypto, "backend"), "model"))
                        return fail_xml(n, crypto, "missing crypto device backend model");
                drop_empty(crypto, "driver");
        }

        return 0;
}

static int normalise_pstore(Normaliser *n) {
        xmlNode *pstore = xml_child(n->devices, "pstore"), *size = xml_child(pstore, "size");
        _cleanup_free_ char *path = NULL;
        uint64_t bytes;
        char text[24];

        if (!pstore)
                return 0;
        norm_set_default(n, pstore, "backend", "acpi-erst");
        if (!size || size_parse(xml_text(size), xml_attr(size, "unit"), 1024, &bytes) < 0 || bytes < 1024)
                return fail_xml(n, size ?: pstore, "missing or malformed size of the pstore");
        if (!xml_find(n->root, "features/acpi"))
                return fail_unsupported(n, pstore, "pstore of backend acpi-erst requires ACPI");
        if (!xml_child(pstore, "path")) {
                path = text_format("/var/lib/libvirt/qemu/nvram/%s_PSTORE.raw", definition_name(n->d));
                if (!path)
                        return -ENOMEM;
                norm_set_text(n, norm_add(n, pstore, "path"), path);
        }
        snprintf(text, sizeof(text), "%" PRIu64, bytes / 1024);
        norm_set(n, size, "unit", "KiB");
        norm_set_text(n, size, text);
        return 0;
}

#define APPID_MAX 128U

/* What a Fibre Channel card writes into the frames of the guest's traffic: the kernel takes one line. */
static int check_appid(Normaliser *n) {
        const xmlNode *fibrechannel = xml_find(n->root, "resource/fibrechannel");
        const char *id = xml_attr(fibrechannel, "appid") ?: "";

        if (!fibrechannel)
                return 0;
        for (const char *p = id; *p; p++)
                if (*p < ' ' || *p > '~')
                        return fail_xml(n, fibrechannel, "Fibre Channel 'appid' is not a printable string");
        if (!*id || strlen(id) > APPID_MAX)
                return fail_xml(n, fibrechannel, "Fibre Channel 'appid' string length must be between [1, %u]",
                                APPID_MAX);
        return 0;
}

int normalise_platform(Normaliser *n) {
        int r;

        r = check_appid(n);
        if (r >= 0)
                r = normalise_iommus(n);
        if (r >= 0)
                r = normalise_vsock(n);
        if (r >= 0)
                r = normalise_cryptos(n);

        return r < 0 ? r : normalise_pstore(n);
}
