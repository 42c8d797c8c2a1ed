/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Images whose headers name backing files that a start would not follow: what the definition has to say instead. Only
 * of images that are there and that whoever calls may read. */

#include <stdio.h>

#include "chain/chain.h"
#include "image/probe.h"
#include "tool.h"

static int report(const Definition *d, const xmlNode *disk, const Error *e) {
        _cleanup_free_ char *path = xml_path_of(disk);

        printf("%s:%u: %s: the guest is not started: %s\n", definition_origin(d), xml_line(disk), path ?: "disk",
               e->detail ?: e->message);
        return 1;
}

static int follow(const Definition *d, Chain *c, const xmlNode *disk, const char *path, const char *format) {
        _cleanup_chain_layer_ ChainLayer layer = {};

        for (unsigned n = 0; n < IMAGE_CHAIN_MAX && chain_follows(format); n++) {
                _cleanup_chain_layer_ ChainLayer above = layer;
                _cleanup_error_ Error e = ERROR_INIT;
                int r;

                layer = (ChainLayer) {};
                r = access(path, R_OK) < 0 ? 0 : chain_next(c, path, format, &layer, &e);
                if (r == -EPERM)
                        return report(d, disk, &e);
                if (r <= 0)
                        return 0;
                path = layer.path;
                format = layer.format;
        }
        return 0;
}

/* From the last layer that the definition names. */
static int verify_disk(const Definition *d, Chain *c, const xmlNode *disk) {
        const char *format = xml_get(disk, "driver/@type"), *path;
        const xmlNode *layer = disk, *next;

        while ((next = xml_child(layer, "backingStore"))) {
                if (!xml_attr(next, "type"))
                        return 0;
                layer = next;
                format = xml_get(next, "format/@type");
        }
        path = disk_path(layer);
        return path && *path == '/' ? follow(d, c, disk, path, format) : 0;
}

int verify_chains(const Definition *d, const QemuConfig *config) {
        const char *uuid = xml_get(definition_root(d), "uuid");
        _cleanup_(qemu_config_freep) QemuConfig *own = NULL;
        _cleanup_chain_ Chain *c = NULL;
        int r = 0;

        if (!config && qemu_config_load(NULL, &own, NULL, NULL) >= 0)
                config = own;

        /* what was accepted is root's to read */
        if (chain_open(definition_name(d), uuid ?: "", config ? config->storage_folders : NULL, &c) < 0)
                return 0;
        XML_FOREACH(disk, definition_devices(d), "disk") {
                int told = verify_disk(d, c, disk);

                r = told > 0 ? told : r;
        }
        return r;
}
