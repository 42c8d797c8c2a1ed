/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* <disk>: its images (blockdev.c) and the device that shows them to the guest. */

#include "blockdev.h"
#include "qemu/device.h"

#define MAX_LAYERS 200U

static bool disk_is(const xmlNode *disk, const char *device) {
        return streq(xml_attr(disk, "device") ?: "disk", device);
}

/* A disk that several guests write to must not be cached by any of their hosts. */
const char *qemu_disk_cache(const xmlNode *disk) {
        const char *mode = xml_get(disk, "driver/@cache");

        if (!mode && xml_child(disk, "shareable") && !xml_child(disk, "readonly"))
                return "none";
        return mode && streq(mode, "default") ? NULL : mode;
}

static bool disk_has_source(const xmlNode *disk) {
        static const char *const names[] = { "file", "dev", "dir", "protocol", "pool", "type" };
        const xmlNode *source = xml_child(disk, "source");

        for (size_t i = 0; i < ELEMENTSOF(names); i++)
                if (xml_attr(source, names[i]))
                        return true;
        return false;
}

/* An image, and where that keeps its data. */
static unsigned count_images(const xmlNode *layer) {
        return xml_find(layer, "source/dataStore") ? 2 : 1;
}

/* Images of one disk, the one at the top included. */
static unsigned count_layers(const xmlNode *disk) {
        unsigned n = xml_attr_is(disk, "type", "vhostuser") ? 0 : count_images(disk);

        for (const xmlNode *l = xml_child(disk, "backingStore"); l && xml_attr(l, "type") && n < MAX_LAYERS;
             l = xml_child(l, "backingStore"))
                n += count_images(l);
        return n;
}

static unsigned count_filters(const xmlNode *disk) {
        unsigned n = 0;

        XML_FOREACH(filter, xml_child(disk, "throttlefilters"), "throttlefilter")
                n++;
        return n;
}

/* Number of a disk's top image where the definition has none: counted from the last disk. */
static unsigned first_number(const xmlNode *disk) {
        unsigned n = 1;

        for (const xmlNode *d = xml_next(disk, "disk"); d; d = xml_next(d, "disk"))
                n += count_layers(d) + count_filters(d);
        return n;
}

unsigned disk_image_count(const Build *b) {
        unsigned n = 0;

        XML_FOREACH(d, b->devices, "disk")
                n += count_layers(d) + count_filters(d);
        return n;
}

static void image_number(Build *b, Image *image, unsigned otherwise) {
        if (definition_image_number(image->layer, &image->number) < 0)
                image->number = otherwise;
}

/* The images below layer, deepest first; writes the node of the one directly below. */
static void build_backing(Build *b, const xmlNode *disk, const Image *top) {
        unsigned n = 0, numbers[MAX_LAYERS], number = top->number + count_images(disk);
        const xmlNode *layers[MAX_LAYERS];
        Image below = {};

        for (const xmlNode *l = xml_child(disk, "backingStore"); l && xml_attr(l, "type");
             l = xml_child(l, "backingStore")) {
                if (n == MAX_LAYERS) {
                        build_refuse(b, l, "more than %u images in a chain are not supported", MAX_LAYERS);
                        return;
                }
                numbers[n] = number;
                number += count_images(l);
                layers[n++] = l;
        }
        while (n-- > 0) {
                const xmlNode *l = layers[n];
                DriverName node = {};

                below = (Image) {
                        .layer = l,
                        .source = xml_child(l, "source"),
                        .type = xml_attr(l, "type"),
                        .format = xml_get(l, "format/@type"),
                        .cache = top->cache,
                        .io = top->io,
                        .discard = top->discard,
                        .readonly = true,
                        .terminated = xml_child(l, "backingStore"),
                        .auth = xml_find(l, "source/auth"),
                        .encryption = xml_find(l, "source/encryption"),
                        .backing_node = below.backing_node,
                };
                image_number(b, &below, numbers[n]);
                if (xml_get(l, "format/metadata_cache/max_size"))
                        below.max_cache = element_size(b, xml_find(l, "format/metadata_cache/max_size"), 1);
                image_build(b, &below, &node);
                below.backing_node = node;
        }
        *(DriverName *) &top->backing_node = below.backing_node;
}

/* What the guest writes to a transient disk goes to a file of this run, which nobody finds by a name: it is there as
 * long as QEMU has it open. */
