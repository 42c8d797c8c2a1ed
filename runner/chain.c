/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The chain of backing files below an image, as the images themselves say it. Only formats that the definition or
 * an image names are believed: guessing the format of a raw image would let a guest write itself a backing file. */

#include <endian.h>
#include <fcntl.h>

#include "base/strings.h"
#include "chain.h"
#include "prepare.h"

#define CHAIN_MAX 200U

static int read_head(const char *path, uint8_t *head, size_t size, size_t *ret_len) {
        _cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
        ssize_t n;

        if (fd < 0)
                return -errno;
        n = pread(fd, head, size, 0);
        if (n < 0)
                return -errno;
        *ret_len = (size_t) n;
        return 0;
}

/* A name in an image is relative to that image's folder. */
static int absolute_path(const char *image, const char *backing, char **ret) {
        const char *slash = strrchr(image, '/');
        const char *plain = startswith(backing, "file:") ?: backing;

        if (*plain == '/' || !slash) {
                *ret = strdup(plain);
                return *ret ? 0 : -ENOMEM;
        }
        *ret = text_format("%.*s/%s", (int) (slash - image), image, plain);
        if (!*ret)
                return -ENOMEM;
        return 0;
}

/* One layer: adds <backingStore> below parent for what image at path says. Returns the new layer's element with its
 * source, or NULL in *ret at the end of the chain. */
static int add_layer(Prepare *p, xmlNode *parent, const char *path, xmlNode **ret) {
        _cleanup_free_ char *backing = NULL, *format = NULL, *absolute = NULL;
        uint8_t head[CHAIN_HEAD_MAX];
        xmlNode *layer, *child;
        size_t len = 0;
        int r;

        *ret = NULL;
        r = read_head(path, head, sizeof head, &len);
        if (r >= 0)
                r = qcow2_backing(head, len, &backing, &format);
        if (r < 0)
                return prepare_refuse(p, r, parent, "cannot read the header of '%s': %s", path,
                                      r == -EBADMSG ? "it is no sound qcow2 image" : strerror(-r));
        layer = xml_add(parent, "backingStore", NULL);
        if (!layer)
                return -ENOMEM;
        if (!backing)
                return 0;
        if (strchr(backing, ':') && !startswith(backing, "file:") && *backing != '/')
                return prepare_refuse(p, -EOPNOTSUPP, parent, "the backing file '%s' of '%s' is not supported", backing, path);
        r = absolute_path(path, backing, &absolute);
        if (r < 0)
                return r;
        if (xml_set_attr(layer, "type", startswith(absolute, "/dev/") ? "block" : "file") < 0 ||
            !(child = xml_add(layer, "format", NULL)) || xml_set_attr(child, "type", format ?: "raw") < 0 ||
            !(child = xml_add(layer, "source", NULL)) ||
            xml_set_attr(child, startswith(absolute, "/dev/") ? "dev" : "file", absolute) < 0)
                return -ENOMEM;
        *ret = layer;
        return 0;
}

static const char *source_of(const xmlNode *n) {
        const xmlNode *source = xml_child(n, "source");

        return xml_attr(source, "file") ?: xml_attr(source, "dev");
}

int prepare_chain(Prepare *p, xmlNode *disk) {
        const char *format = xml_get(disk, "driver/@type");
        xmlNode *layer = disk, *last;

        /* to the last layer that the definition names */
        while ((last = xml_child(layer, "backingStore"))) {
                if (!xml_attr(last, "type"))
                        return 0;
                layer = last;
                format = xml_get(last, "format/@type");
        }
        for (unsigned n = 0; streq_ptr(format, "qcow2") && source_of(layer); n++) {
                xmlNode *next;
                int r;

                if (n == CHAIN_MAX)
                        return prepare_refuse(p, -ELOOP, disk, "more than %u backing files", CHAIN_MAX);
                r = add_layer(p, layer, source_of(layer), &next);
                if (r < 0)
                        return r;
                if (!next)
                        return 0;
                layer = next;
                format = xml_get(layer, "format/@type");
        }
        return 0;
}
