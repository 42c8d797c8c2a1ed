/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What happens when the guest powers off, reboots or crashes; and its power management. */

#include "base/strings.h"
#include "normalise.h"

/* "+107:+107", "qemu:kvm" or "107": who a static label of the model dac makes the guest's process. */
static bool is_owner(const char *label) {
        static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.+:";

        return *label && !label[strspn(label, letters)] && label[0] != ':' && label[0] != '-';
}

static int check_static_label(Normaliser *n, xmlNode *label) {
        const char *text = xml_text(xml_child(label, "label"));

        norm_set_default(n, label, "model", "selinux");
        if (!xml_attr_is(label, "model", "dac") && !xml_attr_is(label, "model", "selinux") &&
            !xml_attr_is(label, "model", "apparmor"))
                return fail_unsupported(n, label, "a static label of the security model '%s' is not supported",
                                        attr_or(label, "model", ""));
        if (!text || !*text)
                return fail_xml(n, label, "security label is missing");
        if (xml_attr_is(label, "model", "dac") && !is_owner(text))
                return fail_xml(n, xml_child(label, "label"), "'%s' is no user and group", text);
        norm_set_default(n, label, "relabel", "no");

        return 0;
}

/* Each guest has a user, a view of the file system and devices of its own, which systemd makes for it: what a dynamic
 * label of any model asks for. */
static int normalise_labels(Normaliser *n) {
        XML_FOREACH(label, n->root, "seclabel") {
                bool is_static = xml_attr_is(label, "type", "static");
                int r;

                xml_remove_children(label, "imagelabel");
                for (xmlNode *other = xml_next(label, "seclabel"); other; other = xml_next(other, "seclabel"))
                        if (streq_ptr(xml_attr(label, "model"), xml_attr(other, "model")))
                                return fail_xml(n, other, "seclabel for model %s is already provided",
                                                attr_or(other, "model", "none"));
                if (is_static) {
                        r = check_static_label(n, label);
                        if (r < 0)
                                return r;
                        continue;
                }
                norm_set_default(n, label, "model", xml_attr_is(label, "type", "dynamic") ? "dac" : "none");
                /* What the last run of the guest had. */
                xml_remove_children(label, "label");
                if (xml_attr_is(label, "type", "dynamic"))
                        norm_set_default(n, label, "relabel", "yes");
        }

        return 0;
}

/* One exit of QEMU stands for both, so the one cannot end the guest where the other starts it again. */
static int check_actions(Normaliser *n) {
        xmlNode *reboot = xml_child(n->root, "on_reboot");

        if (streq(xml_text(reboot), "destroy") && streq(xml_text(xml_child(n->root, "on_poweroff")), "restart"))
                return fail_unsupported(n, reboot, "on_reboot 'destroy' cannot be combined with on_poweroff 'restart'");
        return 0;
}

/* A way to sleep of which nothing is said is QEMU's to decide, as without the element. */
static void drop_undecided(Normaliser *n) {
        static const char *const states[] = { "suspend-to-mem", "suspend-to-disk" };
        const xmlNode *pm = xml_child(n->root, "pm");

        for (size_t i = 0; i < ELEMENTSOF(states); i++) {
                xmlNode *state = xml_child(pm, states[i]);

                if (state && !xml_attr(state, "enabled"))
                        xml_remove(state);
        }
}

int normalise_lifecycle(Normaliser *n) {
        int r;

        norm_default_child(n, n->root, "on_poweroff", "destroy");
        norm_default_child(n, n->root, "on_reboot", "restart");
        norm_default_child(n, n->root, "on_crash", "destroy");

        drop_undecided(n);
        drop_empty(n->root, "pm");
        r = normalise_labels(n);
        return r < 0 ? r : check_actions(n);
}

/* Guests of 32 bits have a QEMU of their own, which the same packages install. */
static const char *default_emulator(const Normaliser *n) {
        return xml_attr_is(xml_find(n->root, "os/type"), "arch", "i686") ? "/usr/bin/qemu-system-i386"
                                                                         : n->facts->emulator;
}

int normalise_emulator(Normaliser *n) {
        const xmlNode *emulator;

        drop_empty(n->devices, "emulator");
        emulator = xml_child(n->devices, "emulator");
        if (emulator && *xml_text(emulator) != '/')
                return fail_xml(n, emulator, "invalid value '%s' for element 'emulator': expected an absolute path",
                                xml_text(emulator));
        norm_default_child(n, n->devices, "emulator", default_emulator(n));
        return 0;
}
