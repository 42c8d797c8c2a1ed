/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* PCI devices. */

#include <dirent.h>
#include <fcntl.h>
#include <systemd/sd-hwdb.h>

#include "base/strings.h"
#include "model/definition.h"
#include "nodedev.h"
#include "vpd.h"

#define GROUP_MAX 256U
#define HEADER_TYPE 0x0e /* offset in the configuration space */

static bool is(sd_device *d, const char *subsystem, const char *devtype) {
        return streq(subsystem, "pci");
}

/* "0000:00:1f.2" */
static int parse_address(const char *s, PciAddress *ret) {
        char end;

        return sscanf(s, "%x:%x:%x.%x%c", &ret->domain, &ret->bus, &ret->slot, &ret->function, &end) == 4 ? 0 : -EINVAL;
}

static void add_address(Description *d, DocumentElement *parent, const char *text) {
        DocumentElement *n;
        PciAddress a;

        if (parse_address(text, &a) < 0)
                return;
        n = document_add(d->writer, parent, "address", NULL);
        document_attrf(d->writer, n, "domain", "0x%04x", a.domain);
        document_attrf(d->writer, n, "bus", "0x%02x", a.bus);
        document_attrf(d->writer, n, "slot", "0x%02x", a.slot);
        document_attrf(d->writer, n, "function", "0x%01x", a.function);
}

/* The last part of what the link DEVICE/name leads to; the caller's. */
static char *link_target(sd_device *d, const char *name) {
        _cleanup_free_ char *path = NULL;
        const char *syspath;
        char target[PATH_MAX];
        ssize_t n;

        if (sd_device_get_syspath(d, &syspath) < 0)
                return NULL;
        path = text_format("%s/%s", syspath, name);
        n = path ? readlink(path, target, sizeof(target) - 1) : -1;
        if (n <= 0)
                return NULL;
        target[n] = '\0';
        return strdup(strrchr(target, '/') ? strrchr(target, '/') + 1 : target);
}

static int by_name(const struct dirent **a, const struct dirent **b) {
        return strcmp((*a)->d_name, (*b)->d_name);
}

static int is_entry(const struct dirent *e) {
        return e->d_name[0] != '.';
}

/* The entries of a folder below the device, in order. */
static void for_each_entry(sd_device *d, const char *folder,
                           void (*f)(Description *to, DocumentElement *parent, const char *name), Description *to,
                           DocumentElement *parent) {
        _cleanup_free_ char *path = NULL;
        struct dirent **list;
        const char *syspath;
        int n;

        if (sd_device_get_syspath(d, &syspath) < 0 || !(path = text_format("%s/%s", syspath, folder)))
                return;
        n = scandir(path, &list, is_entry, by_name);
        for (int i = 0; i < n; i++) {
                if (i < (int) GROUP_MAX)
                        f(to, parent, list[i]->d_name);
                free(list[i]);
        }
        if (n >= 0)
                free(list);
}

/* --- names of makers and models: udev's, or where it is not running those of its database --- */

static void add_ids(Description *d) {
        const char *model = device_property(d->device, "ID_MODEL_FROM_DATABASE"), *modalias;
        const char *vendor = device_property(d->device, "ID_VENDOR_FROM_DATABASE");
        _cleanup_(sd_hwdb_unrefp) sd_hwdb *hwdb = NULL;

        modalias = model ? NULL : device_attribute(d->device, "modalias");
        if (modalias && sd_hwdb_new(&hwdb) >= 0) {
                (void) sd_hwdb_get(hwdb, modalias, "ID_MODEL_FROM_DATABASE", &model);
                (void) sd_hwdb_get(hwdb, modalias, "ID_VENDOR_FROM_DATABASE", &vendor);
        }
        describe_id(d, "product", "device", model);
        describe_id(d, "vendor", "vendor", vendor);
}

/* --- further capabilities --- */

static bool has_mdev_types(sd_device *d) {
        const char *syspath;
        _cleanup_free_ char *path = NULL;

        if (sd_device_get_syspath(d, &syspath) < 0)
                return false;
        path = text_format("%s/mdev_supported_types", syspath);
        return path && access(path, F_OK) == 0;
}

