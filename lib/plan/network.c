/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The unit of a virtual network. Nearly all is in its template: what is the network's own is which links of the host it
 * needs. */

#include "base/strings.h"
#include "plan-internal.h"
#include "plan/names.h"

/* A link that udev may find late; a network that starts by hand does not wait for it, since it is only ordered. */
static int plan_after_link(Plan *p, const char *link) {
        _cleanup_free_ char *path = link ? text_format("/sys/subsystem/net/devices/%s", link) : NULL, *unit = NULL;
        int r;

        if (!link)
                return 0;
        if (!path)
                return -ENOMEM;
        r = unit_name_for_device(path, &unit);
        return r < 0 ? r : plan_add(p, PLAN_UNIT, "After", unit);
}

int plan_network(const Definition *d, const PlanFacts *facts, Plan *p, Error *e) {
        const xmlNode *root = definition_root(d), *forward = xml_child(root, "forward");
        int r = 0;

        if (xml_attr_is(forward, "mode", "bridge"))
                r = plan_after_link(p, xml_get(root, "bridge/@name"));
        if (r >= 0 && xml_attr_is(forward, "mode", "hostdev") && xml_attr_is(forward, "managed", "yes"))
                r = plan_pci_driver(p, xml_get(forward, "driver/@model"));
        if (r >= 0)
                r = plan_after_link(p, xml_get(forward, "pf/@dev"));
        XML_FOREACH(interface, forward, "interface")
                if (r >= 0)
                        r = plan_after_link(p, xml_attr(interface, "dev"));
        if (r == -EINVAL)
                return error_set(e, r, ERROR_XML_ERROR, ORIGIN_NETWORK, "a unit cannot name a link of the network '%s'",
                                 definition_name(d));
        return r;
}
