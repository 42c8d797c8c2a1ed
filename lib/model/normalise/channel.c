/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* channel: ports of virtio-serial, and their addresses. */

#include "base/strings.h"
#include "chardev.h"

/* Sockets below these folders were named by the host, so a definition does not keep them. */
static bool is_generated_path(const char *path) {
        static const char *const folders[] = { "/var/lib/libvirt/qemu/channel/", "/var/run/libvirt/qemu/channel/",
                                               "/run/libvirt/qemu/channel/" };

        for (size_t i = 0; i < ELEMENTSOF(folders); i++) {
                const char *rest = startswith(path, folders[i]), *name;

                if (!rest)
                        continue;
                /* "target/GUEST.NAME", "target/domain-ID-GUEST/NAME" and "ID-GUEST/NAME", over the years. */
                name = startswith(rest, "target/");
                return !name || startswith(name, "domain-") || !strchr(name, '/');
        }

        /* Ours: /run/libvirt/qemu/GUEST/channel0.sock. */
        path = startswith(path, "/run/libvirt/qemu/");
        path = path ? strchr(path, '/') : NULL;
        return path && startswith(path, "/channel") && endswith(path, ".sock") && !strchr(path + 1, '/');
}

/* An address of the guest's user network that leads to the host's end. */
static int check_forward(Normaliser *n, xmlNode *target) {
        unsigned port = number_or(target, "port", 0);

        xml_unset_attr(target, "name");
        if (xml_attr_is(target->parent, "type", "spicevmc"))
                return fail_unsupported(n, target->parent, "spicevmc device type only supports virtio");
        if (xml_attr_is(target->parent, "type", "unix") && !xml_get(target->parent, "source/@path"))
                return fail_xml(n, target->parent, "Missing source path attribute for char device");
        if (!xml_attr(target, "address"))
                return fail_xml(n, target, "guestfwd channel does not define a target address");
        if (strchr(xml_attr(target, "address"), ':'))
                return fail_unsupported(n, target, "guestfwd channel only supports IPv4 addresses");
        if (port == 0 || port > 65535)
                return fail_xml(n, target, "guestfwd channel does not define a target port");
        return 0;
}

static int check_target(Normaliser *n, xmlNode *target) {
        if (xml_attr_is(target, "type", "guestfwd"))
                return check_forward(n, target);
        xml_unset_attr(target, "state");
        xml_unset_attr(target, "port");
        xml_unset_attr(target, "address");
        return 0;
}

int normalise_channels(Normaliser *n) {
        int r;

        XML_FOREACH(channel, n->devices, "channel") {
                xmlNode *target = xml_child(channel, "target"), *source = xml_child(channel, "source");
                bool unix_socket = xml_attr_is(channel, "type", "unix");

                if (!xml_attr(target, "type"))
                        return fail_xml(n, target ?: channel, "target type must be specified for channel device");
                if (unix_socket && source &&
                    (!*attr_or(source, "path", "") ||
                     (!xml_attr_is(source, "mode", "connect") && is_generated_path(xml_attr(source, "path"))))) {
                        xml_remove_children(channel, "source");
                        source = NULL;
                }

                r = normalise_chardev(n, channel, true);
                if (r >= 0)
                        r = check_target(n, target);
                if (r < 0)
                        return r;
        }

        return 0;
}

static bool port_is_taken(const Normaliser *n, unsigned controller, unsigned port) {
        XML_FOREACH(device, n->devices, NULL) {
                xmlNode *a = device_address(device);

                if (xml_attr_is(a, "type", "virtio-serial") && number_or(a, "controller", 0) == controller &&
                    number_or(a, "port", 0) == port)
                        return true;
        }

        return false;
}

/* Port 0 is left to a console. */
#define FIRST_PORT 1U
#define PORTS_OF_CONTROLLER 31U

/* *next is where the last port that any controller would do for was found: all before are taken. */
typedef struct NextPort {
        unsigned controller, port;
} NextPort;

static int choose_port(Normaliser *n, xmlNode *device, NextPort *next) {
        xmlNode *a = xml_child(device, "address");
        bool chosen = xml_attr(a, "controller") != NULL;
        unsigned controller = chosen ? number_or(a, "controller", 0) : next->controller;
        unsigned port = chosen ? FIRST_PORT : next->port;

        while (port_is_taken(n, controller, port))
                if (++port >=
                    number_or(find_controller(n, "virtio-serial", controller), "ports", PORTS_OF_CONTROLLER)) {
                        if (chosen)
                                return fail_xml(n, device, "virtio serial controller %u has no free port", controller);
                        controller++;
                        port = FIRST_PORT;
                }

        if (!chosen)
                *next = (NextPort) { controller, port };
        need_controllers(n, "virtio-serial", controller, NULL);
        a = new_address(n, device, "virtio-serial");
        norm_setf(n, a, "controller", "%u", controller);
        norm_set(n, a, "bus", "0");
        norm_setf(n, a, "port", "%u", port);
        return 0;
}

int assign_virtio_serial_addresses(Normaliser *n) {
        NextPort next = { 0, FIRST_PORT };
        int r;

        XML_FOREACH(device, n->devices, NULL) {
                xmlNode *a = xml_child(device, "address");

                if (!xml_attr_is(a, "type", "virtio-serial"))
                        continue;
                norm_setf(n, a, "controller", "%u", number_or(a, "controller", 0));
                norm_setf(n, a, "bus", "%u", number_or(a, "bus", 0));
                if (number_or(a, "port", 0) > 0)
                        XML_FOREACH(other, n->devices, NULL) {
                                xmlNode *b = xml_child(other, "address");

                                if (other != device && xml_attr_is(b, "type", "virtio-serial") &&
                                    number_or(b, "controller", 0) == number_or(a, "controller", 0) &&
                                    number_or(b, "port", 0) == number_or(a, "port", 0))
                                        return fail_xml(n, b,
                                                        "virtio serial port %u on controller %u is already occupied",
                                                        number_or(b, "port", 0), number_or(b, "controller", 0));
                        }
        }

        XML_FOREACH(device, n->devices, "channel")
                if (xml_attr_is(xml_child(device, "target"), "type", "virtio") &&
                    (!device_address(device) || number_or(device_address(device), "port", 0) == 0)) {
                        r = choose_port(n, device, &next);
                        if (r < 0)
                                return r;
                }

        return 0;
}
