/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/strings.h"
#include "network/network.h"
#include "network/pool.h"
#include "network/vf.h"

static int add_address(xmlNode *forward, const char *name) {
        unsigned domain, bus, slot, function;
        xmlNode *a;

        if (sscanf(name, "%x:%x:%x.%x", &domain, &bus, &slot, &function) != 4)
                return -EBADMSG;
        a = xml_add(forward, "address", NULL);
        if (!a || xml_set_attr(a, "type", "pci") < 0 || xml_set_attrf(a, "domain", "0x%04x", domain) < 0 ||
            xml_set_attrf(a, "bus", "0x%02x", bus) < 0 || xml_set_attrf(a, "slot", "0x%02x", slot) < 0)
                return -ENOMEM;
        return xml_set_attrf(a, "function", "0x%x", function);
}

/* A function without a link of the host is not for macvtaps, now. */
static int add_interface(xmlNode *forward, const char *name) {
        _cleanup_free_ char *link = NULL;
        xmlNode *i;
        int r;

        r = vf_link(name, &link);
        if (r < 0 || !link)
                return r;
        i = xml_add(forward, "interface", NULL);
        return i ? xml_set_attr(i, "dev", link) : -ENOMEM;
}

int network_pool_fill(xmlNode *network, Error *e) {
        xmlNode *forward = xml_child(network, "forward");
        const char *card = xml_get(forward, "pf/@dev");
        bool of_pci = network_forward_mode(network) == FORWARD_HOSTDEV;
        _cleanup_strv_ char **list = NULL;
        int r;

        if (!card || !network_has_pool(network) || xml_child(forward, of_pci ? "address" : "interface"))
                return 0;
        r = vf_list(card, &list);
        if (r == -ENODEV)
                return error_set(e, r, ERROR_INTERNAL, ORIGIN_NETWORK,
                                 "Could not get Virtual functions on %s: there is no such link", card);
        if (r == -ENOENT)
                return error_set(e, r, ERROR_INTERNAL, ORIGIN_NETWORK, "No Vf's present on SRIOV PF %s", card);
        for (char *const *name = list; r >= 0 && *name; name++)
                r = of_pci ? add_address(forward, *name) : add_interface(forward, *name);
        if (r < 0)
                return error_set_errno(e, r, ORIGIN_NETWORK, "Could not get Virtual functions on %s", card);
        return 0;
}
