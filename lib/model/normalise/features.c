/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* features: switches of the machine. */

#include "normalise.h"

static int check_hyperv(Normaliser *n, xmlNode *hyperv) {
        xmlNode *spinlocks = xml_child(hyperv, "spinlocks"), *vendor = xml_child(hyperv, "vendor_id");

        norm_set_default(n, hyperv, "mode", "custom");
        XML_FOREACH(f, hyperv, NULL)
                if (!xml_attr(f, "state"))
                        return fail_xml(n, f, "missing 'state' attribute for HyperV Enlightenment feature '%s'",
                                        xml_name(f));

        if (xml_attr_bool(spinlocks, "state", false) && number_or(spinlocks, "retries", 0) < 4095)
                return fail_xml(n, spinlocks, "HyperV spinlock retry count must be at least 4095");
        if (xml_attr_bool(vendor, "state", false) &&
            (!xml_attr(vendor, "value") || strlen(xml_attr(vendor, "value")) > 12 ||
             strchr(xml_attr(vendor, "value"), ',')))
                return fail_xml(n, vendor, "HyperV vendor_id value must have up to 12 characters and no comma");

        return 0;
}

int normalise_features(Normaliser *n) {
        xmlNode *features = xml_child(n->root, "features"), *hyperv = xml_child(features, "hyperv");
        xmlNode *tseg = xml_find(features, "smm/tseg");
        uint64_t bytes;
        int r;

        if (!features)
                return 0;
        if (!xml_child(features, NULL)) {
                xml_remove(features);
                return 0;
        }

        if (hyperv) {
                r = check_hyperv(n, hyperv);
                if (r < 0)
                        return r;
        }

        /* An element alone switches on. */
        XML_FOREACH(f, features, NULL)
                if (xml_is(f, "smm") || xml_is(f, "vmport") || xml_is(f, "vmcoreinfo") || xml_is(f, "pvspinlock") ||
                    xml_is(f, "pmu") || xml_is(f, "hap"))
                        norm_set_default(n, f, "state", "on");

        if (xml_attr_is(xml_child(features, "ps2"), "state", "off") &&
            xml_attr_is(xml_child(features, "vmport"), "state", "on"))
                return fail_unsupported(n, xml_child(features, "vmport"),
                                        "vmport feature requires the ps2 feature not to be disabled");

        if (tseg) {
                char text[24];

                if (!n->q35)
                        return fail_unsupported(n, tseg, "SMM TSEG is only supported with q35 machine type");
                r = size_parse(xml_text(tseg), attr_or(tseg, "unit", "MiB"), 1, &bytes);
                if (r < 0)
                        return fail_xml(n, tseg, "malformed size");
                if (bytes & ((1 << 20) - 1))
                        return fail_xml(n, tseg, "SMM TSEG size must be divisible by 1 MiB");
                snprintf(text, sizeof(text), "%llu", (unsigned long long) (bytes >> 20));
                norm_set(n, tseg, "unit", "MiB");
                norm_set_text(n, tseg, text);
        }

        return 0;
}