static void add_virtual_function(Description *d, DocumentElement *parent, const char *name) {
        _cleanup_free_ char *target = startswith(name, "virtfn") ? link_target(d->device, name) : NULL;

        if (target)
                add_address(d, parent, target);
}

static void add_functions(Description *d) {
        long long max = device_number(d->device, "sriov_totalvfs", 10);
        _cleanup_free_ char *physical = link_target(d->device, "physfn");
        DocumentElement *n;

        if (physical) {
                n = document_add(d->writer, d->capability, "capability", NULL);
                document_attr(d->writer, n, "type", "phys_function");
                add_address(d, n, physical);
        }
        if (max > 0) {
                n = document_add(d->writer, d->capability, "capability", NULL);
                document_attr(d->writer, n, "type", "virt_functions");
                document_attrf(d->writer, n, "maxCount", "%lli", max);
                for_each_entry(d->device, ".", add_virtual_function, d, n);
        }
}

static void add_bridge(Description *d) {
        static const char *const types[] = { NULL, "pci-bridge", "cardbus-bridge" };
        _cleanup_free_ char *path = NULL;
        _cleanup_close_ int fd = -EBADF;
        const char *syspath;
        uint8_t header;

        if (sd_device_get_syspath(d->device, &syspath) < 0 || !(path = text_format("%s/config", syspath)))
                return;
        fd = open(path, O_RDONLY | O_CLOEXEC);
        if (fd < 0 || pread(fd, &header, 1, HEADER_TYPE) != 1)
                return;
        header &= 0x7f;
        if (header > 0 && header < ELEMENTSOF(types))
                document_attr(d->writer, document_add(d->writer, d->capability, "capability", NULL), "type",
                              types[header]);
}

static void add_mdev_type(Description *d, DocumentElement *parent, const char *id) {
        static const struct {
                const char *element, *file;
        } rows[] = { { "name", "name" },
                     { "deviceAPI", "device_api" },
                     { "availableInstances", "available_instances" } };
        DocumentElement *n = document_add(d->writer, parent, "type", NULL);

        document_attr(d->writer, n, "id", id);
        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                _cleanup_free_ char *name = text_format("mdev_supported_types/%s/%s", id, rows[i].file);
                const char *value = name ? device_attribute(d->device, name) : NULL;

                if (value)
                        document_add(d->writer, n, rows[i].element, value);
        }
}

static void add_mdev_types(Description *d) {
        DocumentElement *n;

        if (!has_mdev_types(d->device))
                return;
        n = document_add(d->writer, d->capability, "capability", NULL);
        document_attr(d->writer, n, "type", "mdev_types");
        for_each_entry(d->device, "mdev_supported_types", add_mdev_type, d, n);
}

/* --- vital product data --- */

static int open_vpd(sd_device *d) {
        _cleanup_free_ char *path = NULL;
        const char *syspath;

        if (sd_device_get_syspath(d, &syspath) < 0 || !(path = text_format("%s/vpd", syspath)))
                return -ENOENT;
        return open(path, O_RDONLY | O_CLOEXEC);
}

static bool has_vpd(sd_device *d) {
        _cleanup_close_ int fd = open_vpd(d);

        return fd >= 0 && vpd_is_begun(fd);
}

/* "V0" is a <vendor_field index='0'>. */
static const struct {
        const char *keyword, *element;
        bool indexed;           /* the keyword is only the first letter of it */
} vpd_elements[] = {
        { "EC", "change_level", false }, { "MN", "manufacture_id", false }, { "PN", "part_number", false },
        { "SN", "serial_number", false }, { "YA", "asset_tag", false },      { "V", "vendor_field", true },
        { "Y", "system_field", true },
};

static bool is_element(const char *keyword, size_t i) {
        return vpd_elements[i].indexed ? keyword[0] == vpd_elements[i].keyword[0] && !streq(keyword, "YA")
                                       : streq(keyword, vpd_elements[i].keyword);
}

