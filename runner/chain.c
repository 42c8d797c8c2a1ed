/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The chain of backing files below an image, as the images themselves say it, as far as they may be believed
 * (chain/chain.h). */

#include "base/strings.h"
#include "image/probe.h"
#include "prepare.h"

static int open_record(Prepare *p) {
        int r;

        if (p->chain)
                return 0;
        r = chain_open(p->name, xml_get(definition_root(p->live), "uuid") ?: "", p->config->storage_folders, &p->chain);
        return r < 0 ? error_set_errno(&p->error, r, ORIGIN_QEMU, "cannot read which backing files the guest has had")
                     : 0;
}

static int describe_layer(xmlNode *element, const ChainLayer *layer) {
        bool block = startswith(layer->path, "/dev/");
        xmlNode *child;

        if (xml_set_attr(element, "type", block ? "block" : "file") < 0 ||
            !(child = xml_add(element, "format", NULL)) || xml_set_attr(child, "type", layer->format) < 0 ||
            !(child = xml_add(element, "source", NULL)) || xml_set_attr(child, block ? "dev" : "file", layer->path) < 0)
                return -ENOMEM;
        return 0;
}

/* The guest would write to it: so a header alone is not enough, and QEMU, which would open it itself, cannot. */
static int check_store(Prepare *p, const xmlNode *layer, const char *path, const char *data) {
        _cleanup_free_ char *whole = NULL;
        int r;

        if (!data || xml_find(layer, "source/dataStore"))
                return 0;
        r = *data ? image_backing_path(path, data, &whole) : 0;
        if (r < 0 && r != -EOPNOTSUPP)
                return r;
        return prepare_refuse(p, -EPERM, xml_child(layer, "source"),
                              "'%s' keeps its data in another file, by its header in '%s'; where it is right, the "
                              "definition has to say so in <source>: <dataStore type='file'><format type='raw'/>"
                              "<source file='%s'/></dataStore>", path, data, whole ?: data);
}

/* Adds the layer below parent, whose image is at path. Returns 1, or 0 at the end of the chain. */
static int add_layer(Prepare *p, xmlNode *parent, const char *path, const char *format, ImageFile *ret) {
        xmlNode *element = xml_add(parent, "backingStore", NULL);
        _cleanup_chain_layer_ ChainLayer layer = {};
        int r;

        if (!element)
                return -ENOMEM;
        r = chain_next(p->chain, path, format, &layer, &p->error);
        if (r < 0)
                return prepare_blame(p, r, element);
        if (check_store(p, parent, path, layer.data) < 0)
                return -EPERM;
        if (r == 0)
                return 0;
        *ret = (ImageFile) { false, layer.dev, layer.ino };
        r = describe_layer(element, &layer);
        return r < 0 ? r : 1;
}

/* What is opened by a client has no name here that could be followed: the definition says what backs it, or nothing
 * does. */
static int end_group(Prepare *p, xmlNode *layer, const char *format) {
        const xmlNode *source = xml_child(layer, "source");
        _cleanup_image_info_ ImageInfo info = IMAGE_INFO_INIT;
        ImageFormat f = image_format_from_name(format ?: "raw");
        const FdGroup *group = NULL;
        int r = prepare_group(p, source, xml_attr(source, "fdgroup"), &group);

        if (r < 0)
                return r;
        if (group->n > 0 && f >= 0 && image_format_has_backing(f)) {
                r = image_read_fd(group->fds[0], f, &info);
                if (r < 0)
                        return prepare_refuse(p, r, source, "cannot read the head of the image: %s", strerror(-r));
        }
        if (info.backing)
                return prepare_refuse(p, -EOPNOTSUPP, source,
                                      "the image is backed by '%s': <backingStore> has to say how that is opened",
                                      info.backing);
        return xml_add(layer, "backingStore", NULL) ? 0 : -ENOMEM;
}

int prepare_chain(Prepare *p, xmlNode *disk, ImageFile **ret_files) {
        const char *format = xml_get(disk, "driver/@type");
        _cleanup_free_ ImageFile *files = NULL;
        xmlNode *layer = disk, *last;
        int n = 0, r;

        /* to the last layer that the definition names */
        while ((last = xml_child(layer, "backingStore"))) {
                if (!xml_attr(last, "type"))
                        return 0;
                layer = last;
                format = xml_get(last, "format/@type");
        }
        if (disk_fd_group(layer))
                return end_group(p, layer, format);
        r = open_record(p);
        while (r >= 0 && disk_path(layer) && chain_follows(format)) {
                ImageFile *more = reallocarray(files, (size_t) n + 1, sizeof(ImageFile));

                if (!more)
                        return -ENOMEM;
                files = more;
                if (n == (int) IMAGE_CHAIN_MAX)
                        return prepare_refuse(p, -ELOOP, disk, "more than %u backing files", IMAGE_CHAIN_MAX);
                r = add_layer(p, layer, disk_path(layer), format, &files[n]);
                if (r <= 0)
                        break;
                n++;
                layer = xml_child(layer, "backingStore");
                format = xml_get(layer, "format/@type");
        }
        /* what no header says anything of ends here, too, and the live definition says so */
        if (r >= 0 && disk_path(layer) && !chain_follows(format) && !xml_add(layer, "backingStore", NULL))
                r = -ENOMEM;
        if (r < 0)
                return r;
        *ret_files = TAKE_PTR(files);
        return n;
}

int prepare_chain_record(Prepare *p) {
        int r = p->chain ? chain_save(p->chain) : 0;

        return r < 0 ? error_set_errno(&p->error, r, ORIGIN_QEMU, "cannot write down which backing files the guest has")
                     : 0;
}
