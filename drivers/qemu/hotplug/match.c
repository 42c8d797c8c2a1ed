/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "base/strings.h"
#include "hotplug/match.h"

/* --- what is said --- */

/* "0x0a" and "10" are one number. */
static bool same_value(const char *a, const char *b) {
        uint64_t x, y;

        if (!a || !b)
                return a == b;
        if (streq(a, b))
                return true;
        return parse_u64(a, 0, &x) >= 0 && parse_u64(b, 0, &y) >= 0 && x == y;
}

static bool same_size(const xmlNode *a, const xmlNode *b) {
        uint64_t x, y;

        return size_parse(xml_text(a), xml_attr(a, "unit"), 1024, &x) >= 0 &&
               size_parse(xml_text(b), xml_attr(b, "unit"), 1024, &y) >= 0 && x == y;
}

static bool has_text(const xmlNode *n) {
        return !xml_child(n, NULL) && *xml_text(n);
}

static bool attributes_say(const xmlNode *have, const xmlNode *wanted, bool is_size) {
        for (const xmlAttr *a = wanted->properties; a; a = a->next) {
                const char *name = (const char *) a->name;

                if (!(is_size && streq(name, "unit")) && !same_value(xml_attr(have, name), xml_attr(wanted, name)))
                        return false;
        }
        return true;
}

static bool child_says(const xmlNode *have, const xmlNode *wanted) {
        XML_FOREACH(child, have, xml_name(wanted))
                if (device_says(child, wanted))
                        return true;
        return false;
}

bool device_says(const xmlNode *have, const xmlNode *wanted) {
        bool is_size = has_text(wanted) && (xml_attr(have, "unit") || xml_attr(wanted, "unit"));

        if (!attributes_say(have, wanted, is_size))
                return false;
        if (is_size ? !same_size(have, wanted) : has_text(wanted) && !same_value(xml_text(have), xml_text(wanted)))
                return false;
        XML_FOREACH(child, wanted, NULL)
                if (!child_says(have, child))
                        return false;
        return true;
}

/* --- finders --- */

static int missing(Error *e, const char *format, ...) _printf_(2, 3);
static int missing(Error *e, const char *format, ...) {
        _cleanup_free_ char *words = TEXT_OF_ARGUMENTS(format);

        return error_set(e, -ENODEV, ERROR_DEVICE_MISSING, ORIGIN_QEMU, "%s", words ?: "out of memory");
}

/* Counts those of the class that match, and remembers the first. */
typedef struct Found {
        xmlNode *device;
        unsigned n;
} Found;

static void found(Found *f, xmlNode *device) {
        if (f->n++ == 0)
                f->device = device;
}

int device_find_disk(const Definition *d, const xmlNode *wanted, xmlNode **ret, Error *e) {
        const xmlNode *target = xml_child(wanted, "target");
        const char *dev = xml_attr(target, "dev"), *bus = xml_attr(target, "bus");

        if (!dev)
                return error_set(e, -EBADMSG, ERROR_XML_ERROR, ORIGIN_DOMAIN, "missing target of the disk");
        XML_FOREACH(disk, definition_devices(d), "disk")
                if (streq_ptr(xml_get(disk, "target/@dev"), dev) &&
                    (!bus || streq_ptr(xml_get(disk, "target/@bus"), bus))) {
                        *ret = disk;
                        return 0;
                }
        return missing(e, "disk %s not found", dev);
}

static bool same_text(const xmlNode *a, const xmlNode *b, const char *part) {
        const char *x = xml_text(xml_child(a, part)), *y = xml_text(xml_child(b, part));

        return streq(x ?: "", y ?: "");
}

/* Which is no device, and has libvirt's code of what is not there as it was asked for. */
int device_find_lease(const Definition *d, const xmlNode *wanted, xmlNode **ret, Error *e) {
        XML_FOREACH(lease, definition_devices(d), "lease")
                if (same_text(lease, wanted, "key") && same_text(lease, wanted, "lockspace")) {
                        *ret = lease;
                        return 0;
                }
        return error_set(e, -ENODEV, ERROR_INVALID_ARG, ORIGIN_QEMU, "Lease %s in lockspace %s does not exist",
                         xml_text(xml_child(wanted, "key")) ?: "",
                         xml_text(xml_child(wanted, "lockspace")) ?: "(null)");
}

static bool same_mac(const char *a, const char *b) {
        uint8_t x[6], y[6];

        return a && b && mac_parse(a, x) >= 0 && mac_parse(b, y) >= 0 && memcmp(x, y, sizeof(x)) == 0;
}

static bool is_interface(const xmlNode *have, const xmlNode *wanted) {
        const char *mac = xml_get(wanted, "mac/@address");
        static const char *const parts[] = { "address", "alias" };

        if (mac && !same_mac(xml_get(have, "mac/@address"), mac))
                return false;
        for (size_t i = 0; i < ELEMENTSOF(parts); i++) {
                const xmlNode *part = xml_child(wanted, parts[i]);

                if (part && !(xml_child(have, parts[i]) && device_says(xml_child(have, parts[i]), part)))
                        return false;
        }
        return mac || device_says(have, wanted);
}

