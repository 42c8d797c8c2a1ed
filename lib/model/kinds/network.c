/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The kinds of networks and of their ports. After normalising (paths below /network):
 *
 *   uuid                  there
 *   forward/@mode         there where forward is; forward/@dev is the first forward/interface/@dev too
 *   bridge                there with @name (unless the name is still to be chosen), @stp, @delay where the network has
 *                         its own
 *   mac/@address          there where the network has its own bridge
 *   ip                    @address, with @netmask or @prefix; @family where it is ipv6
 *   ip/dhcp               ranges and hosts lie within the network, no two hosts have the same address or MAC
 *   dns                   as network-dns.c says
 *   route                 leads to a network, by way of one of the addresses'
 *   portgroup             names are unique, at most one is the default */

#include <ctype.h>

#include "base/ip.h"
#include "base/strings.h"
#include "network.h"
#include "schema.h"

const char *network_name_of(const Normaliser *n) {
        return xml_get(n->root, "name") ?: "";
}
#define name_of network_name_of

static const char *mode_of(const Normaliser *n) {
        return xml_get(n->root, "forward/@mode") ?: "none";
}

static bool is_one_of(const char *s, const char *const *list) {
        for (; *list; list++)
                if (streq(*list, s))
                        return true;
        return false;
}

/* Does the network have a bridge that is made at its start? */
static bool has_own_bridge(const Normaliser *n) {
        static const char *const modes[] = { "none", "nat", "route", "open", NULL };

        return is_one_of(mode_of(n), modes);
}

static int check_name(Normaliser *n) {
        const char *name = name_of(n);

        if (strchr(name, '/'))
                return fail_xml(n, n->root, "name %s cannot contain '/'", name);
        if (xml_attr_is(n->root, "ipv6", "no"))
                xml_unset_attr(n->root, "ipv6");
        return normalise_title(n);
}

/* --- forward --- */

static int check_forward_addresses(Normaliser *n, xmlNode *forward) {
        xmlNode *nat = xml_child(forward, "nat");
        IpAddress first, last;
        unsigned from = 0, to = 0;

        if (!nat)
                return 0;
        if (!streq(mode_of(n), "nat"))
                return fail_xml(n, nat,
                                "The <nat> element can only be used when <forward> 'mode' is 'nat' in network %s",
                                name_of(n));
        if (xml_child(nat, "address") &&
            (ip_parse(xml_get(nat, "address/@start"), &first) < 0 ||
             ip_parse(xml_get(nat, "address/@end") ?: xml_get(nat, "address/@start"), &last) < 0 ||
             ip_count(&first, &last) == 0))
                return fail_xml(n, nat, "bad range of addresses in <nat> in <forward> in network '%s'", name_of(n));
        if (xml_child(nat, "port") && (xml_attr_uint(xml_child(nat, "port"), "start", &from) < 0 ||
                                       xml_attr_uint(xml_child(nat, "port"), "end", &to) < 0 || from > to))
                return fail_xml(n, nat,
                                "Missing or invalid 'start' or 'end' attribute in <port> element in <nat> in <forward> "
                                "in network %s",
                                name_of(n));
        return 0;
}

/* forward/@dev is another spelling of the first interface. */
static int write_interfaces(Normaliser *n, xmlNode *forward) {
        const char *dev = xml_attr(forward, "dev");
        xmlNode *first = xml_child(forward, "interface");

        if (first && !xml_attr(first, "dev"))
                return fail_xml(n, first,
                                "Missing required dev attribute in <forward> <interface> element of network %s",
                                name_of(n));
        if (dev && first && !streq(xml_attr(first, "dev"), dev))
                return fail_xml(n, forward,
                                "forward dev '%s' must match first interface element dev '%s' in network '%s'", dev,
                                xml_attr(first, "dev"), name_of(n));
        if (dev && !first && !xml_child(forward, "pf"))
                norm_set(n, norm_add(n, forward, "interface"), "dev", dev);
        else if (!dev && first && !xml_child(forward, "pf"))
                norm_set(n, forward, "dev", xml_attr(first, "dev"));
        return 0;
}

