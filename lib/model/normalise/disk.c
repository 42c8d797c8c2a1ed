/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* disk: bus from the name of the target, driver, source by type. */

#include <inttypes.h>

#include "base/strings.h"
#include "disk-order.h"
#include "normalise.h"

static int check_target(Normaliser *n, xmlNode *disk) {
        xmlNode *target = xml_child(disk, "target");
        const char *dev = xml_attr(target, "dev");

        if (!dev || !*dev)
                return fail_xml(n, target ?: disk, "no target device is given");
        if (disk_index(dev) < 0) {
                const char *nvme = startswith(dev, "nvme");
                bool partition = nvme ? strchr(nvme, 'p') != NULL : strpbrk(dev, "0123456789") != NULL;

                return fail_unsupported(n, target, partition ?
                                        "invalid disk target '%s', partitions can't appear in disk targets" :
                                        "unknown disk name '%s'", dev);
        }

        for (size_t i = 0; i < DISK_PREFIXES && !xml_attr(target, "bus"); i++)
                if (startswith(dev, disk_prefixes[i].prefix))
                        norm_set(n, target, "bus", disk_prefixes[i].bus);

        for (size_t i = 0; i < DISK_PREFIXES; i++)
                if (xml_attr_is(target, "bus", disk_prefixes[i].bus) &&
                    (streq(disk_prefixes[i].bus, "xen") || streq(disk_prefixes[i].bus, "uml")))
                        return fail_unsupported(n, target, "disk bus '%s' is not supported", disk_prefixes[i].bus);
        if (n->q35 && xml_attr_is(target, "bus", "ide"))
                return fail_unsupported(n, target,
                                        "IDE controllers are unsupported for this QEMU binary or machine type");

        if (xml_attr_is(disk, "device", "floppy") && !xml_attr_is(target, "bus", "fdc") &&
            !xml_attr_is(target, "bus", "usb"))
                return fail(n, target, -EBADMSG, ERROR_INTERNAL, "Invalid bus type '%s' for floppy disk",
                            attr_or(target, "bus", ""));

        for (xmlNode *other = xml_next(disk, "disk"); other; other = xml_next(other, "disk"))
                if (streq_ptr(xml_get(other, "target/@dev"), dev))
                        return fail_xml(n, other, "target '%s' duplicated for disk sources", dev);

        return 0;
}

/* Drives that may stand empty. */
bool disk_is_removable(const xmlNode *disk) {
        return xml_attr_is(disk, "device", "cdrom") || xml_attr_is(disk, "device", "floppy");
}

static int check_driver(Normaliser *n, xmlNode *disk) {
        xmlNode *driver = norm_ensure(n, disk, "driver");
        const char *cache = attr_or(driver, "cache", "");
        const char *bus = attr_or(xml_child(disk, "target"), "bus", "");

        norm_set_default(n, driver, "name", "qemu");
        if (!xml_attr_is(disk, "type", "volume"))
                norm_set_default(n, driver, "type", xml_attr_is(disk, "type", "dir") ? "fat" : "raw");
        if (streq(cache, "default"))
                xml_unset_attr(driver, "cache");
        if (!xml_attr_is(driver, "name", "qemu"))
                return fail_unsupported(n, driver, "unsupported driver name '%s' for disk",
                                        attr_or(driver, "name", ""));

        if (xml_child(disk, "shareable") && !xml_child(disk, "readonly") && !xml_attr_is(driver, "type", "raw"))
                return fail_unsupported(n, xml_child(disk, "shareable"),
                                        "shared access for disk '%s' requires use of supported storage format",
                                        attr_or(xml_child(disk, "target"), "dev", ""));
        if (xml_attr_is(driver, "io", "native") && !streq(cache, "none") && !streq(cache, "directsync"))
                return fail_unsupported(
                        n, driver,
                        "native I/O needs either no disk cache or directsync cache mode, QEMU will fallback to "
                        "aio=threads");
        if (xml_attr(driver, "iothread") && !streq(bus, "virtio"))
                return fail_unsupported(n, driver, "IOThreads not available for bus %s", bus);
        if (xml_attr(driver, "iothread") && !has_iothread(n, number_or(driver, "iothread", 0)))
                return fail_unsupported(n, driver, "Disk iothread '%s' not defined in iothreadid",
                                        xml_attr(driver, "iothread"));
        if (xml_attr_is(driver, "copy_on_read", "on") && (xml_child(disk, "readonly") || xml_child(disk, "shareable")))
                return fail_unsupported(n, driver, "copy_on_read is not compatible with read-only disk '%s'",
                                        attr_or(xml_child(disk, "target"), "dev", ""));
        if (!streq(bus, "virtio") && (xml_attr(driver, "ioeventfd") || xml_attr(driver, "event_idx") ||
                                      xml_attr(driver, "queues") || xml_attr(driver, "queue_size")))
                return fail_unsupported(n, driver, "%s is only supported for virtio bus",
                                        xml_attr(driver, "ioeventfd") ? "ioeventfd" :
                                        xml_attr(driver, "event_idx") ? "event_idx" :
                                        xml_attr(driver, "queues") ? "queues attribute in disk driver" : "queue_size");

        return streq(bus, "virtio") ? 0 : refuse_virtio_options(n, disk);
}

