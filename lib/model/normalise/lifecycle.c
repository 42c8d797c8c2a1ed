/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What happens when the guest powers off, reboots or crashes; and its power management. */

#include "normalise.h"

int normalise_lifecycle(Normaliser *n) {
        default_child(n, n->root, "on_poweroff", "destroy");
        default_child(n, n->root, "on_reboot", "restart");
        default_child(n, n->root, "on_crash", "destroy");

        XML_FOREACH(pm, xml_child(n->root, "pm"), NULL)
                if (!xml_attr(pm, "enabled"))
                        return fail_xml(n, pm, "missing attribute 'enabled'");
        drop_empty(n->root, "pm");
        XML_FOREACH(label, n->root, "seclabel")
                set_default(n, label, "model", "none");

        return 0;
}

int normalise_emulator(Normaliser *n) {
        drop_empty(n->devices, "emulator");
        default_child(n, n->devices, "emulator", n->facts->emulator);
        return 0;
}