static void add_transient(Build *b, const xmlNode *disk, const Image *top, DriverName *node) {
        const QemuOpened *opened = image_opened(b, xml_child(disk, "transient"));
        const char *dev = xml_get(disk, "target/@dev") ?: "";
        json_t *o;

        if (!opened && !b->res->running) {
                build_invalid(b, xml_child(disk, "transient"), "no file for the changes was made");
                return;
        }
        o = device_new(b, "file");
        put_str(b, o, "filename", opened ? opened->path : "/dev/null");
        put_strf(b, o, "node-name", "libvirt-%.16s-changes", dev);
        put_bool(b, o, "read-only", false);
        put_str(b, o, "discard", "unmap");
        image_put_cache(b, o, top->cache);
        add_props(b, QEMU_PART_BLOCKDEV, o);

        o = device_new(b, "qcow2");
        put_strf(b, o, "node-name", "libvirt-%.16s-transient", dev);
        put_bool(b, o, "read-only", false);
        image_put_cache(b, o, top->cache);
        put_strf(b, o, "file", "libvirt-%.16s-changes", dev);
        put_str(b, o, "backing", node->s);
        add_props(b, QEMU_PART_BLOCKDEV, o);
        snprintf(node->s, sizeof(node->s), "libvirt-%.16s-transient", dev);
}

/* Adds the images of a disk; the node that the device uses is written to node. */
static void build_images(Build *b, const xmlNode *disk, DriverName *node) {
        const xmlNode *driver = xml_child(disk, "driver"), *backing = xml_child(disk, "backingStore");
        bool transient = xml_child(disk, "transient");
        Image top = {
                .layer = disk,
                .source = xml_child(disk, "source"),
                .driver = driver,
                .type = xml_attr(disk, "type") ?: "file",
                .format = xml_attr(driver, "type"),
                .cache = qemu_disk_cache(disk),
                .io = xml_attr(driver, "io"),
                .discard = xml_attr(driver, "discard"),
                .readonly = xml_child(disk, "readonly") || disk_is(disk, "cdrom"),
                .cdrom = disk_is(disk, "cdrom"),
                .terminated = backing && !xml_attr(backing, "type"),
                .floppy = disk_is(disk, "floppy"),
                .auth = xml_child(disk, "auth") ?: xml_find(disk, "source/auth"),
                .encryption = xml_child(disk, "encryption") ?: xml_find(disk, "source/encryption"),
        };

        image_number(b, &top, first_number(disk));
        top.max_cache = element_size(b, xml_find(driver, "metadata_cache/max_size"), 1);
        if (streq_ptr(top.io, "native") && !streq_ptr(top.cache, "none") && !streq_ptr(top.cache, "directsync"))
                build_refuse(b, driver, "io 'native' needs cache 'none' or 'directsync'");
        build_backing(b, disk, &top);
        /* who only looks at the arguments is shown what is always there */
        transient = transient && !b->res->recorded && (!b->res->stand_ins || b->res->running);
        top.readonly |= transient;
        image_build(b, &top, node);
        if (transient)
                add_transient(b, disk, &top, node);

        if (streq(xml_attr(driver, "copy_on_read") ?: "off", "on")) {
                json_t *o = props_new(b);
                DriverName file = *node;

                snprintf(node->s, sizeof(node->s), "libvirt-CoR-%.40s", xml_get(disk, "target/@dev") ?: "");
                put_str(b, o, "driver", "copy-on-read");
                put_str(b, o, "node-name", node->s);
                put_str(b, o, "file", file.s);
                put_str(b, o, "discard", "unmap");
                add_props(b, QEMU_PART_BLOCKDEV, o);
        }
        build_throttle_filters(b, disk, top.number + count_layers(disk), node);
}

/* {"iothread": "iothread2", "vqs": [1, 3]} for each thread: shared with SCSI controllers. */
void put_iothreads(Build *b, json_t *o, const xmlNode *driver, QemuCap cap) {
        const xmlNode *threads = xml_child(driver, "iothreads");
        json_t *list;

        if (xml_attr(driver, "iothread"))
                put_strf(b, o, "iothread", "iothread%s", xml_attr(driver, "iothread"));
        if (!threads)
                return;
        if (!qemu_caps_has(b->caps, cap)) {
                build_refuse(b, threads, "queues on several I/O threads are not supported by this QEMU");
                return;
        }
        list = json_array();
        put_json(b, o, "iothread-vq-mapping", list);
        XML_FOREACH(t, threads, "iothread") {
                json_t *entry = props_new(b), *queues = xml_child(t, "queue") ? json_array() : NULL;

                put_strf(b, entry, "iothread", "iothread%s", xml_attr(t, "id") ?: "");
                XML_FOREACH(q, t, "queue")
                        if (queues)
                                json_array_append_new(queues, json_integer((long long) attr_u64(b, q, "id", 0)));
                if (queues)
                        put_json(b, entry, "vqs", queues);
                if (!entry || !list || json_array_append_new(list, entry) < 0)
                        build_fail(b, -ENOMEM);
        }
}