/* What not every source has. */
static int check_kind(Normaliser *n, xmlNode *disk) {
        static const char *const of_units[] = { "rawio", "sgio" };
        xmlNode *transient = xml_child(disk, "transient"), *driver = xml_child(disk, "driver");
        bool dir = xml_attr_is(disk, "type", "dir"), fat = xml_attr_is(driver, "type", "fat");

        /* what a volume is its pool knows */
        if (dir != fat && !xml_attr_is(disk, "type", "volume"))
                return fail_unsupported(n, driver, dir ? "unsupported disk driver type '%s' for a folder of the host" :
                                        "unsupported disk driver type '%s': it needs a disk of type 'dir'",
                                        attr_or(driver, "type", ""));
        if (xml_attr_is(disk, "device", "lun") && xml_attr_is(xml_child(disk, "target"), "bus", "virtio"))
                return fail_unsupported(n, disk, "This QEMU doesn't support SCSI emulation with 'virtio-blk' device");
        for (size_t i = 0; i < ELEMENTSOF(of_units); i++)
                if (xml_attr(disk, of_units[i]) && !xml_attr_is(disk, "device", "lun"))
                        return fail_unsupported(n, disk, "%s can be used only with device='lun'", of_units[i]);
        if (transient && (xml_child(disk, "readonly") || !xml_attr_is(disk, "device", "disk")))
                return fail_unsupported(n, transient, "read-only disks and drives cannot be transient");
        if (transient && !xml_attr_is(disk, "type", "file"))
                return fail_unsupported(n, transient, "only disks of type 'file' can be transient");
        return 0;
}

/* A namespace of an NVMe controller is a disk, and it has no more than blocks: QEMU would not start. */
static int check_namespace(Normaliser *n, xmlNode *disk) {
        static const char *const without[] = { "driver/@error_policy", "driver/@rerror_policy", "geometry",
                                               "target/@rotation_rate" };
        xmlNode *serial = xml_child(disk, "serial");

        if (!xml_attr_is(xml_child(disk, "target"), "bus", "nvme"))
                return 0;
        if (!xml_attr_is(disk, "device", "disk"))
                return fail_unsupported(n, disk, "disk device '%s' is not supported for bus 'nvme'",
                                        attr_or(disk, "device", ""));
        for (size_t i = 0; i < ELEMENTSOF(without); i++)
                if (xml_find(disk, without[i]) || xml_get(disk, without[i]))
                        return fail_unsupported(n, disk, "a disk on bus nvme has no '%s'", without[i]);
        if (serial && strlen(xml_text(serial)) > NVME_SERIAL_MAX)
                return fail_unsupported(n, serial, "the serial of an NVMe controller has at most %u characters",
                                        NVME_SERIAL_MAX);
        return 0;
}

