/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "base/fs.h"
#include "base/log.h"
#include "base/strings.h"
#include "index.h"
#include "live.h"

int live_write(Guest *g, const Definition *d, Error *e) {
        _cleanup_free_ char *path = guest_path_live(g->name), *text = NULL;
        int r;

        r = definition_format(d, DEFINITION_FORMAT_SECURE, &text);
        if (r < 0 || !path)
                return -ENOMEM;
        r = file_write_atomic(path, text, strlen(text), 0600, FILE_WRITE_NOSYNC);
        if (r < 0)
                return error_set_errno(e, r, ORIGIN_QEMU, "cannot write %s", path);
        (void) index_refresh(g->driver, g->name);
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
                const char *path = file ? startswith(file, "pty:") : NULL;

                if (name && path && streq(name, alias))
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

void live_take_chardevs(Guest *g, json_t *list) {
        static const char *const kinds[] = { "serial", "console", "parallel", "channel" };
        _cleanup_definition_ Definition *d = NULL;
        bool changed = false;

        if (guest_load_live(g, &d, NULL) < 0)
                return;
        for (size_t i = 0; i < ELEMENTSOF(kinds); i++)
                XML_FOREACH(device, definition_devices(d), kinds[i]) {
                        const char *alias = alias_of(d, device);
                        const char *path = alias && xml_attr_is(device, "type", "pty") ? pty_of(list, alias) : NULL;

                        if (path && set_pty(device, path) > 0)
                                changed = true;
                }
        if (changed && live_write(g, d, NULL) < 0)
                log_debug("cannot write the live definition of '%s'", g->name);
}