static void put_virtio_blk(Build *b, json_t *o, const xmlNode *disk) {
        const xmlNode *driver = xml_child(disk, "driver");

        put_attr_bool(b, o, "ioeventfd", driver, "ioeventfd");
        put_attr_bool(b, o, "event_idx", driver, "event_idx");
        put_attr_uint(b, o, "num-queues", driver, "queues");
        put_attr_uint(b, o, "queue-size", driver, "queue_size");
        put_iothreads(b, o, driver, QEMU_CAP_BLK_IOTHREAD_VQ_MAPPING);
        put_virtio(b, o, disk);
        put_address(b, o, disk);
}

static const char *drive_controller(Build *b, const xmlNode *disk, const char *bus, DriverName *buf) {
        const xmlNode *address = xml_child(disk, "address");

        if (!xml_attr_is(address, "type", "drive")) {
                build_invalid(b, disk, "a disk on bus '%s' needs an address of type 'drive'", bus);
                return "";
        }
        return controller_name(b, bus, xml_attr(address, "controller") ?: "0", buf);
}

static void put_ide(Build *b, json_t *o, const xmlNode *disk) {
        const xmlNode *address = xml_child(disk, "address");
        DriverName buf;

        put_strf(b, o, "bus", "%s.%llu", drive_controller(b, disk, "ide", &buf),
                 (unsigned long long) attr_u64(b, address, "bus", 0));
        put_int(b, o, "unit", (long long) attr_u64(b, address, "unit", 0));
}

static void put_sata(Build *b, json_t *o, const xmlNode *disk) {
        DriverName buf;

        put_strf(b, o, "bus", "%s.%llu", drive_controller(b, disk, "sata", &buf),
                 (unsigned long long) attr_u64(b, xml_child(disk, "address"), "unit", 0));
}

/* Old SCSI adapters know targets only, the others channel, target and unit. */
void put_scsi_place(Build *b, json_t *o, const xmlNode *disk) {
        static const char *const narrow[] = { "lsilogic", "ncr53c90", "dc390", "am53c974" };
        const xmlNode *address = xml_child(disk, "address"), *controller;
        const char *index = xml_attr(address, "controller") ?: "0", *model;
        DriverName buf;

        put_strf(b, o, "bus", "%s.0", drive_controller(b, disk, "scsi", &buf));
        controller = controller_find(b, "scsi", index);
        model = xml_attr(controller, "model") ?: "lsilogic";
        for (size_t i = 0; i < ELEMENTSOF(narrow); i++)
                if (streq(model, narrow[i])) {
                        if (attr_u64(b, address, "target", 0) != 0)
                                build_refuse(b, address, "target must be 0 for controller model '%s'", model);
                        put_int(b, o, "scsi-id", (long long) attr_u64(b, address, "unit", 0));
                        return;
                }
        put_int(b, o, "channel", (long long) attr_u64(b, address, "bus", 0));
        put_int(b, o, "scsi-id", (long long) attr_u64(b, address, "target", 0));
        put_int(b, o, "lun", (long long) attr_u64(b, address, "unit", 0));
}

/* Namespaces are counted from 1. */
static void put_nvme(Build *b, json_t *o, const xmlNode *disk) {
        DriverName buf;

        put_str(b, o, "bus", drive_controller(b, disk, "nvme", &buf));
        put_int(b, o, "nsid", (long long) attr_u64(b, xml_child(disk, "address"), "unit", 0) + 1);
}

static void put_floppy(Build *b, json_t *o, const xmlNode *disk) {
        put_int(b, o, "unit", (long long) attr_u64(b, xml_child(disk, "address"), "unit", 0));
}

/* One row a bus: the driver for disks, CD drives and whole SCSI devices, and the place on the bus. */
static const struct {
        const char *bus, *disk, *cdrom, *lun, *floppy;
        void (*put_place)(Build *b, json_t *o, const xmlNode *disk);
} buses[] = {
        { "virtio", "virtio-blk", NULL, NULL, NULL, put_virtio_blk },
        { "scsi", "scsi-hd", "scsi-cd", "scsi-block", NULL, put_scsi_place },
        { "ide", "ide-hd", "ide-cd", NULL, NULL, put_ide },
        { "sata", "ide-hd", "ide-cd", NULL, NULL, put_sata },
        { "usb", "usb-storage", "usb-storage", NULL, NULL, put_address },
        { "nvme", "nvme-ns", NULL, NULL, NULL, put_nvme },
        { "fdc", NULL, NULL, NULL, "floppy", put_floppy },
};