/* A geometry is a property of hard disks, and how the BIOS translates it one of ATA's: QEMU would not start. */
static int check_geometry(Normaliser *n, xmlNode *disk) {
        static const char *const without[] = { "usb", "fdc", "sd" };
        xmlNode *geometry = xml_child(disk, "geometry");
        const char *bus = attr_or(xml_child(disk, "target"), "bus", "");

        if (!geometry)
                return 0;
        for (size_t i = 0; i < ELEMENTSOF(without); i++)
                if (streq(bus, without[i]))
                        return fail_unsupported(n, geometry, "CHS geometry can not be set for '%s' bus", bus);
        if (!xml_attr_is(disk, "device", "disk"))
                return fail_unsupported(n, geometry, "CHS geometry can not be set for a disk of device '%s'",
                                        attr_or(disk, "device", ""));
        if (xml_attr(geometry, "trans") && !streq(bus, "ide") && !streq(bus, "sata"))
                return fail_unsupported(n, geometry, "CHS translation mode can only be set for 'ide' bus not '%s'",
                                        bus);
        return 0;
}

static bool is_wwn(const char *s) {
        s = startswith(s, "0x") ?: s;
        return strspn(s, "0123456789abcdefABCDEF") == 16 && !s[16];
}

/* Strings that SCSI carries have room for so much. */
static int check_identification(Normaliser *n, xmlNode *disk) {
        static const struct {
                const char *name;
                size_t max;
                const char *buses[3];
        } limits[] = {
                { "vendor", 8, { "scsi" } },
                { "product", 16, { "scsi", "sata", "ide" } },
                { "wwn", 18, { "scsi", "sata", "ide" } },
        };
        xmlNode *wwn = xml_child(disk, "wwn");
        const char *bus = attr_or(xml_child(disk, "target"), "bus", "");

        for (size_t i = 0; i < ELEMENTSOF(limits); i++) {
                xmlNode *e = xml_child(disk, limits[i].name);

                bool has = false;

                for (size_t j = 0; j < ELEMENTSOF(limits[i].buses) && limits[i].buses[j]; j++)
                        has |= streq(limits[i].buses[j], bus);
                if (e && !has)
                        return fail_unsupported(n, e, "a disk on bus %s has no '%s'", bus, limits[i].name);
                if (e && strlen(xml_text(e)) > limits[i].max)
                        return fail_unsupported(n, e, "disk %s is more than %zu characters", limits[i].name,
                                                limits[i].max);
                for (const char *s = xml_text(e); s && *s; s++)
                        if (*s < ' ' || *s > '~')
                                return fail_xml(n, e, "disk %s is not printable string", limits[i].name);
        }
        if (wwn && !is_wwn(xml_text(wwn)))
                return fail_xml(n, wwn, "malformed wwn: %s", xml_text(wwn));

        drop_empty(disk, "serial");
        return 0;
}

static void write_target(Normaliser *n, xmlNode *disk) {
        xmlNode *target = xml_child(disk, "target");
        bool cdrom = xml_attr_is(disk, "device", "cdrom");

        if (!disk_is_removable(disk) || !xml_attr_is(target, "tray", "open"))
                xml_unset_attr(target, "tray");
        if (cdrom) {
                (void) norm_ensure(n, disk, "readonly");
                if (xml_attr_is(disk, "snapshot", "no"))
                        xml_unset_attr(disk, "snapshot");
        }
        if (xml_attr_is(disk, "type", "vhostuser"))
                norm_set_default(n, disk, "snapshot", "no");
        if (!xml_attr_is(target, "bus", "usb") && !xml_attr_is(target, "bus", "scsi"))
                xml_unset_attr(target, "removable");
}