static int normalise_forward(Normaliser *n) {
        static const char *const single[] = { "nat", "route", NULL };
        xmlNode *forward = xml_child(n->root, "forward");
        const char *mode;
        int r;

        if (!forward)
                return 0;
        norm_set_default(n, forward, "mode", "nat");
        mode = mode_of(n);
        if (streq(mode, "none")) {
                xml_remove(forward);
                return 0;
        }
        r = write_interfaces(n, forward);
        if (r >= 0)
                r = check_forward_addresses(n, forward);
        if (r < 0)
                return r;
        if ((is_one_of(mode, single) || streq(mode, "open")) && !xml_child(n->root, "ip"))
                return fail_xml(n, forward, "%s forwarding requested, but no IP address provided for network '%s'",
                                mode, name_of(n));
        if (is_one_of(mode, single) && xml_next(xml_child(forward, "interface"), "interface"))
                return fail_xml(n, forward,
                                "multiple forwarding interfaces specified for network '%s', only one is supported",
                                name_of(n));
        if (streq(mode, "open") && xml_attr(forward, "dev"))
                return fail_xml(n, forward, "forward dev not allowed for network '%s' with forward mode='%s'",
                                name_of(n), mode);
        r = normalise_network_pool(n, forward);
        if (r < 0)
                return r;
        if (!streq(mode, "hostdev") && xml_child(forward, "address"))
                return fail_xml(n, forward,
                                "address elements are only allowed with forward mode='hostdev' in network '%s'",
                                name_of(n));
        return 0;
}

/* --- bridge --- */

static int check_without_bridge(Normaliser *n) {
        static const char *const unsupported[] = { "mac", "ip", "dns", "domain", "bandwidth", NULL };
        const xmlNode *bridge = xml_child(n->root, "bridge");
        bool on_bridge = streq(mode_of(n), "bridge");

        if (xml_child(n->root, "mtu"))
                return fail_xml(n, xml_child(n->root, "mtu"),
                                "mtu size only allowed in open, route, nat, and isolated mode, not in %s (network "
                                "'%s')",
                                mode_of(n), name_of(n));
        /* what is on a bridge of the host's may have a limit for all together */
        for (const char *const *u = unsupported; *u; u++)
                if (xml_child(n->root, *u) && !(bridge && on_bridge && streq(*u, "bandwidth")))
                        return fail_unsupported(n, xml_child(n->root, *u),
                                                "Unsupported %s<%s> element in network %s with forward mode='%s'",
                                                streq(*u, "bandwidth") ? "network-wide " : "", *u, name_of(n),
                                                mode_of(n));
        if (bridge && !on_bridge)
                return fail_xml(n, bridge, "bridge name not allowed in %s mode (network '%s')", mode_of(n), name_of(n));
        if (bridge && xml_find(n->root, "forward/interface"))
                return fail_xml(n, bridge,
                                "A network with forward mode='%s' can specify a bridge name or a forward dev, but not "
                                "both (network '%s')",
                                mode_of(n), name_of(n));
        if (xml_attr(bridge, "stp") || xml_attr(bridge, "delay"))
                return fail_xml(n, bridge,
                                "bridge delay/stp options only allowed in route, nat, and isolated mode, not in %s "
                                "(network '%s')",
                                mode_of(n), name_of(n));
        if (xml_attr(bridge, "zone"))
                return fail_xml(n, bridge, "bridge zone is not allowed in %s mode (network '%s')", mode_of(n),
                                name_of(n));
        return 0;
}

/* A document of a client gets a MAC here, so that it is the same at each start; a file's is made up from its uuid, so
 * that all who read it come to the same. */
static int write_mac(Normaliser *n) {
        xmlNode *mac = norm_ensure(n, n->root, "mac");
        uint8_t bytes[6] = { 0x52, 0x54, 0x00 }, uuid[16];

        if (!mac)
                return -ENOMEM;
        if (xml_attr(mac, "address")) {
                if (mac_parse(xml_attr(mac, "address"), bytes) < 0)
                        return fail_xml(n, mac, "Invalid bridge mac address '%s' in network '%s'",
                                        xml_attr(mac, "address"), name_of(n));
                if (bytes[0] & 1)
                        return fail_xml(n, mac, "Invalid multicast bridge mac address '%s' in network '%s'",
                                        xml_attr(mac, "address"), name_of(n));
        } else if (uuid_parse(xml_get(n->root, "uuid") ?: "", uuid) >= 0)
                memcpy(bytes + 3, uuid + 13, 3);
        norm_setf(n, mac, "address", "%02x:%02x:%02x:%02x:%02x:%02x", bytes[0], bytes[1], bytes[2], bytes[3], bytes[4],
                  bytes[5]);
        return 0;
}

