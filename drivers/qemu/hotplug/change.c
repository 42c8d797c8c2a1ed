/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <inttypes.h>

#include "base/strings.h"
#include "hotplug/change.h"
#include "hotplug/match.h"

int change_unsupported(const Change *c, const char *verb, Error *e) {
        bool live_update = streq(c->word, "live") && streq(verb, "update");

        return error_set(e, -EOPNOTSUPP, live_update ? ERROR_CONFIG_UNSUPPORTED : ERROR_OPERATION_UNSUPPORTED,
                         ORIGIN_QEMU, "%s %s of device '%s' is not supported", c->word, verb,
                         c->class ? c->class->element : xml_name(c->device));
}

int change_attach(Definition *d, const Change *c, xmlNode **ret, Error *e) {
        int r = c->class->conflict ? c->class->conflict(d, c->device, e) : 0;

        if (r < 0)
                return r;
        *ret = definition_add_device(d, c->device);
        return *ret ? 0 : -ENOMEM;
}

int change_find(const Definition *d, const Change *c, xmlNode **ret, Error *e) {
        return c->device ? c->class->find(d, c->device, ret, e) : device_find_alias(d, c->alias, ret, e);
}

static int keep(xmlNode *new, const xmlNode *old, const char *part) {
        const xmlNode *had = xml_child(old, part);

        return !had || xml_child(new, part) || xml_add_copy(new, had) ? 0 : -ENOMEM;
}

/* Without a place of its own it takes that of the device before, where that fits. */
static bool same_bus(const xmlNode *new, const xmlNode *old) {
        const char *bus = xml_get(new, "target/@bus"), *model = xml_get(new, "model/@type");

        return (!bus || streq_ptr(bus, xml_get(old, "target/@bus"))) &&
               (!model || streq_ptr(model, xml_get(old, "model/@type")));
}

/* A drive stays where it is, also where the document only says "sda", which would be guessed to be of another bus. */
static int keep_bus(xmlNode *new, const xmlNode *old) {
        const char *bus = xml_get(old, "target/@bus");
        xmlNode *target = xml_child(new, "target");

        return !xml_is(new, "disk") || !bus || !target || xml_attr(target, "bus") ? 0
                                                                                  : xml_set_attr(target, "bus", bus);
}

int change_update(Definition *d, const Change *c, xmlNode **ret, Error *e) {
        static const char *const parts[] = { "mac", "alias", "model" };
        xmlNode *old, *new;
        int r;

        r = change_find(d, c, &old, e);
        if (r < 0)
                return r;
        new = xml_add_copy(old->parent, c->device);
        if (!new)
                return -ENOMEM;
        for (size_t i = 0; r >= 0 && i < ELEMENTSOF(parts); i++)
                if (xml_is(new, "interface") || streq(parts[i], "alias"))
                        r = keep(new, old, parts[i]);
        if (r >= 0)
                r = keep_bus(new, old);
        if (r >= 0 && same_bus(new, old))
                r = keep(new, old, "address");
        if (r < 0)
                return r;
        *ret = definition_replace_device(d, old, new);
        return *ret ? 0 : -ENOMEM;
}

/* --- how much memory there is --- */

static int write_kib(xmlNode *root, const char *name, uint64_t kib) {
        xmlNode *n = xml_ensure(root, name);
        char text[24];

        snprintf(text, sizeof(text), "%" PRIu64, kib);
        return n && xml_set_text(n, text) >= 0 ? xml_set_attr(n, "unit", "KiB") : -ENOMEM;
}

static int write_totals(xmlNode *root, uint64_t total, uint64_t current) {
        int r = write_kib(root, "memory", total);

        return r < 0 ? r : write_kib(root, "currentMemory", current);
}

int change_count_memory(Definition *d, const xmlNode *device, Error *e) {
        xmlNode *root = definition_root(d);
        uint64_t size, total, current, most;

        if (!xml_is(device, "memory") || xml_get_u64(device, "target/size", &size) < 0 ||
            xml_get_u64(root, "memory", &total) < 0)
                return 0;
        if (xml_get_u64(root, "currentMemory", &current) < 0)
                current = total;
        if (xml_get_u64(root, "maxMemory", &most) >= 0 && (most < total || size > most - total))
                return error_set(e, -ENOSPC, ERROR_CONFIG_UNSUPPORTED, ORIGIN_QEMU,
                                 "Attaching memory device with size '%" PRIu64 "' would exceed domain's maxMemory "
                                 "config size '%" PRIu64 "'",
                                 size, most);
        return write_totals(root, total + size, current == total ? current + size : current);
}

int change_uncount_memory(Definition *d, const xmlNode *device) {
        xmlNode *root = definition_root(d);
        uint64_t size, total, current;

        /* one that an earlier version let in was not counted */
        if (!xml_is(device, "memory") || xml_get_u64(device, "target/size", &size) < 0 ||
            xml_get_u64(root, "memory", &total) < 0 || size >= total)
                return 0;
        if (xml_get_u64(root, "currentMemory", &current) < 0)
                current = total;
        return write_totals(root, total - size, MIN(current, total - size));
}

/* --- what stays --- */

int change_fixed(Error *e, const char *format, ...) {
        _cleanup_free_ char *words = TEXT_OF_ARGUMENTS(format);

        return error_set(e, -EOPNOTSUPP, ERROR_OPERATION_UNSUPPORTED, ORIGIN_QEMU, "%s", words ?: "out of memory");
}

bool change_is_among(const char *name, const char *const *names) {
        for (; *names; names++)
                if (streq(*names, name))
                        return true;
        return false;
}

int change_check_rest(const xmlNode *have, const xmlNode *wanted, const char *const *free, const char *word, Error *e) {
        XML_FOREACH(child, wanted, NULL) {
                bool said = change_is_among(xml_name(child), free);

                XML_FOREACH(own, have, xml_name(child))
                        said = said || device_says(own, child);
                if (!said)
                        return change_fixed(e, "cannot modify field '%s' of the %s", xml_name(child), word);
        }
        return 0;
}
