/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* video: graphics need something to show; memory sizes in KiB. */

#include <inttypes.h>

#include "base/strings.h"
#include "normalise.h"

static const struct {
        const char *type;
        unsigned ram, vram, vgamem;
        bool heads;
} models[] = {
        { "vga", 0, 16384, 0, true },
        { "cirrus", 0, 16384, 0, true },
        { "vmvga", 0, 16384, 0, true },
        { "bochs", 0, 16384, 0, true },
        { "qxl", 65536, 65536, 16384, true },
        { "virtio", 0, 0, 0, true },
        { "ramfb", 0, 0, 0, true },
        { "none", 0, 0, 0, false },
};

static void write_size(Normaliser *n, xmlNode *model, const char *name, unsigned size) {
        if (size > 0)
                norm_set_default(n, model, name, "");
        if (size > 0 && !*attr_or(model, name, ""))
                norm_setf(n, model, name, "%u", size);
}

/* What QEMU is given is a power of two; documents of old have 9216. */
static void round_size(Normaliser *n, xmlNode *model, const char *name) {
        uint64_t size = number_or(model, name, 0), rounded = 1;

        if (size == 0 || size > UINT32_MAX)
                return;
        while (rounded < size)
                rounded *= 2;
        norm_setf(n, model, name, "%" PRIu64, rounded);
}

/* What would be lost in silence; the words are libvirt's. */
static int check_model(Normaliser *n, xmlNode *video, const xmlNode *model) {
        static const char *const of_qxl[] = { "ram", "vram64", "vgamem" };
        const char *type = attr_or(model, "type", "");
        bool qxl = streq(type, "qxl"), virtio = streq(type, "virtio");

        if (streq(type, "none"))
                return 0;
        for (size_t i = 0; !qxl && i < ELEMENTSOF(of_qxl); i++)
                if (xml_attr(model, of_qxl[i]))
                        return fail_unsupported(n, video, "%s attribute only supported for video type qxl", of_qxl[i]);
        if (!virtio && refuse_virtio_options(n, video) < 0)
                return -EOPNOTSUPP;
        if (!virtio && xml_attr_is(xml_child(model, "acceleration"), "accel3d", "yes"))
                return fail_unsupported(n, video, "3d acceleration is supported only with 'virtio' video device");
        if (!virtio && !qxl && number_or(model, "heads", 1) > 1)
                return fail_unsupported(n, video, "video type '%s' doesn't support multiple 'heads'", type);
        return 0;
}

static int write_model(Normaliser *n, xmlNode *video, bool primary) {
        xmlNode *model = norm_ensure(n, video, "model");
        const char *type;
        int r;

        norm_set_default(n, model, "type", "cirrus");
        type = attr_or(model, "type", "");
        r = check_model(n, video, model);
        if (r < 0)
                return r;

        for (size_t i = 0; i < ELEMENTSOF(models); i++) {
                if (!streq(models[i].type, type))
                        continue;
                write_size(n, model, "ram", models[i].ram);
                write_size(n, model, "vram", models[i].vram);
                write_size(n, model, "vgamem", models[i].vgamem);
                round_size(n, model, "ram");
                round_size(n, model, "vram");
                if (models[i].heads)
                        norm_set_default(n, model, "heads", "1");
                if (models[i].ram == 0) {
                        xml_unset_attr(model, "ram");
                        xml_unset_attr(model, "vram64");
                }
                if (models[i].vgamem == 0)
                        xml_unset_attr(model, "vgamem");
                if (!models[i].heads) {
                        xml_unset_attr(model, "vram");
                        xml_unset_attr(model, "heads");
                }
        }
        if ((streq(type, "vga") || streq(type, "vmvga")) && number_or(model, "vram", 16384) < 1024)
                return fail_unsupported(n, video, "value for 'vram' must be at least 1 MiB (1024 KiB)");

        if (primary && !streq(type, "none"))
                norm_set(n, model, "primary", "yes");
        else
                xml_unset_attr(model, "primary");

        if (xml_attr_is(xml_child(video, "driver"), "name", "vhostuser") && !streq(type, "virtio"))
                return fail_unsupported(n, video, "'vhostuser' driver is only supported with 'virtio' device");
        if (streq(type, "none") && (xml_next(video, "video") || !primary))
                return fail_unsupported(n, video,
                                        "a 'none' video type must be the only video device defined for the domain");
        if (streq(type, "ramfb") && xml_child(video, "address"))
                return fail_unsupported(n, video, "address not supported for video type ramfb");

        return 0;
}

int normalise_videos(Normaliser *n) {
        xmlNode *primary = NULL;
        int r;

        XML_FOREACH(v, n->devices, "video")
                if (xml_attr_is(xml_child(v, "model"), "primary", "yes")) {
                        if (primary)
                                return fail_unsupported(n, v, "only one primary video device is supported");
                        primary = v;
                }

        if (!xml_child(n->devices, "video")) {
                if (!xml_child(n->devices, "graphics"))
                        return 0;
                (void) norm_add(n, n->devices, "video");
        }
        if (!primary)
                primary = xml_child(n->devices, "video");
        /* The primary one comes first. */
        else if (primary != xml_child(n->devices, "video"))
                xmlAddPrevSibling(xml_child(n->devices, "video"), primary);

        XML_FOREACH(v, n->devices, "video") {
                r = write_model(n, v, v == primary);
                if (r < 0)
                        return r;
        }

        return 0;
}
