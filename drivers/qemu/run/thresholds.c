/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "base/strings.h"
#include "guest/events.h"
#include "object/event.h"
#include "run/thresholds.h"

static unsigned *find(unsigned *list, unsigned image) {
        for (; list && *list; list++)
                if (*list == image)
                        return list;
        return NULL;
}

int threshold_note(Guest *g, unsigned image, bool by_number) {
        unsigned *list = g->run->by_number, *at = find(list, image);
        size_t n = 0;

        g->run->no_marks = false;
        while (list && list[n])
                n++;
        if (at && !by_number)
                *at = list[n - 1];
        if (at && !by_number)
                list[n - 1] = 0;
        if (at || !by_number)
                return 0;
        list = reallocarray(list, n + 2, sizeof(*list));
        if (!list)
                return -ENOMEM;
        list[n] = image;
        list[n + 1] = 0;
        g->run->by_number = list;
        return 0;
}

/* What the event is about: an image of a disk's chain. */
typedef struct Where {
        const xmlNode *disk, *layer;
        unsigned number;
} Where;

static bool find_image(const Definition *d, const char *node, Where *ret) {
        unsigned number, own;

        if (sscanf(node, "libvirt-%u-", &number) != 1)
                return false;
        XML_FOREACH(disk, definition_devices(d), "disk")
                for (const xmlNode *layer = disk; layer; layer = xml_child(layer, "backingStore"))
                        if (definition_image_number(layer, &own) >= 0 && own == number) {
                                *ret = (Where) { disk, layer, number };
                                return true;
                        }
        return false;
}

static uint64_t figure(json_t *data, const char *key) {
        return (uint64_t) json_integer_value(json_object_get(data, key));
}

void threshold_exceeded(Guest *g, json_t *data) {
        const char *node = json_string_value(json_object_get(data, "node-name"));
        _cleanup_definition_ Definition *d = NULL;
        _cleanup_free_ char *numbered = NULL;
        remote_domain_event_block_threshold_msg m;
        const char *dev;
        char *path;
        Where w;

        if (!node || !object_event_is_wanted(&g->object, EVENT_BLOCK_THRESHOLD) ||
            object_load(&g->object, OBJECT_LIVE, &d, NULL) < 0 || !find_image(d, node, &w))
                return;
        dev = xml_get(w.disk, "target/@dev") ?: "";
        path = (char *) disk_path(w.layer);
        m = (remote_domain_event_block_threshold_msg) {
                .dom = guest_for_event(g), .dev = (char *) dev, .path = path ? &path : NULL,
                .threshold = figure(data, "write-threshold"), .excess = figure(data, "amount-exceeded"),
        };
        if (w.layer == w.disk && !find(g->run->by_number, w.number))
                object_emit(&g->object, EVENT_BLOCK_THRESHOLD, &m);
        numbered = text_format("%s[%u]", dev, w.number);
        m.dev = numbered;
        if (numbered)
                object_emit(&g->object, EVENT_BLOCK_THRESHOLD, &m);
}
