/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The images of a disk as block nodes: for each image a protocol node
 * ("libvirt-3-storage") and, for every format but raw, a format node on it
 * ("libvirt-3-format"); between them one that shows a part of the file
 * ("libvirt-3-slice-sto"), where the definition wants that; an image that backs
 * another is named by it. The names are libvirt's, which clients see in
 * blockinfo and in events. */

#include "blockdev.h"

static const struct {
        const char *name;
        bool backing;        /* the format can have a backing image */
} formats[] = {
        { "raw", false },   { "luks", false }, { "qcow2", true }, { "qcow", true }, { "qed", true },
        { "vmdk", true },   { "vdi", false },  { "vpc", true },   { "vhdx", false }, { "bochs", false },
        { "cloop", false }, { "dmg", false },  { "parallels", false },
};

/* Formats that libvirt names and QEMU reads as something else. */
static const char *format_name(const char *type) {
        return streq(type, "iso") || streq(type, "fat") ? "raw" : type;
}

static int format_find(Build *b, const xmlNode *where, const char *type) {
        for (size_t i = 0; i < ELEMENTSOF(formats); i++)
                if (streq(formats[i].name, type))
                        return (int) i;
        return build_refuse(b, where, "image format '%s' is not supported", type);
}

/* "cache": {"direct": ..., "no-flush": ...} of the disk's cache mode. */
void image_put_cache(Build *b, json_t *o, const char *mode) {
        bool direct, no_flush;

        if (!mode)
                return;
        direct = streq(mode, "none") || streq(mode, "directsync");
        no_flush = streq(mode, "unsafe");
        put_json(b, o, "cache", json_pack("{s:b,s:b}", "direct", direct, "no-flush", no_flush));
}

/* What the guest may do: discard, and to the top image the writing of zeroes. */
static void put_discard(Build *b, json_t *o, const Image *image) {
        const char *zeroes = image->driver ? xml_attr(image->driver, "detect_zeroes") : NULL;

        put_str(b, o, "discard", image->discard);
        if (zeroes && streq(zeroes, "unmap") && !streq_ptr(image->discard, "unmap"))
                zeroes = "on"; /* zeroes may become holes only where holes are allowed */
        put_str(b, o, "detect-zeroes", zeroes);
}

/* Which of an image's nodes there are. */
typedef struct Nodes {
        const char *format;  /* driver of the format node */
        const char *top;     /* the end of the name of the one that is used: "storage", "slice-sto", "format" */
        const char *below;   /* of the one below the format node */
        bool backing;        /* the format can have a backing image */
} Nodes;

/* What the node that is used says of itself, and what those below it do. */
static void put_use(Build *b, json_t *o, const Image *image, bool used) {
        if (used) {
                put_bool(b, o, "read-only", image->readonly);
                put_discard(b, o, image);
        } else {
                put_bool(b, o, "auto-read-only", true);
                put_str(b, o, "discard", "unmap");
        }
        image_put_cache(b, o, image->cache);
}

static void add_storage(Build *b, const Image *image, const Nodes *nodes) {
        json_t *o = props_new(b);

        image_put_source(b, o, image, streq(nodes->top, "format") ? "format" : "storage");
        put_strf(b, o, "node-name", "libvirt-%u-storage", image->number);
        put_use(b, o, image, streq(nodes->top, "storage"));
        add_props(b, QEMU_PART_BLOCKDEV, o);
}

static void add_slice(Build *b, const Image *image, const Nodes *nodes) {
        const xmlNode *slice = xml_find(image->source, "slices/slice");
        json_t *o;

        if (!slice)
                return;
        o = device_new(b, "raw");
        put_strf(b, o, "file", "libvirt-%u-storage", image->number);
        put_attr_uint(b, o, "offset", slice, "offset");
        put_attr_uint(b, o, "size", slice, "size");
        put_strf(b, o, "node-name", "libvirt-%u-slice-sto", image->number);
        put_use(b, o, image, streq(nodes->top, "slice-sto"));
        add_props(b, QEMU_PART_BLOCKDEV, o);
}

