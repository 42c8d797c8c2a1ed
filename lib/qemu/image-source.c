/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Where an image is: the driver of its lowest node, by the type of its source; and the values of secrets. */

#include "blockdev.h"

const QemuOpened *image_opened(const Build *b, const xmlNode *element) {
        for (size_t i = 0; i < b->res->n_opened; i++)
                if (b->res->opened[i].element == element)
                        return &b->res->opened[i];
        return NULL;
}

void image_add_secret(Build *b, const xmlNode *element, const char *id, unsigned n, DriverName *ret) {
        const QemuOpened *opened = image_opened(b, element);
        json_t *o;

        snprintf(ret->s, sizeof(ret->s), "%.40s-secret%u", id, n);
        o = build_object(b, "secret", ret->s);
        if (opened && opened->data) {
                put_str(b, o, "data", opened->data);
                put_str(b, o, "format", "base64");
        } else if (opened)
                put_str(b, o, "file", opened->path);
        else if (b->res->stand_ins || b->res->recorded)
                put_strf(b, o, "file", "SECRET:%s", xml_attr(element, "uuid") ?: xml_attr(element, "usage") ?: "");
        else
                build_invalid(b, element, "the value of the secret was not read");
        add_props(b, QEMU_PART_OBJECT, o);
}

void image_source_name(const Image *image, DriverName *ret) {
        if (image->name)
                snprintf(ret->s, sizeof(ret->s), "%s", image->name);
        else
                snprintf(ret->s, sizeof(ret->s), "libvirt-%u-storage", image->number);
}

bool image_is_encrypted_by_rbd(const Image *image) {
        return xml_attr_is(image->encryption, "engine", "librbd");
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

static void put_path(Build *b, json_t *o, const Image *image, const char *key, const char *attribute,
                     const char *what) {
        const char *path = xml_attr(image->source, attribute);

        if (!path || !*path)
                build_invalid(b, image->layer, "the source names no %s", what);
        put_str(b, o, key, path);
}

static void put_file(Build *b, json_t *o, const Image *image, const char *layer) {
        put_str(b, o, "driver", "file");
        put_path(b, o, image, "filename", "file", "file");
        put_str(b, o, "aio", image->io);
}

static void put_block(Build *b, json_t *o, const Image *image, const char *layer) {
        const char *path = xml_attr(image->source, "dev");
        const xmlNode *reservations = xml_child(image->source, "reservations");

        put_str(b, o, "driver", path && is_host_cdrom(image, path) ? "host_cdrom" : "host_device");
        put_path(b, o, image, "filename", "dev", "device");
        put_str(b, o, "aio", image->io);
        if (xml_attr_is(reservations, "managed", "yes"))
                put_str(b, o, "pr-manager", "pr-helper0");
        else if (reservations)
                put_strf(b, o, "pr-manager", "pr-helper-libvirt-%u-storage", image->number);
}

/* vm-prepare puts the pool's file or device in its place; this is for those who only look. */
static void put_volume(Build *b, json_t *o, const Image *image, const char *layer) {
        put_str(b, o, "driver", "file");
        put_strf(b, o, "filename", "POOL:%s/%s", xml_attr(image->source, "pool") ?: "",
                 xml_attr(image->source, "volume") ?: "");
        put_str(b, o, "aio", image->io);
}

static void put_folder(Build *b, json_t *o, const Image *image, const char *layer) {
        put_str(b, o, "driver", "vvfat");
        put_path(b, o, image, "dir", "dir", "folder");
        put_bool(b, o, "floppy", image->floppy);
        put_bool(b, o, "rw", !image->readonly);
}

static void put_nvme(Build *b, json_t *o, const Image *image, const char *layer) {
        const xmlNode *a = xml_child(image->source, "address");

        put_str(b, o, "driver", "nvme");
        put_strf(b, o, "device", "%04x:%02x:%02x.%x", (unsigned) attr_u64(b, a, "domain", 0),
                 (unsigned) attr_u64(b, a, "bus", 0), (unsigned) attr_u64(b, a, "slot", 0),
                 (unsigned) attr_u64(b, a, "function", 0));
        put_attr_uint(b, o, "namespace", image->source, "namespace");
}

static void put_vdpa(Build *b, json_t *o, const Image *image, const char *layer) {
        const QemuOpened *opened = image_opened(b, image->source);

        put_str(b, o, "driver", "virtio-blk-vhost-vdpa");
        if (opened)
                put_str(b, o, "path", opened->path);
        else if (b->res->recorded)
                put_str(b, o, "path", "/dev/fdset/0");
        else
                put_path(b, o, image, "path", "dev", "device");
}

static const struct {
        const char *type;
        void (*put)(Build *b, json_t *o, const Image *image, const char *layer);
} types[] = {
        { "file", put_file },   { "block", put_block }, { "volume", put_volume },    { "network", image_put_network },
        { "dir", put_folder },  { "nvme", put_nvme },   { "vhostvdpa", put_vdpa },
};

void image_put_source(Build *b, json_t *o, const Image *image, const char *layer) {
        for (size_t i = 0; i < ELEMENTSOF(types); i++)
                if (streq(types[i].type, image->type)) {
                        types[i].put(b, o, image, layer);
                        return;
                }
        build_refuse(b, image->layer, "disk type '%s' is not supported", image->type);
}
