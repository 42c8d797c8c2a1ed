/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* USB addresses: a bus is a controller, a port is a path through hubs ("1.2"). */

#include "base/strings.h"
#include "normalise.h"

#define HUB_PORTS 8U
#define MAX_HUB_DEPTH 4U
#define MAX_USB_BUSES 256U
#define MAX_PORT 64U

static const struct {
        const char *model;
        unsigned ports;
} root_ports[] = {
        { "piix3-uhci", 2 }, { "piix4-uhci", 2 }, { "ehci", 6 },       { "ich9-ehci1", 6 },
        { "ich9-uhci1", 2 }, { "ich9-uhci2", 2 }, { "ich9-uhci3", 2 }, { "vt82c686b-uhci", 2 },
        { "pci-ohci", 3 },   { "nec-xhci", 4 },   { "qemu-xhci", 4 },
};

/* Ports of the controller with this index: of the master, where there is a set. */
static unsigned ports_of_bus(const Normaliser *n, unsigned bus) {
        unsigned most = 0;

        XML_FOREACH(c, n->devices, "controller") {
                if (!xml_attr_is(c, "type", "usb") || number_or(c, "index", 0) != bus)
                        continue;
                for (size_t i = 0; i < ELEMENTSOF(root_ports); i++)
                        if (xml_attr_is(c, "model", root_ports[i].model))
                                most = MAX(most, number_or(c, "ports", root_ports[i].ports));
        }

        return most;
}

static bool is_usb_device(const xmlNode *d) {
        return (xml_is(d, "input") && xml_attr_is(d, "bus", "usb")) || xml_is(d, "redirdev") || xml_is(d, "hub") ||
               (xml_is(d, "filesystem") && xml_attr_is(xml_child(d, "driver"), "type", "mtp")) ||
               (xml_is(d, "hostdev") && xml_attr_is(d, "type", "usb")) ||
               (xml_is(d, "controller") && xml_attr_is(d, "type", "ccid")) ||
               (xml_is(d, "interface") && xml_attr_is(xml_child(d, "model"), "type", "usb-net")) ||
               (xml_is(d, "sound") && xml_attr_is(d, "model", "usb")) ||
               (xml_is(d, "serial") && xml_attr_is(xml_child(d, "target"), "type", "usb-serial")) ||
               (xml_is(d, "disk") && xml_attr_is(xml_child(d, "target"), "bus", "usb"));
}

static xmlNode *usb_address(const xmlNode *d) {
        xmlNode *a = xml_child(d, "address");

        return xml_attr_is(a, "type", "usb") && xml_attr(a, "port") ? a : NULL;
}

static xmlNode *device_at(const Normaliser *n, unsigned bus, const char *port) {
        XML_FOREACH(d, n->devices, NULL) {
                xmlNode *a = usb_address(d);

                if (a && number_or(a, "bus", 0) == bus && streq_ptr(xml_attr(a, "port"), port))
                        return d;
        }

        return NULL;
}

/* The first free port below prefix ("" or "1."), then below each hub there. Owned by the caller; NULL when none. */
static char *free_port(Normaliser *n, unsigned bus, const char *prefix, unsigned ports, unsigned depth) {
        for (unsigned pass = 0; pass < 2; pass++)
                for (unsigned i = 1; i <= ports; i++) {
                        _cleanup_free_ char *port = NULL, *below = NULL;
                        xmlNode *d;
                        char *found;

                        port = text_format("%s%u", prefix, i);
                        if (!port) {
                                n->out_of_memory = true;
                                return NULL;
                        }
                        d = device_at(n, bus, port);
                        if (pass == 0 && !d)
                                return TAKE_PTR(port);
                        if (pass == 0 || !xml_is(d, "hub") || depth >= MAX_HUB_DEPTH)
                                continue;
                        below = text_format("%s.", port);
                        if (!below) {
                                n->out_of_memory = true;
                                return NULL;
                        }
                        found = free_port(n, bus, below, HUB_PORTS, depth + 1);
                        if (found)
                                return found;
                }

        return NULL;
}

static unsigned port_depth(const char *port) {
        unsigned depth = 1;

        for (; *port; port++)
                depth += *port == '.';
        return depth;
}

