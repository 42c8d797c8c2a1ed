/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What happens when the guest powers off, reboots or crashes; and its power management. */

#include "normalise.h"

/* Each guest has a user of its own, which systemd makes for it: that is what the model dac calls dynamic. */
static int normalise_labels(Normaliser *n) {
        XML_FOREACH(label, n->root, "seclabel") {
                if (xml_attr_is(label, "type", "dynamic") && !xml_attr_is(label, "model", "dac"))
                        return fail_unsupported(n, label, "security model '%s' is not supported",
                                                attr_or(label, "model", "default"));
                set_default(n, label, "model", "none");
                /* What the last run of the guest had. */
                xml_remove_children(label, "label");
                xml_remove_children(label, "imagelabel");
                if (xml_attr_is(label, "type", "dynamic"))
                        set_default(n, label, "relabel", "yes");
        }

        return 0;
}

int normalise_lifecycle(Normaliser *n) {
        default_child(n, n->root, "on_poweroff", "destroy");
        default_child(n, n->root, "on_reboot", "restart");
        default_child(n, n->root, "on_crash", "destroy");

        XML_FOREACH(pm, xml_child(n->root, "pm"), NULL)
                if (!xml_attr(pm, "enabled"))
                        return fail_xml(n, pm, "missing attribute 'enabled'");
        drop_empty(n->root, "pm");
        return normalise_labels(n);
}

/* Guests of 32 bits have a QEMU of their own, which the same packages install. */
static const char *default_emulator(const Normaliser *n) {
        return xml_attr_is(xml_find(n->root, "os/type"), "arch", "i686") ? "/usr/bin/qemu-system-i386" : n->facts->emulator;
}

int normalise_emulator(Normaliser *n) {
        drop_empty(n->devices, "emulator");
        default_child(n, n->devices, "emulator", default_emulator(n));
        return 0;
}
