/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* <video>: graphics adapters. The first one is the primary, which has to be
 * VGA compatible on x86; further ones need not be. */

#include "build.h"

static uint64_t kib(Build *b, const xmlNode *model, const char *attr, uint64_t otherwise) {
        return attr_u64(b, model, attr, otherwise);
}

/* Sizes are powers of two for the device, MiB or bytes. */
static uint64_t round_up_power(uint64_t v) {
        uint64_t p = 1;

        while (p < v && p < (UINT64_C(1) << 62))
                p <<= 1;
        return p;
}

static void put_outputs(Build *b, json_t *o, const xmlNode *model) {
        put_int(b, o, "max_outputs", (long long) attr_u64(b, model, "heads", 1));
}

static void put_qxl(Build *b, json_t *o, const xmlNode *model) {
        put_outputs(b, o, model);
        put_int(b, o, "ram_size", (long long) kib(b, model, "ram", 65536) * 1024);
        put_int(b, o, "vram_size", (long long) kib(b, model, "vram", 65536) * 1024);
        put_int(b, o, "vram64_size_mb", (long long) kib(b, model, "vram64", 0) / 1024);
        put_int(b, o, "vgamem_mb", (long long) kib(b, model, "vgamem", 16384) / 1024);
}

static void put_vgamem_mb(Build *b, json_t *o, const xmlNode *model) {
        if (xml_attr(model, "vram"))
                put_int(b, o, "vgamem_mb", (long long) round_up_power(kib(b, model, "vram", 0)) / 1024);
}

static void put_vgamem(Build *b, json_t *o, const xmlNode *model) {
        if (xml_attr(model, "vram"))
                put_int(b, o, "vgamem", (long long) round_up_power(kib(b, model, "vram", 0)) * 1024);
}

static void put_gpu(Build *b, json_t *o, const xmlNode *model) {
        put_outputs(b, o, model);
        put_attr_bool(b, o, "blob", model, "blob");
}

static const struct {
        const char *model, *primary, *secondary;  /* secondary NULL: only one of it */
        void (*put)(Build *b, json_t *o, const xmlNode *model);
} models[] = {
        { "vga", "VGA", "secondary-vga", put_vgamem_mb },
        { "cirrus", "cirrus-vga", NULL, NULL },
        { "vmvga", "vmware-svga", NULL, put_vgamem_mb },
        { "qxl", "qxl-vga", "qxl", put_qxl },
        { "virtio", "virtio-vga", "virtio-gpu", put_gpu },
        { "bochs", "bochs-display", "bochs-display", put_vgamem },
        { "ramfb", "ramfb", NULL, NULL },
};

static bool is_primary(const xmlNode *n) {
        const xmlNode *model = xml_child(n, "model");

        return xml_attr(model, "primary") ? xml_attr_bool(model, "primary", false) : sibling_index(n) == 0;
}

static bool is_vhost_user(const xmlNode *n) {
        return xml_attr_is(xml_child(n, "driver"), "name", "vhostuser");
}

/* 3D acceleration is a device of its own with a suffix. */
static const char *gpu_driver(Build *b, const xmlNode *n, bool primary, DriverName *buf) {
        const xmlNode *acceleration = xml_find(n, "model/acceleration");
        bool accel3d = xml_attr_is(acceleration, "accel3d", "yes");

        if (is_vhost_user(n))
                snprintf(buf->s, sizeof(buf->s), "%s", primary ? "vhost-user-vga" : "vhost-user-gpu");
        else
                snprintf(buf->s, sizeof(buf->s), "%s%s", primary ? "virtio-vga" : "virtio-gpu", accel3d ? "-gl" : "");
        if (!primary)
                strcat(buf->s, "-pci");
        return buf->s;
}

void build_video(Build *b, const xmlNode *n) {
        const xmlNode *model = xml_child(n, "model");
        const char *type = xml_attr(model, "type") ?: "";
        bool primary = is_primary(n);

        if (streq(type, "none"))
                return;
        for (size_t i = 0; i < ELEMENTSOF(models); i++) {
                const char *driver = primary ? models[i].primary : models[i].secondary;
                DriverName buf, chardev;
                json_t *o;

                if (!streq(models[i].model, type))
                        continue;
                if (!driver) {
                        build_refuse(b, model, "video model '%s' is not supported as a further adapter", type);
                        return;
                }
                if (streq(type, "virtio"))
                        driver = gpu_driver(b, n, primary, &buf);
                snprintf(chardev.s, sizeof(chardev.s), "chr-vu-%.50s", need_alias(b, n));
                if (is_vhost_user(n))
                        build_helper_chardev(b, n, chardev.s, NULL);
                o = device_new(b, driver);
                if (is_vhost_user(n))
                        put_str(b, o, "chardev", chardev.s);
                if (!is_vhost_user(n) || !primary) /* the first one's program decides that */
                        put_virtio(b, o, n);
                put_alias(b, o, n);
                if (models[i].put)
                        models[i].put(b, o, model);
                put_attr_uint(b, o, "xres", xml_child(model, "resolution"), "x");
                put_attr_uint(b, o, "yres", xml_child(model, "resolution"), "y");
                put_address(b, o, n);
                add_props(b, QEMU_PART_DEVICE, o);
                return;
        }
        build_refuse(b, model ?: n, "video model '%s' is not supported", type);
}