int device_find_interface(const Definition *d, const xmlNode *wanted, xmlNode **ret, Error *e) {
        const char *mac = xml_get(wanted, "mac/@address");
        Found f = {};

        XML_FOREACH(interface, definition_devices(d), "interface")
                if (is_interface(interface, wanted))
                        found(&f, interface);
        *ret = f.device;
        if (f.n == 0)
                return mac ? missing(e, "no device matching MAC address %s found", mac)
                           : missing(e, "no matching network device was found");
        if (f.n > 1)
                return mac ? error_set(e, -EEXIST, ERROR_OPERATION_FAILED, ORIGIN_QEMU,
                                       "multiple devices matching MAC address %s found", mac)
                           : error_set(e, -EEXIST, ERROR_OPERATION_FAILED, ORIGIN_QEMU,
                                       "multiple matching network devices found: name one by its MAC address");
        return 0;
}

int device_find_controller(const Definition *d, const xmlNode *wanted, xmlNode **ret, Error *e) {
        const char *type = xml_attr(wanted, "type") ?: "", *index = xml_attr(wanted, "index");
        Found f = {};

        XML_FOREACH(controller, definition_devices(d), "controller")
                if (xml_attr_is(controller, "type", type) &&
                    (!index || same_value(xml_attr(controller, "index"), index)))
                        found(&f, controller);
        *ret = f.device;
        if (f.n == 0)
                return missing(e, "controller %s:%s not found", type, index ?: "any");
        return f.n == 1 ? 0
                        : error_set(e, -EEXIST, ERROR_OPERATION_FAILED, ORIGIN_QEMU,
                                    "several controllers of type %s: name one by its index", type);
}

/* What of the host it is decides. */
int device_find_hostdev(const Definition *d, const xmlNode *wanted, xmlNode **ret, Error *e) {
        const xmlNode *source = xml_child(wanted, "source");
        const char *type = xml_attr(wanted, "type");
        Found f = {};

        XML_FOREACH(device, definition_devices(d), "hostdev") {
                const xmlNode *own = xml_child(device, "source");

                if (own && source && (!type || xml_attr_is(device, "type", type)) && device_says(own, source))
                        found(&f, device);
        }
        *ret = f.device;
        if (f.n == 0)
                return missing(e, "host %s device not found", type ?: "");
        return f.n == 1 ? 0
                        : error_set(e, -EEXIST, ERROR_OPERATION_FAILED, ORIGIN_QEMU,
                                    "multiple devices of the host match: name one by its address");
}

int device_find_filesystem(const Definition *d, const xmlNode *wanted, xmlNode **ret, Error *e) {
        const char *dir = xml_get(wanted, "target/@dir");

        XML_FOREACH(fs, definition_devices(d), "filesystem")
                if (dir && streq_ptr(xml_get(fs, "target/@dir"), dir)) {
                        *ret = fs;
                        return 0;
                }
        return missing(e, "no matching filesystem device was found");
}

int device_find_graphics(const Definition *d, const xmlNode *wanted, xmlNode **ret, Error *e) {
        const char *type = xml_attr(wanted, "type") ?: "";
        Found f = {};

        XML_FOREACH(screen, definition_devices(d), "graphics")
                if (xml_attr_is(screen, "type", type))
                        found(&f, screen);
        *ret = f.device;
        if (f.n == 0)
                return missing(e, "cannot find existing graphics device of type '%s' to modify", type);
        return f.n == 1 ? 0 : device_find_alike(d, wanted, ret, e);
}

int device_find_only(const Definition *d, const xmlNode *wanted, xmlNode **ret, Error *e) {
        *ret = xml_child(definition_devices(d), xml_name(wanted));
        return *ret ? 0 : missing(e, "matching %s device not found", xml_name(wanted));
}

/* Of several that are alike in all that was said any will do. */
int device_find_alike(const Definition *d, const xmlNode *wanted, xmlNode **ret, Error *e) {
        XML_FOREACH(device, definition_devices(d), xml_name(wanted))
                if (device_says(device, wanted)) {
                        *ret = device;
                        return 0;
                }
        return missing(e, "matching %s device not found", xml_name(wanted));
}

/* But for what of it changes while the guest runs. */
static bool is_memory(const xmlNode *have, const xmlNode *wanted) {
        const xmlNode *target = xml_child(have, "target");

        if (!attributes_say(have, wanted, false))
                return false;
        XML_FOREACH(part, wanted, NULL) {
                if (!xml_is(part, "target") && !child_says(have, part))
                        return false;
                XML_FOREACH(field, xml_is(part, "target") ? part : NULL, NULL)
                        if (!xml_is(field, "requested") && !xml_is(field, "current") && !child_says(target, field))
                                return false;
        }
        return true;
}

/* By its name, or its place, where those are said. */
int device_find_memory(const Definition *d, const xmlNode *wanted, xmlNode **ret, Error *e) {
        const char *alias = device_alias(wanted);
        const xmlNode *address = xml_child(wanted, "address");

        XML_FOREACH(module, definition_devices(d), "memory")
                if (alias     ? streq_ptr(device_alias(module), alias)
                    : address ? xml_child(module, "address") && device_says(xml_child(module, "address"), address)
                              : is_memory(module, wanted)) {
                        *ret = module;
                        return 0;
                }
        return missing(e, "matching memory device not found");
}

int device_find_alias(const Definition *d, const char *alias, xmlNode **ret, Error *e) {
        XML_FOREACH(device, definition_devices(d), NULL)
                if (streq_ptr(device_alias(device), alias)) {
                        *ret = device;
                        return 0;
                }
        return missing(e, "no device found with alias %s", alias);
}
