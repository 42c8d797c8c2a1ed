/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "network/network.h"

#include "base/strings.h"

static const char *const forward_modes[_FORWARD_MODE_MAX] = {
        [FORWARD_NONE] = "none", [FORWARD_NAT] = "nat", [FORWARD_ROUTE] = "route", [FORWARD_OPEN] = "open",
        [FORWARD_BRIDGE] = "bridge", [FORWARD_PRIVATE] = "private", [FORWARD_VEPA] = "vepa",
        [FORWARD_PASSTHROUGH] = "passthrough", [FORWARD_HOSTDEV] = "hostdev",
};

const char *forward_mode_to_string(ForwardMode mode) {
        return mode >= 0 && mode < _FORWARD_MODE_MAX ? forward_modes[mode] : NULL;
}

ForwardMode forward_mode_from_string(const char *s) {
        for (ForwardMode m = 0; s && m < _FORWARD_MODE_MAX; m++)
                if (streq(forward_modes[m], s))
                        return m;
        return _FORWARD_MODE_INVALID;
}

ForwardMode network_forward_mode(const xmlNode *network) {
        const xmlNode *forward = xml_child(network, "forward");

        return forward ? forward_mode_from_string(xml_attr(forward, "mode") ?: "nat") : FORWARD_NONE;
}

const char *network_name(const xmlNode *network) {
        return xml_get(network, "name");
}

const char *network_bridge(const xmlNode *network) {
        const char *name = xml_get(network, "bridge/@name");

        return name && *name ? name : NULL;
}

const char *network_forward_device(const xmlNode *network) {
        return xml_get(network, "forward/interface/@dev") ?: xml_get(network, "forward/@dev");
}

static int refuse(const xmlNode *node, Error *e, const char *what, const char *value) {
        return error_set(e, -EBADMSG, ERROR_XML_ERROR, ORIGIN_NETWORK, "%s '%s' of <%s> in line %u is not valid", what,
                         value ?: "", xml_name(node), xml_line(node));
}

static int read_prefix(const xmlNode *ip, NetworkIp *i, Error *e) {
        const char *text = xml_attr(ip, "netmask");
        IpAddress netmask;

        i->has_netmask = true;
        if (text) {
                if (ip_parse(text, &netmask) < 0 || netmask.family != i->address.family ||
                    ip_prefix_from_netmask(&netmask, &i->prefix) < 0)
                        return refuse(ip, e, "netmask", text);
                return 0;
        }
        text = xml_attr(ip, "prefix");
        if (text) {
                if (parse_uint(text, &i->prefix) < 0 || i->prefix > ip_bits(&i->address))
                        return refuse(ip, e, "prefix", text);
                return 0;
        }
        i->has_netmask = false;
        i->prefix = ip_default_prefix(&i->address);
        return 0;
}

int network_ip_read(const xmlNode *ip, NetworkIp *ret, Error *e) {
        const char *text = xml_attr(ip, "address"), *family = xml_attr(ip, "family") ?: "ipv4";
        NetworkIp i = {};
        int r;

        if (ip_parse(text, &i.address) < 0)
                return refuse(ip, e, "address", text);
        if (!streq(family, i.address.family == AF_INET ? "ipv4" : "ipv6"))
                return error_set(e, -EBADMSG, ERROR_XML_ERROR, ORIGIN_NETWORK,
                                 "family '%s' of <%s> in line %u is not that of the address '%s'", family, xml_name(ip),
                                 xml_line(ip), text);
        r = read_prefix(ip, &i, e);
        if (r < 0)
                return r;
        *ret = i;
        return 0;
}

static bool has_family(const xmlNode *ip, int family) {
        IpAddress a;

        return ip_parse(xml_attr(ip, "address"), &a) >= 0 && (family == AF_UNSPEC || a.family == family);
}

bool network_has_ip(const xmlNode *network, int family) {
        XML_FOREACH(ip, network, "ip")
                if (has_family(ip, family))
                        return true;
        return false;
}

xmlNode *network_dhcp_ip(const xmlNode *network, int family) {
        XML_FOREACH(ip, network, "ip") {
                const xmlNode *dhcp = xml_child(ip, "dhcp");

                if (has_family(ip, family) && (xml_child(dhcp, "range") || xml_child(dhcp, "host")))
                        return ip;
        }
        return NULL;
}

bool network_has_dns(const xmlNode *network) {
        return !xml_attr_is(xml_child(network, "dns"), "enable", "no");
}

bool network_needs_dnsmasq(const xmlNode *network) {
        if (!forward_mode_has_own_bridge(network_forward_mode(network)) || !network_has_ip(network, AF_UNSPEC))
                return false;
        return network_has_dns(network) || network_dhcp_ip(network, AF_UNSPEC) || network_has_ip(network, AF_INET6) ||
                xml_find(network, "ip/tftp");
}

xmlNode *network_portgroup(const xmlNode *network, const char *name) {
        XML_FOREACH(group, network, "portgroup")
                if (name ? xml_attr_is(group, "name", name) : xml_attr_is(group, "default", "yes"))
                        return group;
        return NULL;
}