static int normalise_bridge(Normaliser *n) {
        xmlNode *bridge = xml_child(n->root, "bridge");
        const char *name = xml_attr(bridge, "name"), *delay = xml_attr(bridge, "delay");
        char *end = NULL;

        if (name && (strlen(name) > 15 || strpbrk(name, "/ \t\n\"\\")))
                return fail_xml(n, bridge, "'%s' is no name of a bridge", name);
        if (!has_own_bridge(n))
                return check_without_bridge(n);
        if (delay && (strtod(delay, &end) < 0 || !end || *end || end == delay))
                return fail_xml(n, bridge, "Invalid bridge delay value '%s' in network '%s'", delay, name_of(n));
        bridge = norm_ensure(n, n->root, "bridge");
        if (name && !*name)
                xml_unset_attr(bridge, "name");
        norm_set_default(n, bridge, "stp", "on");
        norm_set_default(n, bridge, "delay", "0");
        return write_mac(n);
}

/* --- addresses --- */

typedef struct Range {
        IpAddress address;
        unsigned prefix;
} Range;

static int read_address(Normaliser *n, xmlNode *node, Range *ret) {
        const char *address = xml_attr(node, "address"), *family = xml_attr(node, "family"),
                   *netmask = xml_attr(node, "netmask"), *prefix = xml_attr(node, "prefix");
        Range r = {};
        IpAddress mask;
        bool ipv6;

        if (!address || ip_parse(address, &r.address) < 0)
                return fail_xml(n, node, "Missing required address attribute in network '%s'", name_of(n));
        ipv6 = r.address.family == AF_INET6;
        if (ipv6 && !family)
                return fail_xml(n, node, "no family specified for non-IPv4 address '%s' in network '%s'", address,
                                name_of(n));
        if (family && !streq(family, ipv6 ? "ipv6" : "ipv4"))
                return fail_xml(n, node, "family '%s' specified for non-IPv%c address '%s' in network '%s'", family,
                                family[3], address, name_of(n));
        if (netmask && prefix)
                return fail_xml(n, node, "Network '%s' cannot have both prefix='%s' and a netmask", name_of(n), prefix);
        r.prefix = ip_default_prefix(&r.address);
        if (netmask && (ipv6 || ip_parse(netmask, &mask) < 0 || ip_prefix_from_netmask(&mask, &r.prefix) < 0))
                return fail_xml(n, node, "Invalid netmask '%s' for address '%s' in network '%s' (both must be IPv4)",
                                netmask, address, name_of(n));
        if (prefix && (parse_uint(prefix, &r.prefix) < 0 || r.prefix > ip_bits(&r.address)))
                return fail_xml(n, node, "Invalid prefix='%s' for address '%s' in network '%s'", prefix, address,
                                name_of(n));
        *ret = r;
        return 0;
}

/* dnsmasq would make two minutes of less. */
static int check_lease(Normaliser *n, const xmlNode *node) {
        xmlNode *lease = xml_child(node, "lease");
        unsigned expiry = number_or(lease, "expiry", 0), seconds = xml_attr_is(lease, "unit", "seconds") ? 1
                                                                   : xml_attr_is(lease, "unit", "hours") ? 3600
                                                                                                         : 60;

        if (expiry > 0 && expiry < 120 && expiry * seconds < 120)
                return fail_unsupported(n, lease, "The minimum lease time should be greater than 2 minutes");
        return 0;
}

