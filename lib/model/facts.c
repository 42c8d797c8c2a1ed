/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Facts recorded per QEMU version.
 *
 * "pc" and "q35" are names of the newest versioned machines of a QEMU, so a QEMU X.Y calls them
 * pc-i440fx-X.Y and pc-q35-X.Y (docs/system/i386/pc.rst and "qemu-system-x86_64 -machine help"). */

#include "base/strings.h"
#include "model/facts.h"

#define QEMU_OLDEST QEMU_VERSION(7, 2, 0)
#define QEMU_DEFAULT QEMU_VERSION(7, 2, 0)

static int parse_version(const char *s, unsigned *ret) {
        unsigned major, minor, micro = 0;
        char rest;
        int n;

        n = sscanf(s, "%u.%u.%u%c", &major, &minor, &micro, &rest);
        if ((n != 2 && n != 3) || major > 99 || minor > 99 || micro > 999)
                return -EINVAL;

        *ret = QEMU_VERSION(major, minor, micro);
        return 0;
}

int host_facts_for_qemu(const char *version, HostFacts *ret) {
        unsigned v = QEMU_DEFAULT;
        int r;

        if (version) {
                r = parse_version(version, &v);
                if (r < 0)
                        return r;
                if (v < QEMU_OLDEST)
                        return -EINVAL;
        }

        *ret = (HostFacts) {
                .qemu_version = v,
                .emulator = "/usr/bin/qemu-system-x86_64",
                .spice = true,
                .kvm = true,
        };
        return 0;
}

int host_facts_machine(const HostFacts *facts, const char *alias, char ret[32]) {
        const char *family = streq(alias, "pc") ? "i440fx" : streq(alias, "q35") ? "q35" : NULL;

        if (!family)
                return -ENOENT;

        snprintf(ret, 32, "pc-%s-%u.%u", family, facts->qemu_version / 1000000, facts->qemu_version / 1000 % 1000);
        return 0;
}
