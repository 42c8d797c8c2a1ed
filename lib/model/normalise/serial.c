/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* serial and console. The first console of type serial is the first serial port, shown a second time because
 * older documents knew consoles only. */

#include "base/strings.h"
#include "chardev.h"

static const struct {
        const char *type, *model;
} serial_models[] = {
        { "isa-serial", "isa-serial" },
        { "usb-serial", "usb-serial" },
        { "pci-serial", "pci-serial" },
        { "isa-debug", "isa-debugcon" },
};

/* One that names no port comes after all that name theirs. */
static void write_port(Normaliser *n, xmlNode *device, xmlNode *target) {
        unsigned port = 0;

        if (xml_attr(target, "port"))
                return;
        XML_FOREACH(other, n->devices, xml_name(device)) {
                const xmlNode *theirs = xml_child(other, "target");

                if (xml_attr(theirs, "port"))
                        port = MAX(port, number_or(theirs, "port", 0) + 1);
        }
        norm_setf(n, target, "port", "%u", port);
}

static int write_serial_target(Normaliser *n, xmlNode *serial) {
        xmlNode *target = norm_ensure(n, serial, "target"), *model;
        const char *type, *address = xml_get(serial, "address/@type");

        if (xml_attr_is(target, "type", "serial"))
                xml_unset_attr(target, "type");
        if (!xml_attr(target, "type"))
                norm_set(n, target, "type", address && streq(address, "usb") ? "usb-serial" :
                                       address && streq(address, "pci") ? "pci-serial" : "isa-serial");
        type = attr_or(target, "type", "");

        write_port(n, serial, target);
        model = norm_ensure(n, target, "model");
        for (size_t i = 0; i < ELEMENTSOF(serial_models); i++) {
                if (!streq(serial_models[i].type, type))
                        continue;
                norm_set_default(n, model, "name", serial_models[i].model);
                if (!xml_attr_is(model, "name", serial_models[i].model))
                        return fail_unsupported(n, model, "target model '%s' does not fit target type '%s'",
                                                attr_or(model, "name", ""), type);
        }

        return 0;
}

/* Backend parts that both faces of the first serial port show. */
static void copy_backend(Normaliser *n, xmlNode *to, const xmlNode *from) {
        static const char *const parts[] = { "source", "protocol", "log" };

        for (size_t i = 0; i < ELEMENTSOF(parts); i++)
                xml_remove_children(to, parts[i]);
        norm_set(n, to, "type", attr_or(from, "type", "pty"));

        for (size_t i = 0; i < ELEMENTSOF(parts); i++)
                XML_FOREACH(part, from, parts[i]) {
                        xmlNode *copy = xmlDocCopyNode(part, to->doc, 1);

                        if (!copy || !xmlAddChild(to, copy))
                                n->out_of_memory = true;
                }
}

/* A name that the user gave the port is the console's too: they are one device. */
static void copy_name(Normaliser *n, xmlNode *console, const xmlNode *serial) {
        const char *name = xml_get(serial, "alias/@name");

        if (name && startswith(name, "ua-"))
                norm_set(n, norm_ensure(n, console, "alias"), "name", name);
}

static bool is_serial_console(const xmlNode *console) {
        const char *type = xml_get(console, "target/@type");

        return !type || streq(type, "serial");
}

/* A document that has only a console of type serial means a serial port. */
static void serial_for_console(Normaliser *n, xmlNode *console) {
        xmlNode *serial = norm_add(n, n->devices, "serial");

        if (serial)
                copy_backend(n, serial, console);
}

static void console_for_serial(Normaliser *n, xmlNode *serial) {
        xmlNode *first = xml_child(n->devices, "console"), *console = norm_add(n, n->devices, "console");

        if (!console)
                return;
        if (first)
                xmlAddPrevSibling(first, console);
        copy_backend(n, console, serial);
        norm_set(n, norm_add(n, console, "target"), "type", "serial");
}

static int normalise_consoles(Normaliser *n) {
        xmlNode *serial = xml_child(n->devices, "serial"), *first = xml_child(n->devices, "console");
        unsigned port = 0;
        int r;

        /* Any console with target serial behind the first has no device that it could be. */
        if (first && is_serial_console(first)) {
                if (!serial) {
                        r = normalise_chardev(n, first, false);
                        if (r < 0)
                                return r;
                        serial_for_console(n, first);
                        serial = xml_child(n->devices, "serial");
                } else
                        copy_backend(n, first, serial);
        } else if (serial && xml_attr_is(xml_child(serial, "target"), "type", "isa-serial"))
                console_for_serial(n, serial);

        XML_FOREACH(console, n->devices, "console") {
                xmlNode *target = norm_ensure(n, console, "target");

                r = normalise_chardev(n, console, false);
                if (r < 0)
                        return r;
                norm_set_default(n, target, "type", "serial");
                xml_remove_children(target, "model");
                if (console != xml_child(n->devices, "console") && is_serial_console(console))
                        return fail_unsupported(n, console, "Only the first console can be a serial port");
                norm_setf(n, target, "port", "%u", port++);
                if (is_serial_console(console) && serial) {
                        norm_set(n, target, "port", xml_get(serial, "target/@port") ?: "0");
                        copy_name(n, console, serial);
                }
                xml_unset_attr(console, "tty");
        }

        return 0;
}

static int normalise_parallels(Normaliser *n) {
        int r;

        XML_FOREACH(parallel, n->devices, "parallel") {
                xmlNode *target = norm_ensure(n, parallel, "target");

                r = normalise_chardev(n, parallel, false);
                if (r < 0)
                        return r;
                write_port(n, parallel, target);
        }

        return 0;
}

int normalise_serials(Normaliser *n) {
        int r;

        r = normalise_parallels(n);
        if (r < 0)
                return r;

        XML_FOREACH(serial, n->devices, "serial") {
                r = normalise_chardev(n, serial, false);
                if (r >= 0)
                        r = write_serial_target(n, serial);
                if (r < 0)
                        return r;
        }
        r = normalise_consoles(n);
        if (r < 0)
                return r;

        /* One that was made for a console has no target yet. */
        XML_FOREACH(serial, n->devices, "serial") {
                r = write_serial_target(n, serial);
                if (r < 0)
                        return r;
        }

        return 0;
}