/* In the order of the schema. */
static void add_vpd_fields(Description *d, DocumentElement *parent, const Vpd *v, bool writable) {
        DocumentElement *fields = NULL;

        for (size_t i = 0; i < ELEMENTSOF(vpd_elements); i++)
                for (size_t k = 0; k < v->n; k++) {
                        const VpdField *f = &v->fields[k];
                        DocumentElement *n;

                        if (f->writable != writable || !is_element(f->keyword, i))
                                continue;
                        if (!fields) {
                                fields = document_add(d->writer, parent, "fields", NULL);
                                document_attr(d->writer, fields, "access", writable ? "readwrite" : "readonly");
                        }
                        n = document_add(d->writer, fields, vpd_elements[i].element, f->value);
                        if (vpd_elements[i].indexed)
                                document_attr(d->writer, n, "index", f->keyword + 1);
                }
}

void pci_describe_vpd(Description *d, const Vpd *v) {
        DocumentElement *n = document_add(d->writer, d->capability, "capability", NULL);

        document_attr(d->writer, n, "type", "vpd");
        document_add(d->writer, n, "name", v->name);
        add_vpd_fields(d, n, v, false);
        add_vpd_fields(d, n, v, true);
}

static void add_vpd(Description *d) {
        _cleanup_close_ int fd = open_vpd(d->device);
        _cleanup_vpd_ Vpd v = {};

        if (fd >= 0 && vpd_read(fd, &v) >= 0)
                pci_describe_vpd(d, &v);
}

/* --- where it is --- */

static void add_group(Description *d) {
        _cleanup_free_ char *number = link_target(d->device, "iommu_group");
        DocumentElement *n;

        if (!number)
                return;
        n = document_add(d->writer, d->capability, "iommuGroup", NULL);
        document_attr(d->writer, n, "number", number);
        for_each_entry(d->device, "iommu_group/devices", add_address, d, n);
}

/* "8.0 GT/s PCIe" and "16" */
static void add_link(Description *d, DocumentElement *parent, const char *validity, const char *speed,
                     const char *width) {
        const char *s = device_attribute(d->device, speed);
        long long w = device_number(d->device, width, 10);
        DocumentElement *n;
        double gt;

        if (w <= 0)
                return;
        n = document_add(d->writer, parent, "link", NULL);
        document_attr(d->writer, n, "validity", validity);
        if (s && sscanf(s, "%lf GT/s", &gt) == 1)
                document_attrf(d->writer, n, "speed", "%g", gt);
        document_attrf(d->writer, n, "width", "%lli", w);
}

static void add_express(Description *d) {
        DocumentElement *n;

        if (device_number(d->device, "max_link_width", 10) <= 0 ||
            device_number(d->device, "max_link_width", 10) == 255)
                return;
        n = document_add(d->writer, d->capability, "pci-express", NULL);
        add_link(d, n, "cap", "max_link_speed", "max_link_width");
        add_link(d, n, "sta", "current_link_speed", "current_link_width");
}

static void describe(Description *d) {
        long long class = device_number(d->device, "class", 16), node = device_number(d->device, "numa_node", 10);
        const char *sysname;
        PciAddress a;

        if (class >= 0)
                document_addf(d->writer, d->capability, "class", "0x%06llx", (unsigned long long) class);
        if (sd_device_get_sysname(d->device, &sysname) >= 0 && parse_address(sysname, &a) >= 0) {
                describe_number(d, "domain", a.domain);
                describe_number(d, "bus", a.bus);
                describe_number(d, "slot", a.slot);
                describe_number(d, "function", a.function);
        }
        add_ids(d);
        add_functions(d);
        add_bridge(d);
        add_mdev_types(d);
        add_vpd(d);
        add_group(d);
        if (node >= 0)
                document_attrf(d->writer, document_add(d->writer, d->capability, "numa", NULL), "node", "%lli", node);
        add_express(d);
}

/* A device that saves power has a slower link. */
static void unannounced(const char *syspath, StrBuf *to) {
        unannounced_attribute(to, syspath, "current_link_speed");
        unannounced_attribute(to, syspath, "current_link_width");
}

static const DeviceFeature features[] = { { "mdev_types", 8192, has_mdev_types }, { "vpd", 2097152, has_vpd }, {} };

const DeviceKind device_pci = {
        .capability = "pci", .flag = 2, .is = is, .describe = describe, .features = features,
        .unannounced = unannounced,
};
