/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "base/log.h"
#include "base/strings.h"
#include "guest/live.h"

/* The index is told what was written, so that it is no news. */
int live_write(Guest *g, Definition *d, Error *e) {
        FileStamp stamp;
        int r;

        definition_sort(d);

        r = object_write(object_kind(&g->object), STORE_LIVE, g->object.name, d, &stamp, e);
        if (r < 0)
                return r;
        object_set_live_stamp(&g->object, &stamp);
        if (g->run)
                g->run->facts.valid = false;
        return 0;
}

/* The pty of the device with this alias; QEMU's chardev is "char" and the alias. */
static const char *pty_of(json_t *list, const char *alias) {
        json_t *entry;
        size_t i;

        json_array_foreach(list, i, entry) {
                const char *label = json_string_value(json_object_get(entry, "label"));
                const char *file = json_string_value(json_object_get(entry, "filename"));
                const char *name = label ? startswith(label, "char") : NULL;
                const char *path = file ? startswith(file, "pty:") : NULL, *number;

                /* Nothing else is a pty, whatever QEMU says. */
                if (name && path && streq(name, alias) && (number = startswith(path, "/dev/pts/")) && number[0] &&
                    !number[strspn(number, "0123456789")])
                        return path;
        }
        return NULL;
}

/* 1 where the device was changed. */
static int set_pty(xmlNode *device, const char *path) {
        xmlNode *source = xml_ensure(device, "source");

        if (!source)
                return -ENOMEM;
        if (streq_ptr(xml_attr(source, "path"), path))
                return 0;
        if (xml_set_attr(source, "path", path) < 0)
                return -ENOMEM;
        if (xml_is(device, "console") && xml_set_attr(device, "tty", path) < 0)
                return -ENOMEM;
        return 1;
}

/* A console of the kind serial is the first serial port under another name, and has its alias. */
static const char *alias_of(const Definition *d, const xmlNode *device) {
        const char *alias = device_alias(device);

        if (!alias && xml_is(device, "console"))
                alias = device_alias(xml_child(definition_devices(d), "serial"));
        return alias;
}

/* --- channels --- */

/* 1 where the channel was changed. */
static int set_open(Guest *g, xmlNode *channel, bool open) {
        xmlNode *target = xml_child(channel, "target");
        const char *word = open ? "connected" : "disconnected";

        if (!xml_attr_is(target, "type", "virtio"))
                return 0;
        if (xml_attr_is(target, "name", AGENT_CHANNEL))
                g->run->agent_open = open;
        if (xml_attr_is(target, "state", word))
                return 0;
        return xml_set_attr(target, "state", word) < 0 ? -ENOMEM : 1;
}

bool live_set_channel(Guest *g, const char *alias, bool open) {
        _cleanup_definition_ Definition *d = NULL;
        bool was = g->run->agent_open;

        if (object_load(&g->object, OBJECT_LIVE, &d, NULL) < 0)
                return false;
        XML_FOREACH(channel, definition_devices(d), "channel")
                if (streq_ptr(device_alias(channel), alias) && set_open(g, channel, open) > 0 &&
                    live_write(g, d, NULL) < 0)
                        log_debug("cannot write the live definition of '%s'", g->object.name);
        return g->run->agent_open != was;
}

void live_set_memory(Guest *g, const char *alias, uint64_t kib) {
        _cleanup_definition_ Definition *d = NULL;
        char text[24];

        snprintf(text, sizeof(text), "%llu", (unsigned long long) kib);
        if (object_load(&g->object, OBJECT_LIVE, &d, NULL) < 0)
                return;
        XML_FOREACH(module, definition_devices(d), "memory") {
                xmlNode *target = xml_child(module, "target"), *current;

                if (!target || !streq_ptr(device_alias(module), alias))
                        continue;
                current = xml_ensure(target, "current");
                if (!current || xml_set_attr(current, "unit", "KiB") < 0 || xml_set_text(current, text) < 0)
                        return;
                if (live_write(g, d, NULL) < 0)
                        log_debug("cannot write the live definition of '%s'", g->object.name);
                return;
        }
}

/* As query-chardev tells it of all: 1 where one was changed. */
static int take_channels(Guest *g, const Definition *d, json_t *list) {
        json_t *entry;
        int changed = 0;
        size_t i;

        json_array_foreach(list, i, entry) {
                const char *label = json_string_value(json_object_get(entry, "label"));
                const char *alias = label ? startswith(label, "char") : NULL;
                json_t *open = json_object_get(entry, "frontend-open");

                XML_FOREACH(channel, definition_devices(d), "channel")
                        if (alias && json_is_boolean(open) && streq_ptr(device_alias(channel), alias) &&
                            set_open(g, channel, json_is_true(open)) > 0)
                                changed = 1;
        }
        return changed;
}

void live_take_chardevs(Guest *g, json_t *list) {
        static const char *const kinds[] = { "serial", "console", "parallel", "channel" };
        _cleanup_definition_ Definition *d = NULL;
        bool changed = false;

        if (object_load(&g->object, OBJECT_LIVE, &d, NULL) < 0)
                return;
        for (size_t i = 0; i < ELEMENTSOF(kinds); i++)
                XML_FOREACH(device, definition_devices(d), kinds[i]) {
                        const char *alias = alias_of(d, device);
                        const char *path = alias && xml_attr_is(device, "type", "pty") ? pty_of(list, alias) : NULL;

                        if (path && set_pty(device, path) > 0)
                                changed = true;
                }
        if (take_channels(g, d, list) > 0)
                changed = true;
        if (changed && live_write(g, d, NULL) < 0)
                log_debug("cannot write the live definition of '%s'", g->object.name);
}

void live_count_module(Guest *g, const xmlNode *device, bool came) {
        uint64_t kib, *balloon = g->run ? &g->run->balloon_kib : NULL;

        if (!balloon || *balloon == 0 || !xml_is(device, "memory") || !xml_attr_is(device, "model", "dimm") ||
            xml_get_u64(device, "target/size", &kib) < 0)
                return;
        if (came)
                *balloon += kib;
        else if (*balloon > kib)
                *balloon -= kib;
}
