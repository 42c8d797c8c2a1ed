/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* input: a PS/2 mouse and keyboard are part of every PC. */

#include "base/strings.h"
#include "normalise.h"

static void need_ps2(Normaliser *n, const char *type) {
        xmlNode *input;

        XML_FOREACH(i, n->devices, "input")
                if (xml_attr_is(i, "type", type) && xml_attr_is(i, "bus", "ps2"))
                        return;

        input = add(n, n->devices, "input");
        set(n, input, "type", type);
        set(n, input, "bus", "ps2");
}

int normalise_inputs(Normaliser *n) {
        XML_FOREACH(input, n->devices, "input") {
                const char *type = xml_attr(input, "type"), *address = xml_get(input, "address/@type");

                if (!type)
                        return fail_xml(n, input, "missing input device type");
                if (!xml_attr(input, "bus"))
                        set(n, input, "bus", streq(type, "tablet") || (address && streq(address, "usb")) ? "usb" : "ps2");
                if (xml_attr_is(input, "bus", "ps2") && streq(type, "tablet"))
                        return fail_unsupported(n, input, "ps2 bus does not support tablet input device");
                if (xml_attr(input, "model") && !xml_attr_is(input, "bus", "virtio"))
                        return fail_unsupported(n, input, "only input devices on bus virtio have a model");
                if (xml_attr_is(input, "bus", "ps2"))
                        xml_remove_children(input, "address");
                drop_empty(input, "driver");
        }

        need_ps2(n, "mouse");
        need_ps2(n, "keyboard");
        return 0;
}
