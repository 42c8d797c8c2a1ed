/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What of a guest a setting of qemu.conf is about. */

#include "base/strings.h"
#include "qemu/concern.h"

bool graphics_is_on_socket(const xmlNode *graphics) {
        return xml_attr(graphics, "socket") || xml_attr_is(xml_child(graphics, "listen"), "type", "socket");
}

bool graphics_has_port(const xmlNode *graphics) {
        if (!xml_attr_is(graphics, "type", "vnc") && !xml_attr_is(graphics, "type", "spice"))
                return false;
        return !graphics_is_on_socket(graphics) && !xml_attr_is(xml_child(graphics, "listen"), "type", "none");
}

static bool is_bridge(const xmlNode *device) {
        return streq(xml_name(device), "interface") && xml_attr_is(device, "type", "bridge");
}

static bool is_writable_disk(const xmlNode *device) {
        return streq(xml_name(device), "disk") && !xml_child(device, "readonly") &&
               !xml_attr_is(device, "device", "cdrom");
}

/* NULL: every guest. */
static bool (*const concerns[_QEMU_CONCERN_MAX])(const xmlNode *device) = {
        [QEMU_CONCERN_BRIDGE] = is_bridge,
        [QEMU_CONCERN_DISK] = is_writable_disk,
};

const xmlNode *qemu_concerned_element(const Definition *d, QemuConcern concern) {
        if (concern == QEMU_CONCERN_EVERY_GUEST)
                return definition_root(d);
        XML_FOREACH(device, definition_devices(d), NULL)
                if (concerns[concern](device))
                        return device;
        return NULL;
}