static int check_dhcp_range(Normaliser *n, xmlNode *node, const Range *net) {
        const char *start = xml_attr(node, "start"), *end = xml_attr(node, "end");
        IpAddress first, last, lowest = ip_network(&net->address, net->prefix),
                               highest = ip_last(&net->address, net->prefix);
        char text[IP_TEXT_MAX];

        if (ip_parse(start, &first) < 0 || ip_parse(end, &last) < 0)
                return fail_xml(n, node, "Missing 'start' or 'end' attribute of a dhcp range in network '%s'",
                                name_of(n));
        if (first.family != last.family || first.family != net->address.family)
                return fail_xml(n, node, "mismatch of address family in range %s - %s for network %s", start, end,
                                name_of(n));
        if (!ip_is_in(&first, &net->address, net->prefix) || !ip_is_in(&last, &net->address, net->prefix))
                return fail_xml(n, node, "range %s - %s is not entirely within network %s/%u", start, end,
                                ip_format(&net->address, text), net->prefix);
        if (ip_count(&first, &last) == 0)
                return fail_xml(n, node, "range %s - %s is reversed ", start, end);
        if (first.family == AF_INET && net->prefix < 31 && ip_compare(&first, &lowest) == 0)
                return fail_xml(n, node, "start of range %s - %s in network %s/%u is the network address", start, end,
                                ip_format(&net->address, text), net->prefix);
        if (first.family == AF_INET && net->prefix < 31 && ip_compare(&last, &highest) == 0)
                return fail_xml(n, node, "end of range %s - %s in network %s/%u is the broadcast address", start, end,
                                ip_format(&net->address, text), net->prefix);
        return check_lease(n, node);
}

static int check_dhcp_host(Normaliser *n, xmlNode *host, const Range *net) {
        const char *mac = xml_attr(host, "mac"), *name = xml_attr(host, "name"), *ip = xml_attr(host, "ip"),
                   *id = xml_attr(host, "id");
        IpAddress address;
        uint8_t bytes[6];
        char text[IP_TEXT_MAX];

        if (mac && net->address.family == AF_INET6)
                return fail_xml(n, host,
                                "Invalid to specify MAC address '%s' in network '%s' IPv6 static host definition", mac,
                                name_of(n));
        if (mac && (mac_parse(mac, bytes) < 0 || bytes[0] & 1))
                return fail_xml(n, host, "expected unicast mac address, found multicast '%s' in network '%s'", mac,
                                name_of(n));
        if (name && *name && !isalnum((unsigned char) *name))
                return fail_xml(n, host, "Cannot use host name '%s' in network '%s'", name, name_of(n));
        if (id && id[strspn(id, "0123456789abcdefABCDEF:")])
                return fail_xml(n, host, "Invalid character '%c' in id '%s' of network '%s'",
                                id[strspn(id, "0123456789abcdefABCDEF:")], id, name_of(n));
        if (!mac && !name && !id)
                return fail_xml(n, host, "Static host definition in IPv%u network '%s' must have %s attribute",
                                net->address.family == AF_INET ? 4U : 6U, name_of(n),
                                net->address.family == AF_INET ? "mac or name" : "id or name");
        if (!ip || ip_parse(ip, &address) < 0)
                return fail_xml(n, host, "Missing IP address in static host definition for network '%s'", name_of(n));
        if (address.family != net->address.family)
                return fail_xml(n, host, "address %s of a static host is not within network %s/%u", ip,
                                ip_format(&net->address, text), net->prefix);
        return check_lease(n, host);
}

static bool same(const xmlNode *a, const xmlNode *b, const char *name) {
        return xml_attr(a, name) && xml_attr(b, name) && strcasecmp(xml_attr(a, name), xml_attr(b, name)) == 0;
}

static int check_duplicate_hosts(Normaliser *n, xmlNode *dhcp) {
        XML_FOREACH(a, dhcp, "host")
                for (xmlNode *b = xml_next(a, "host"); b; b = xml_next(b, "host"))
                        if (same(a, b, "mac") || same(a, b, "ip") || same(a, b, "name"))
                                return fail_xml(n, b,
                                                "there is an existing dhcp host entry in network '%s' that matches "
                                                "\"<host mac='%s' name='%s' ip='%s'/>\"",
                                                name_of(n), attr_or(b, "mac", ""), attr_or(b, "name", ""),
                                                attr_or(b, "ip", ""));
        return 0;
}

