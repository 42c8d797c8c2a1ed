/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* lease: a lock that a lock manager holds while the guest runs. */

#include "base/strings.h"
#include "normalise.h"

int normalise_leases(Normaliser *n) {
        XML_FOREACH(lease, n->devices, "lease") {
                const xmlNode *key = xml_child(lease, "key"), *target = xml_child(lease, "target");

                if (!key || !xml_text(key) || !*xml_text(key))
                        return fail_xml(n, lease, "Missing 'key' element for lease");
                if (!target || !xml_attr(target, "path"))
                        return fail_xml(n, lease, "Missing 'target' element with a path for lease");
                if (streq(attr_or(target, "offset", ""), "0"))
                        xml_unset_attr((xmlNode *) target, "offset");
        }
        return 0;
}