static void put_error_policy(Build *b, json_t *o, const xmlNode *driver) {
        const char *write = xml_attr(driver, "error_policy"), *read = xml_attr(driver, "rerror_policy");

        if (write && streq(write, "enospace"))
                write = "enospc";
        else if (write && !read)
                read = write;
        put_str(b, o, "werror", write);
        put_str(b, o, "rerror", read);
}

static void put_geometry(Build *b, json_t *o, const xmlNode *disk) {
        const xmlNode *geometry = xml_child(disk, "geometry"), *blockio = xml_child(disk, "blockio");

        put_attr_uint(b, o, "cyls", geometry, "cyls");
        put_attr_uint(b, o, "heads", geometry, "heads");
        put_attr_uint(b, o, "secs", geometry, "secs");
        put_attr(b, o, "bios-chs-trans", geometry, "trans");
        put_attr_uint(b, o, "logical_block_size", blockio, "logical_block_size");
        put_attr_uint(b, o, "physical_block_size", blockio, "physical_block_size");
        put_attr_uint(b, o, "discard_granularity", blockio, "discard_granularity");
}

/* Names that the guest sees. */
static void put_identity(Build *b, json_t *o, const xmlNode *disk, const char *bus) {
        const char *wwn = xml_get(disk, "wwn"), *product = xml_get(disk, "product");
        unsigned long long value;
        char *end;

        if (wwn) {
                value = strtoull(wwn, &end, 16);
                if (*wwn == 0 || *end || value > INT64_MAX)
                        build_invalid(b, xml_child(disk, "wwn"), "not a world wide name: '%s'", wwn);
                put_int(b, o, "wwn", (long long) value);
        }
        if (!streq(bus, "nvme")) /* the controller's */
                put_str(b, o, "serial", xml_get(disk, "serial"));
        put_str(b, o, "vendor", xml_get(disk, "vendor"));
        put_str(b, o, streq(bus, "ide") || streq(bus, "sata") ? "model" : "product", product);
        put_attr_uint(b, o, "rotation_rate", xml_child(disk, "target"), "rotation_rate");
}

/* Identification page 0x83 of SCSI disks: what libvirt's drives were called before block nodes had names. */
static void put_device_id(Build *b, json_t *o, const xmlNode *disk) {
        const char *serial = xml_get(disk, "serial");

        if (serial)
                put_str(b, o, "device_id", serial);
        else
                put_strf(b, o, "device_id", "drive-%s", need_alias(b, disk));
}

static unsigned disk_boot_index(Build *b, const xmlNode *disk) {
        const char *kind = disk_is(disk, "cdrom") ? "cdrom" : disk_is(disk, "floppy") ? "fd" : "hd";

        return (unsigned) attr_u64(b, xml_child(disk, "boot"), "order", boot_index(b, disk, kind));
}

/* One program does it for all disks that leave it to the host. */
static bool is_managed(const xmlNode *disk) {
        return streq_ptr(xml_get(disk, "source/reservations/@managed"), "yes");
}

/* The program that lets the guest make persistent reservations of a SCSI disk. */
static void add_reservations(Build *b, const xmlNode *disk) {
        const xmlNode *reservations = xml_find(disk, "source/reservations");
        const char *path = xml_get(reservations, "source/@path");
        bool managed = xml_attr_is(reservations, "managed", "yes");
        json_t *o;

        if (!reservations || (managed && is_brought_by_another(b, disk, is_managed)))
                return;
        o = props_new(b);
        put_str(b, o, "qom-type", "pr-manager-helper");
        if (managed)
                put_str(b, o, "id", "pr-helper0");
        else
                put_strf(b, o, "id", "pr-helper-libvirt-%llu-storage",
                         (unsigned long long) attr_u64(b, xml_child(disk, "source"), "index", first_number(disk)));
        if (managed && !path && b->res->recorded)
                put_strf(b, o, "path", "/var/lib/libvirt/qemu/domain--1-%s/pr-helper0.sock", definition_name(b->d));
        else if (managed && !path)
                put_strf(b, o, "path", "%s/pr-helper0.sock", b->run_dir);
        else
                put_str(b, o, "path", path);
        add_props(b, QEMU_PART_OBJECT, o);
}