static int normalise_dhcp(Normaliser *n, xmlNode *ip, const Range *net) {
        xmlNode *dhcp = xml_child(ip, "dhcp");
        int r = 0;

        if (net->address.family == AF_INET6 && xml_child(ip, "tftp"))
                return fail_unsupported(n, ip, "Unsupported <tftp> element in an IPv6 element of network '%s'",
                                        name_of(n));
        XML_FOREACH(range, dhcp, "range")
                if (r >= 0)
                        r = check_dhcp_range(n, range, net);
        XML_FOREACH(host, dhcp, "host")
                if (r >= 0)
                        r = check_dhcp_host(n, host, net);
        return r < 0 ? r : check_duplicate_hosts(n, dhcp);
}

static int check_single_dhcp(Normaliser *n) {
        const xmlNode *found[2] = {};

        XML_FOREACH(ip, n->root, "ip") {
                bool ipv6 = xml_attr_is(ip, "family", "ipv6");

                if (!xml_find(ip, "dhcp/range") && !xml_find(ip, "dhcp/host"))
                        continue;
                if (found[ipv6])
                        return fail_unsupported(n, ip,
                                                "Multiple IPv%c dhcp sections found -- dhcp is supported only for a "
                                                "single IPv%c address on each network",
                                                ipv6 ? '6' : '4', ipv6 ? '6' : '4');
                found[ipv6] = ip;
        }
        return 0;
}

static int normalise_addresses(Normaliser *n) {
        Range net;
        int r;

        XML_FOREACH(ip, n->root, "ip") {
                r = read_address(n, ip, &net);
                if (r >= 0)
                        r = normalise_dhcp(n, ip, &net);
                if (r < 0)
                        return r;
        }
        return check_single_dhcp(n);
}

static int normalise_routes(Normaliser *n) {
        XML_FOREACH(route, n->root, "route") {
                Range to;
                IpAddress gateway, net;
                bool found = false;
                int r = read_address(n, route, &to);

                if (r < 0)
                        return r;
                net = ip_network(&to.address, to.prefix);
                if (ip_compare(&net, &to.address) != 0)
                        return fail_xml(n, route, "Address '%s' in route definition of network '%s' is not a network "
                                        "address", xml_attr(route, "address"), name_of(n));
                if (xml_attr(route, "metric") && number_or(route, "metric", 0) == 0)
                        return fail_xml(n, route, "Invalid value for attribute 'metric' of a route of network '%s': "
                                        "Zero is not permitted", name_of(n));
                if (ip_parse(xml_attr(route, "gateway"), &gateway) < 0 || gateway.family != to.address.family)
                        return fail_xml(n, route,
                                        "Missing required gateway attribute in route definition of network '%s'",
                                        name_of(n));
                XML_FOREACH(ip, n->root, "ip") {
                        Range near;

                        found = found ||
                                (read_address(n, ip, &near) >= 0 && ip_is_in(&gateway, &near.address, near.prefix));
                }
                if (!found)
                        return fail_unsupported(n, route,
                                                "unreachable static route gateway '%s' specified for network '%s'",
                                                xml_attr(route, "gateway"), name_of(n));
        }
        return 0;
}

/* --- groups, VLANs --- */

static int check_vlan(Normaliser *n, xmlNode *vlan) {
        unsigned native = 0, tags = 0;

        XML_FOREACH(tag, vlan, "tag") {
                if (!xml_attr(tag, "id"))
                        return fail_xml(n, tag, "missing id of a vlan tag in network '%s'", name_of(n));
                if (number_or(tag, "id", 0) > 4095)
                        return fail_xml(n, tag, "vlan tag id %u too large (maximum 4095)", number_or(tag, "id", 0));
                tags++;
                native += xml_attr(tag, "nativeMode") ? 1 : 0;
        }
        if (vlan && tags == 0)
                return fail_xml(n, vlan,
                                "missing tag id - each <vlan> must have at least one <tag id='n'/> subelement");
        if (native > 1)
                return fail_xml(n, vlan, "duplicate native vlan setting");
        if (vlan && (tags > 1 || native > 0) && xml_attr_is(vlan, "trunk", "no"))
                return fail_xml(
                        n, vlan,
                        "invalid \"trunk='no'\" in <vlan> - trunk='yes' is required for more than one vlan tag");
        if (vlan && (tags > 1 || native > 0))
                norm_set(n, vlan, "trunk", "yes");
        return 0;
}

