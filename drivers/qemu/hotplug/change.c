/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "base/strings.h"
#include "hotplug/change.h"
#include "hotplug/match.h"

int change_unsupported(const Change *c, const char *verb, Error *e) {
        return error_set(e, -EOPNOTSUPP, ERROR_OPERATION_UNSUPPORTED, ORIGIN_QEMU,
                         "%s %s of device '%s' is not supported", c->word, verb,
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
        if (r >= 0 && same_bus(new, old))
                r = keep(new, old, "address");
        if (r < 0)
                return r;
        *ret = definition_replace_device(d, old, new);
        return *ret ? 0 : -ENOMEM;
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
