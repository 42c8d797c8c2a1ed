/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The images of a disk as block nodes: for each image a protocol node
 * ("libvirt-3-storage") and, for every format but raw, a format node on it
 * ("libvirt-3-format"); an image that backs another is named by it. The names
 * are libvirt's, which clients see in blockinfo and in events. */

#include "blockdev.h"

static const struct {
        const char *name;
        bool backing;        /* the format can have a backing image */
} formats[] = {
        { "raw", false },   { "qcow2", true },     { "qcow", true }, { "qed", true },   { "vmdk", true },
        { "vdi", false },   { "vpc", true },       { "vhdx", false }, { "bochs", false }, { "cloop", false },
        { "dmg", false },   { "parallels", false },
};

/* Formats that libvirt names and QEMU reads as something else. */
static const char *format_name(const char *type) {
        return streq(type, "iso") ? "raw" : type;
}

static int format_find(Build *b, const xmlNode *where, const char *type) {
        for (size_t i = 0; i < ELEMENTSOF(formats); i++)
                if (streq(formats[i].name, type))
                        return (int) i;
        return refuse(b, where, "image format '%s' is not supported", type);
}

/* Drives of the host: their tray and medium are the guest's. */
static bool is_host_cdrom(const Image *image, const char *dev) {
        static const char *const names[] = { "/dev/cdrom", "/dev/dvd", "/dev/sr" };

        if (!image->cdrom)
                return false;
        for (size_t i = 0; i < ELEMENTSOF(names); i++)
                if (startswith(dev, names[i]))
                        return true;
        return false;
}

/* Driver and place of the image. */
static void put_source(Build *b, json_t *o, const Image *image) {
        const char *type = image->type, *path;

        if (streq(type, "file")) {
                path = xml_attr(image->source, "file");
                put_str(b, o, "driver", "file");
        } else if (streq(type, "block")) {
                path = xml_attr(image->source, "dev");
                put_str(b, o, "driver", path && is_host_cdrom(image, path) ? "host_cdrom" : "host_device");
        } else {
                refuse(b, image->layer, "disk type '%s' is not supported", type);
                return;
        }
        if (!path || !*path)
                invalid(b, image->layer, "the source names no %s", streq(type, "file") ? "file" : "device");
        put_str(b, o, "filename", path);
}

/* "cache": {"direct": ..., "no-flush": ...} of the disk's cache mode. */
static void put_cache(Build *b, json_t *o, const char *mode) {
        bool direct, no_flush;

        if (!mode)
                return;
        direct = streq(mode, "none") || streq(mode, "directsync");
        no_flush = streq(mode, "unsafe");
        put(b, o, "cache", json_pack("{s:b,s:b}", "direct", direct, "no-flush", no_flush));
}

/* What the guest may do to the top image: discard and the writing of zeroes. */
static void put_discard(Build *b, json_t *o, const Image *image) {
        const char *discard, *zeroes;

        if (!image->driver)
                return;
        discard = xml_attr(image->driver, "discard");
        zeroes = xml_attr(image->driver, "detect_zeroes");
        put_str(b, o, "discard", discard);
        if (zeroes && streq(zeroes, "unmap") && !streq_ptr(discard, "unmap"))
                zeroes = "on"; /* zeroes may become holes only where holes are allowed */
        put_str(b, o, "detect-zeroes", zeroes);
}

static void add_storage(Build *b, const Image *image, bool lonely) {
        json_t *o = props_new(b);

        put_source(b, o, image);
        put_str(b, o, "aio", image->io);
        put_strf(b, o, "node-name", "libvirt-%u-storage", image->number);
        if (lonely) {
                put_bool(b, o, "read-only", image->readonly);
                put_discard(b, o, image);
        } else {
                put_bool(b, o, "auto-read-only", true);
                put_str(b, o, "discard", "unmap");
        }
        put_cache(b, o, image->cache);
        add_props(b, QEMU_PART_BLOCKDEV, o);
}

static void add_format(Build *b, const Image *image, const char *format, bool backing) {
        json_t *o = props_new(b);

        put_strf(b, o, "node-name", "libvirt-%u-format", image->number);
        put_bool(b, o, "read-only", image->readonly);
        put_cache(b, o, image->cache);
        put_discard(b, o, image);
        put_str(b, o, "driver", format);
        if (image->driver && xml_attr(image->driver, "discard_no_unref")) {
                if (!qemu_caps_has(b->caps, QEMU_CAP_DISCARD_NO_UNREF))
                        refuse(b, image->driver, "attribute discard_no_unref is not supported by this QEMU");
                put_attr_bool(b, o, "discard-no-unref", image->driver, "discard_no_unref");
        }
        if (image->max_cache > 0)
                put_int(b, o, "cache-size", (long long) image->max_cache);
        put_strf(b, o, "file", "libvirt-%u-storage", image->number);
        if (backing && image->backing_node.s[0])
                put_str(b, o, "backing", image->backing_node.s);
        else if (backing && image->terminated)
                put(b, o, "backing", json_null());
        add_props(b, QEMU_PART_BLOCKDEV, o);
}

void image_build(Build *b, const Image *image, DriverName *ret_node) {
        const char *format = format_name(image->format ?: "raw");
        int r = format_find(b, image->layer, format);
        bool raw, lonely;

        if (r < 0)
                return;
        raw = streq(format, "raw");
        lonely = raw && qemu_caps_has(b->caps, QEMU_CAP_RAW_WITHOUT_FORMAT);
        if (!formats[r].backing && image->backing_node.s[0])
                invalid(b, image->layer, "format '%s' has no backing images", format);
        if (image->max_cache > 0 && !streq(format, "qcow2"))
                invalid(b, image->layer, "metadata_cache is a property of qcow2");
        add_storage(b, image, lonely);
        if (!lonely)
                add_format(b, image, format, formats[r].backing);
        snprintf(ret_node->s, sizeof(ret_node->s), "libvirt-%u-%s", image->number, lonely ? "storage" : "format");
}