/* A disk that a program of the host shows to the guest: QEMU passes its requests on. */
static void build_vhost_user(Build *b, const xmlNode *disk) {
        const xmlNode *source = xml_child(disk, "source"), *driver = xml_child(disk, "driver");
        const QemuOpened *opened = image_opened(b, source);
        _cleanup_strbuf_ StrBuf chardev = {};
        unsigned boot = disk_boot_index(b, disk);
        DriverName name;
        json_t *o;

        strbuf_addf(&chardev, "socket,id=chr-vu-%s", need_alias(b, disk));
        if (opened)
                strbuf_addf(&chardev, ",fd=%d", opened->fd);
        else
                put_opt(&chardev, "path", xml_attr(source, "path") ?: "");
        if (!opened)
                chardev_reconnect(b, &chardev, source);
        add_chardev_buf(b, &chardev);

        o = device_new(b, virtio_driver(b, disk, "vhost-user-blk", xml_attr(disk, "model"), &name));
        put_attr_uint(b, o, "num-queues", driver, "queues");
        put_attr_uint(b, o, "queue-size", driver, "queue_size");
        put_virtio(b, o, disk);
        put_address(b, o, disk);
        put_strf(b, o, "chardev", "chr-vu-%s", need_alias(b, disk));
        put_alias(b, o, disk);
        if (boot > 0)
                put_int(b, o, "bootindex", boot);
        add_props(b, QEMU_PART_DEVICE, o);
}

static void add_disk_device(Build *b, const xmlNode *disk, size_t row, const char *driver_name, const char *node) {
        const char *bus = buses[row].bus, *cache = qemu_disk_cache(disk);
        json_t *o = device_new(b, driver_name);
        unsigned boot;

        buses[row].put_place(b, o, disk);
        if (streq(bus, "scsi") && !disk_is(disk, "lun"))
                put_device_id(b, o, disk);
        if (xml_child(disk, "shareable"))
                put_bool(b, o, "share-rw", true);
        put_str(b, o, "drive", node);
        put_alias(b, o, disk);
        boot = disk_boot_index(b, disk);
        if (boot > 0 && !streq(bus, "fdc"))
                put_int(b, o, "bootindex", boot);
        if (streq(bus, "usb"))
                put_bool(b, o, "removable", xml_attr_bool(xml_child(disk, "target"), "removable", false));
        else if (streq(bus, "scsi"))
                put_attr_bool(b, o, "removable", xml_child(disk, "target"), "removable");
        if (cache && !disk_is(disk, "lun"))
                put_str(b, o, "write-cache",
                        streq(cache, "writethrough") || streq(cache, "directsync") ? "off" : "on");
        put_geometry(b, o, disk);
        put_identity(b, o, disk, bus);
        put_error_policy(b, o, xml_child(disk, "driver"));
        add_props(b, QEMU_PART_DEVICE, o);
}

/* The controller of a floppy drive takes its boot index: one that the machine has by a -global (controller.c
 * does it for one that is added). */
static void add_floppy_boot(Build *b, const xmlNode *disk) {
        unsigned boot = disk_boot_index(b, disk);

        if (boot > 0 && !b->q35)
                add_option(b, "-global", "isa-fdc.bootindex%c=%u",
                           attr_u64(b, xml_child(disk, "address"), "unit", 0) == 0 ? 'A' : 'B', boot);
}

void build_disk(Build *b, const xmlNode *disk) {
        const char *bus = xml_get(disk, "target/@bus") ?: "ide", *device = xml_attr(disk, "device") ?: "disk";
        DriverName node = {}, name;

        if (xml_attr_is(disk, "type", "vhostuser")) {
                build_vhost_user(b, disk);
                return;
        }
        for (size_t i = 0; i < ELEMENTSOF(buses); i++) {
                const char *driver;

                if (!streq(bus, buses[i].bus))
                        continue;
                driver = streq(device, "disk")    ? buses[i].disk
                         : streq(device, "cdrom") ? buses[i].cdrom
                         : streq(device, "lun")   ? buses[i].lun
                         : streq(device, "floppy") ? buses[i].floppy
                                                   : NULL;
                if (!driver) {
                        build_refuse(b, disk, "device '%s' is not supported on bus '%s'", device, bus);
                        return;
                }
                if (streq(bus, "virtio"))
                        driver = virtio_driver(b, disk, driver, xml_attr(disk, "model"), &name);
                add_reservations(b, disk);
                if (disk_has_source(disk))
                        build_images(b, disk, &node);
                add_disk_device(b, disk, i, driver, node.s[0] ? node.s : NULL);
                if (streq(bus, "fdc"))
                        add_floppy_boot(b, disk);
                return;
        }
        build_refuse(b, disk, "disk bus '%s' is not supported", bus);
}