static int normalise_portgroups(Normaliser *n) {
        xmlNode *port = xml_child(n->root, "virtualport");
        const char *standard = NULL;
        int r = check_vlan(n, xml_child(n->root, "vlan"));

        if (port && !xml_attr(port, "type"))
                return fail_xml(n, port, "missing required virtualport type in network '%s'", name_of(n));

        XML_FOREACH(group, n->root, "portgroup") {
                const char *name = xml_attr(group, "name");

                if (r >= 0)
                        r = check_vlan(n, xml_child(group, "vlan"));
                if (r < 0)
                        return r;
                if (!name || !*name)
                        return fail_xml(n, group, "Missing required name attribute in portgroup");
                for (xmlNode *other = xml_next(group, "portgroup"); other; other = xml_next(other, "portgroup"))
                        if (same(group, other, "name"))
                                return fail_unsupported(n, other,
                                                        "multiple <portgroup> elements with the same name (%s)", name);
                /* "true", which some write, is no more than "no" */
                if (strcasecmp(attr_or(group, "default", ""), "yes") != 0) {
                        xml_unset_attr(group, "default");
                        continue;
                }
                norm_set(n, group, "default", "yes");
                if (standard)
                        return fail_unsupported(n, group,
                                                "network '%s' has multiple default <portgroup> elements (%s and %s), "
                                                "but only one default is allowed",
                                                name_of(n), standard, name);
                standard = name;
        }
        return r;
}

/* A rate of nothing would let nothing through. */
static int check_bandwidth(Normaliser *n) {
        static const char *const directions[] = { "inbound", "outbound" };
        const xmlNode *bandwidth = xml_child(n->root, "bandwidth");

        for (size_t i = 0; i < ELEMENTSOF(directions); i++) {
                xmlNode *rate = xml_child(bandwidth, directions[i]);

                if (rate && !xml_attr(rate, "average") && (i == 1 || !xml_attr(rate, "floor")))
                        return fail_xml(n, rate, "Missing mandatory average or floor attributes");
                if (rate && !xml_attr(rate, "average") && (xml_attr(rate, "peak") || xml_attr(rate, "burst")))
                        return fail_xml(n, rate, "'peak' and 'burst' require 'average' attribute");
                if (xml_attr(rate, "floor"))
                        return fail_unsupported(n, rate, "floor attribute isn't supported for network's bandwidth yet");
        }
        return 0;
}

static const NormaliseStep network_steps[] = {
        normalise_uuid,
        check_name,
        normalise_forward,
        normalise_network_dns,
        normalise_bridge,
        normalise_addresses,
        normalise_routes,
        normalise_portgroups,
        check_bandwidth,
        normalise_network_options,
        NULL,
};

static const DocumentNamespace network_namespaces[] = { { "dnsmasq", "http://libvirt.org/schemas/network/dnsmasq/1.0" },
                                                        {} };

const DocumentKind document_network = {
        .root = "network",
        .word = "network",
        .origin = ORIGIN_NETWORK,
        .key = "name",
        .schema = &schema_network,
        .namespaces = network_namespaces,
        .steps = network_steps,
};

/* --- ports --- */

static int normalise_port(Normaliser *n) {
        const xmlNode *plug = xml_child(n->root, "plug");

        if (!xml_get(n->root, "owner/name") || !xml_get(n->root, "owner/uuid"))
                return fail_xml(n, n->root, "Missing owner name or uuid in network port");
        if (!xml_get(n->root, "mac/@address"))
                return fail_xml(n, n->root, "No mac");
        if (plug && !xml_attr(plug, "type"))
                return fail_xml(n, n->root, "Missing network port plug type");
        return 0;
}

static const NormaliseStep port_steps[] = { normalise_uuid, normalise_port, NULL };

const DocumentKind document_networkport = {
        .root = "networkport",
        .word = "network port",
        .origin = ORIGIN_NETWORK,
        .key = "uuid",
        .key_made_up = true,
        .schema = &schema_networkport,
        .steps = port_steps,
};
