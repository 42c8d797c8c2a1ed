/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The units of a virtual network. Nearly all is in their templates: what is the network's own is which links of the
 * host it needs, and which files its dnsmasq reads. */

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

/* Options of dnsmasq's own may name any file of the host: then it sees all of them, and may read what its user may. */
static int plan_whole_host(Plan *p) {
        static const struct {
                const char *key, *value;
        } settings[] = {
                { "RootDirectory", "" },      { "TemporaryFileSystem", "" }, { "BindReadOnlyPaths", "" },
                { "BindPaths", "" },          { "ProtectSystem", "strict" }, { "ProtectHome", "yes" },
                { "PrivateTmp", "yes" },      { "ReadWritePaths", "/var/lib/libvirt/dnsmasq" },
        };
        int r = 0;

        for (size_t i = 0; r >= 0 && i < ELEMENTSOF(settings); i++)
                r = plan_add(p, PLAN_SERVICE, settings[i].key, settings[i].value);
        return r;
}

/* What dnsmasq reads beside its configuration. */
static int plan_dnsmasq(Plan *p, const xmlNode *network) {
        bool options = xml_child(xml_child(network, "dnsmasq:options"), "dnsmasq:option");
        Plan *dnsmasq = NULL;
        int r = 0;

        if (options) {
                r = plan_add_sidecar(p, &unit_dnsmasq, NULL, &dnsmasq);
                return r < 0 ? r : plan_whole_host(dnsmasq);
        }
        XML_FOREACH(ip, network, "ip") {
                const char *folder = xml_attr(xml_child(ip, "tftp"), "root");

                if (r >= 0 && folder && !dnsmasq)
                        r = plan_add_sidecar(p, &unit_dnsmasq, NULL, &dnsmasq);
                if (r >= 0 && folder)
                        r = plan_addf(dnsmasq, PLAN_SERVICE, "BindReadOnlyPaths", "-%s", folder);
        }
        return r;
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
        if (r >= 0)
                r = plan_dnsmasq(p, root);
        if (r == -EINVAL)
                return error_set(e, r, ERROR_XML_ERROR, ORIGIN_NETWORK,
                                 "a unit cannot name a link or folder of the network '%s'", definition_name(d));
        return r;
}
