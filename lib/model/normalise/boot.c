/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What is booted first: either os/boot or a boot order on devices, never both. */

#include "normalise.h"

#define MAX_ORDERS 256U

int normalise_boot(Normaliser *n) {
        xmlNode *os = xml_child(n->root, "os"), *by_device = NULL;
        uint64_t used[MAX_ORDERS / 64] = {};

        XML_FOREACH(device, n->devices, NULL) {
                xmlNode *boot = xml_child(device, "boot");
                unsigned order = number_or(boot, "order", 0);

                if (!boot)
                        continue;
                if (order == 0)
                        return fail_xml(n, boot, "incorrect boot order '%s', expecting positive integer",
                                        attr_or(boot, "order", ""));
                if (order < MAX_ORDERS) {
                        if (used[order / 64] >> order % 64 & 1)
                                return fail_xml(n, boot, "boot order '%u' used for more than one device", order);
                        used[order / 64] |= UINT64_C(1) << order % 64;
                }
                by_device = boot;
        }

        if (by_device && xml_child(os, "boot"))
                return fail_unsupported(n, by_device,
                                        "per-device boot elements cannot be used together with os/boot elements");
        if (!by_device && !xml_child(os, "boot"))
                norm_set(n, norm_add(n, os, "boot"), "dev", "hd");

        return 0;
}