/* Numbers that a running guest's nodes had, and the copy that was being made of a disk. */
static void drop_live(xmlNode *disk) {
        for (xmlNode *layer = disk; layer; layer = xml_child(layer, "backingStore")) {
                xml_unset_attr(xml_child(layer, "source"), "index");
                xml_remove(xml_child(layer, "mirror"));
                if (layer != disk)
                        xml_unset_attr(layer, "index");
        }
}

/* Disks of one bus are listed together, in the order of their names. */
static int order_disks(Normaliser *n) {
        _cleanup_free_ xmlNode **disks = NULL;
        size_t count = 0;

        XML_FOREACH(disk, n->devices, "disk")
                count++;
        disks = calloc(count + 1, sizeof(*disks));
        if (!disks)
                return -ENOMEM;
        count = 0;
        XML_FOREACH(disk, n->devices, "disk")
                disks[count++] = disk;

        for (size_t i = 0; i < count; i++)
                xmlUnlinkNode(disks[i]);
        for (size_t i = 0; i < count; i++)
                disk_place(n->devices, disks[i]);
        return 0;
}

/* The cache of an image's tables, in bytes. */
static int write_cache_size(Normaliser *n, xmlNode *size) {
        uint64_t bytes;
        char text[24];

        if (!size)
                return 0;
        if (size_parse(xml_text(size), xml_attr(size, "unit"), 1, &bytes) < 0)
                return fail_xml(n, size, "malformed size");

        snprintf(text, sizeof(text), "%" PRIu64, bytes);
        norm_set(n, size, "unit", "bytes");
        norm_set_text(n, size, text);
        return 0;
}

static int write_cache_sizes(Normaliser *n, xmlNode *disk) {
        int r;

        r = write_cache_size(n, xml_find(disk, "driver/metadata_cache/max_size"));
        for (xmlNode *l = xml_child(disk, "backingStore"); l && r >= 0; l = xml_child(l, "backingStore"))
                r = write_cache_size(n, xml_find(l, "format/metadata_cache/max_size"));
        return r;
}

/* Images are opened as root and handed over: who owns them and how they are labelled stays as it is, and QEMU gets at
 * them whatever a label says. */
static int check_labels(Normaliser *n, xmlNode *disk) {
        for (xmlNode *layer = disk; layer; layer = xml_child(layer, "backingStore"))
                for (xmlNode *label = xml_child(xml_child(layer, "source"), "seclabel"), *next; label; label = next) {
                        next = xml_next(label, "seclabel");
                        if (xml_attr_is(label, "relabel", "yes") && !xml_child(label, "label"))
                                return fail_xml(n, label, "Cannot specify relabel if label is missing. model=%s",
                                                attr_or(label, "model", "none"));
                        for (xmlNode *other = next; other; other = xml_next(other, "seclabel"))
                                if (streq_ptr(xml_attr(other, "model"), xml_attr(label, "model")))
                                        return fail_xml(n, other, "seclabel for model %s is already provided",
                                                        attr_or(other, "model", "none"));
                        /* said of a run alone */
                        if (xml_attr_is(label, "labelskip", "yes"))
                                xml_remove(label);
                }

        return 0;
}

int normalise_disks(Normaliser *n) {
        int r;

        XML_FOREACH(disk, n->devices, "disk") {
                norm_set_default(n, disk, "type", "file");
                norm_set_default(n, disk, "device", "disk");
                drop_live(disk);
                r = check_target(n, disk);
                if (r >= 0)
                        r = normalise_disk_source(n, disk);
                if (r >= 0)
                        r = check_driver(n, disk);
                if (r >= 0)
                        r = check_kind(n, disk);
                if (r >= 0)
                        r = check_namespace(n, disk);
                if (r >= 0)
                        r = check_geometry(n, disk);
                if (r >= 0)
                        r = check_identification(n, disk);
                if (r >= 0)
                        r = write_cache_sizes(n, disk);
                if (r >= 0)
                        r = normalise_throttle(n, disk);
                if (r >= 0)
                        r = check_labels(n, disk);
                if (r < 0)
                        return r;
                write_target(n, disk);
        }

        return order_disks(n);
}