/* "1.2" needs a hub at "1", which is written to ret where it is not there. */
static bool missing_hub(const Normaliser *n, unsigned bus, const char *port, char ret[MAX_PORT]) {
        for (const char *dot = strchr(port, '.'); dot; dot = strchr(dot + 1, '.')) {
                const xmlNode *hub;

                snprintf(ret, MAX_PORT, "%.*s", (int) (dot - port), port);
                hub = device_at(n, bus, ret);
                if (!hub || !xml_is(hub, "hub"))
                        return true;
        }

        return false;
}

static int check_explicit(Normaliser *n, xmlNode *device) {
        xmlNode *a = usb_address(device), *other;
        unsigned bus = number_or(a, "bus", 0);
        const char *port = xml_attr(a, "port");
        char hub[MAX_PORT];

        norm_setf(n, a, "bus", "%u", bus);
        if (ports_of_bus(n, bus) == 0)
                return fail_xml(n, a, "Missing USB bus %u", bus);
        if (!*port || port[strspn(port, "0123456789.")] || strtoul(port, NULL, 10) == 0 ||
            strtoul(port, NULL, 10) > ports_of_bus(n, bus))
                return fail_xml(n, a, "USB bus %u has no port '%s'", bus, port);

        if (port_depth(port) > MAX_HUB_DEPTH)
                return fail_xml(n, a, "port '%s' is behind more than %u hubs", port, MAX_HUB_DEPTH - 1);
        if (missing_hub(n, bus, port, hub))
                return fail_xml(n, a, "there is no hub at port %s in USB address bus: %u port: %s", hub, bus, port);

        other = device_at(n, bus, port);
        if (other != device)
                return fail_xml(n, a, "Duplicate USB address bus %u port %s", bus, port);
        return 0;
}

static int choose(Normaliser *n, xmlNode *device) {
        unsigned wanted = number_or(xml_child(device, "address"), "bus", UINT32_MAX);
        bool chosen = xml_attr_is(xml_child(device, "address"), "type", "usb") && wanted != UINT32_MAX;

        for (unsigned bus = chosen ? wanted : 0; bus < MAX_USB_BUSES; bus++) {
                _cleanup_free_ char *port = free_port(n, bus, "", ports_of_bus(n, bus), 1);

                if (port) {
                        xmlNode *a = new_address(n, device, "usb");

                        norm_setf(n, a, "bus", "%u", bus);
                        norm_set(n, a, "port", port);
                        return 0;
                }
                if (chosen)
                        break;
        }

        return fail(n, device, -ENOSPC, ERROR_INTERNAL, "No free USB ports");
}

/* Each hub takes a port and gives eight; libvirt keeps one port free when it has to add hubs. */
static void add_hubs(Normaliser *n) {
        unsigned waiting = 0, there = 0;

        XML_FOREACH(d, n->devices, NULL)
                if (is_usb_device(d)) {
                        waiting += !usb_address(d);
                        there += xml_is(d, "hub") ? HUB_PORTS : 0;
                        there -= usb_address(d) && there > 0;
                }
        if (waiting == 0)
                return;
        for (unsigned bus = 0; bus < MAX_USB_BUSES; bus++)
                there += ports_of_bus(n, bus);

        for (bool any = waiting > there && there > 0; any && waiting >= there; there += HUB_PORTS - 1)
                norm_set(n, norm_add(n, n->devices, "hub"), "type", "usb");
}

int assign_usb_addresses(Normaliser *n) {
        static const char *const order[] = {
                "hub",   "hostdev", "disk",  "interface", "controller",
                "input", "serial",  "sound", "redirdev",  "filesystem",
        };
        bool enabled = !xml_attr_is(find_controller(n, "usb", 0), "model", "none");
        int r;

        XML_FOREACH(d, n->devices, NULL) {
                if (!is_usb_device(d))
                        continue;
                if (!enabled)
                        return fail_xml(
                                n, d, "Device configuration requires USB support, but it is disabled for this domain");
                if (usb_address(d)) {
                        r = check_explicit(n, d);
                        if (r < 0)
                                return r;
                } else if (device_address(d) && !xml_attr_is(device_address(d), "type", "usb"))
                        return fail_unsupported(n, d, "a USB device cannot have an address of type '%s'",
                                                xml_attr(device_address(d), "type"));
        }
        if (!enabled)
                return 0;

        add_hubs(n);
        for (size_t i = 0; i < ELEMENTSOF(order); i++)
                XML_FOREACH(d, n->devices, order[i])
                        if (is_usb_device(d) && !usb_address(d)) {
                                r = choose(n, d);
                                if (r < 0)
                                        return r;
                        }

        return 0;
}