/* Encrypted by the format itself, LUKS, or by that within qcow2. */
static void put_encryption(Build *b, json_t *o, const Image *image, const char *format) {
        DriverName id = {}, secret = {};
        json_t *encrypt;

        if (!image->encryption || image_is_encrypted_by_rbd(image))
                return;
        snprintf(id.s, sizeof(id.s), "libvirt-%u-format-encryption", image->number);
        image_add_secret(b, xml_child(image->encryption, "secret"), id.s, 0, &secret);
        if (streq(format, "luks")) {
                put_str(b, o, "key-secret", secret.s);
                return;
        }
        encrypt = props_new(b);
        put_str(b, encrypt, "format", "luks");
        put_str(b, encrypt, "key-secret", secret.s);
        put_json(b, o, "encrypt", encrypt);
}

static void add_format(Build *b, const Image *image, const Nodes *nodes) {
        json_t *o = props_new(b);

        put_strf(b, o, "node-name", "libvirt-%u-format", image->number);
        put_bool(b, o, "read-only", image->readonly);
        image_put_cache(b, o, image->cache);
        put_discard(b, o, image);
        put_str(b, o, "driver", nodes->format);
        if (image->driver && xml_attr(image->driver, "discard_no_unref")) {
                if (!qemu_caps_has(b->caps, QEMU_CAP_DISCARD_NO_UNREF))
                        build_refuse(b, image->driver, "attribute discard_no_unref is not supported by this QEMU");
                put_attr_bool(b, o, "discard-no-unref", image->driver, "discard_no_unref");
        }
        if (image->max_cache > 0)
                put_int(b, o, "cache-size", (long long) image->max_cache);
        put_encryption(b, o, image, nodes->format);
        put_str(b, o, "data-file", image->store_node.s[0] ? image->store_node.s : NULL);
        put_strf(b, o, "file", "libvirt-%u-%s", image->number, nodes->below);
        if (nodes->backing && image->backing_node.s[0])
                put_str(b, o, "backing", image->backing_node.s);
        else if (nodes->backing && image->terminated)
                put_json(b, o, "backing", json_null());
        add_props(b, QEMU_PART_BLOCKDEV, o);
}

static int choose_nodes(Build *b, const Image *image, Nodes *ret) {
        const char *format = format_name(image->format ?: "raw");
        bool slice = xml_find(image->source, "slices/slice"), raw;
        int r;

        if (image->encryption && !image_is_encrypted_by_rbd(image) && streq(format, "raw"))
                format = "luks";
        r = format_find(b, image->layer, format);
        if (r < 0)
                return r;
        /* the way that vvfat is used is below a raw node, and so is that of older versions */
        raw = streq(format, "raw") && !streq(image->type, "dir") &&
              (slice || qemu_caps_has(b->caps, QEMU_CAP_RAW_WITHOUT_FORMAT));
        *ret = (Nodes) {
                .format = format,
                .below = slice ? "slice-sto" : "storage",
                .backing = formats[r].backing,
        };
        ret->top = raw ? ret->below : "format";
        return 0;
}

/* The file that has what the guest writes, where the image itself has the tables alone. */
static void build_store(Build *b, Image *image) {
        const xmlNode *store = xml_child(image->source, "dataStore"), *source = xml_child(store, "source");
        Image data = {
                .layer = store,
                .source = source,
                .type = xml_attr(store, "type") ?: "file",
                .cache = image->cache,
                .io = image->io,
                .discard = image->discard,
                .readonly = image->readonly,
                .terminated = true,
                .auth = xml_child(source, "auth"),
                .encryption = xml_child(source, "encryption"),
                .number = (unsigned) attr_u64(b, source, "index", image->number + 1),
        };

        if (store)
                image_build(b, &data, &image->store_node);
}

void image_build(Build *b, Image *image, DriverName *ret_node) {
        Nodes nodes;

        if (choose_nodes(b, image, &nodes) < 0)
                return;
        build_store(b, image);
        if (!nodes.backing && image->backing_node.s[0])
                build_invalid(b, image->layer, "format '%s' has no backing images", nodes.format);
        if (image->max_cache > 0 && !streq(nodes.format, "qcow2"))
                build_invalid(b, image->layer, "metadata_cache is a property of qcow2");
        add_storage(b, image, &nodes);
        add_slice(b, image, &nodes);
        if (streq(nodes.top, "format"))
                add_format(b, image, &nodes);
        snprintf(ret_node->s, sizeof(ret_node->s), "libvirt-%u-%s", image->number, nodes.top);
}
