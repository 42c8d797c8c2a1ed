/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* input: a PS/2 mouse and keyboard are part of every PC. */

#include "base/strings.h"
#include "normalise.h"

static void need_ps2(Normaliser *n, const char *type) {
        xmlNode *input;

        XML_FOREACH(i, n->devices, "input")
                if (xml_attr_is(i, "type", type) && xml_attr_is(i, "bus", "ps2"))
                        return;

        input = norm_add(n, n->devices, "input");
        norm_set(n, input, "type", type);
        norm_set(n, input, "bus", "ps2");
}

int normalise_inputs(Normaliser *n) {
        bool has_ps2 = !n->microvm && !xml_attr_is(xml_find(n->root, "features/ps2"), "state", "off");

        XML_FOREACH(input, n->devices, "input") {
                const char *type = xml_attr(input, "type"), *address = xml_get(input, "address/@type");

                if (!type)
                        return fail_xml(n, input, "missing input device type");
                if (streq(type, "evdev")) {
                        if (xml_attr(input, "bus"))
                                return fail_unsupported(n, input, "input evdev doesn't support bus element");
                        if (!xml_attr(xml_child(input, "source"), "dev"))
                                return fail_xml(n, input, "missing source device of input type 'evdev'");
                        continue;
                }
                if (streq(type, "passthrough")) {
                        norm_set_default(n, input, "bus", "virtio");
                        if (!xml_attr(xml_child(input, "source"), "evdev"))
                                return fail_xml(n, input, "missing evdev path for input device passthrough");
                        if (!xml_attr_is(input, "bus", "virtio"))
                                return fail_unsupported(n, input, "input device passthrough sits on bus virtio only");
                } else
                        xml_remove_children(input, "source");
                if (!xml_attr(input, "bus"))
                        norm_set(n, input, "bus",
                                 streq(type, "tablet") || (address && streq(address, "usb")) ? "usb" : "ps2");
                if (xml_attr_is(input, "bus", "ps2") && streq(type, "tablet"))
                        return fail_unsupported(n, input, "ps2 bus does not support tablet input device");
                if (xml_attr(input, "model") && !xml_attr_is(input, "bus", "virtio"))
                        return fail_unsupported(n, input, "only input devices on bus virtio have a model");
                if (!xml_attr_is(input, "bus", "virtio") && refuse_virtio_options(n, input) < 0)
                        return -EOPNOTSUPP;
                if (endswith(attr_or(input, "model", ""), "transitional") && !streq(type, "passthrough"))
                        return fail_unsupported(
                                n, input, "virtio (non-)transitional models are not supported for input type=%s", type);
                if (xml_attr_is(input, "bus", "ps2") && !has_ps2)
                        return fail_unsupported(n, input, "ps2 bus inputs require the ps2 feature not to be disabled");
                if (xml_attr_is(input, "bus", "ps2"))
                        xml_remove_children(input, "address");
                drop_empty(input, "driver");
        }

        if (has_ps2) {
                need_ps2(n, "mouse");
                need_ps2(n, "keyboard");
        }
        return 0;
}
