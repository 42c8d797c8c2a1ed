/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "network/plug.h"

#include "base/strings.h"
#include "model/definition.h"
#include "network/network.h"
#include "network/ovs.h"
#include "network/port.h"
#include "network/shape.h"

#define VLAN_MAX 4094U

static int plug_error(int r, const char *tap, const char *what, Error *e) {
        if (r == -EOPNOTSUPP)
                return error_set(e, r, ERROR_CONFIG_UNSUPPORTED, ORIGIN_NETWORK, "the kernel cannot set %s of '%s'",
                                 what, tap);
        return error_set_errno(e, r, ORIGIN_NETWORK, "cannot set %s of '%s'", what, tap);
}

/* --- VLANs --- */

static bool is_trunk(const xmlNode *vlan) {
        const xmlNode *first = xml_child(vlan, "tag");

        return xml_attr_is(vlan, "trunk", "yes") || (first && xml_next(first, "tag"));
}

static int tag_id(const xmlNode *tag, unsigned *ret, Error *e) {
        unsigned id = 0;

        if (xml_attr_uint(tag, "id", &id) < 0 || id > VLAN_MAX)
                return error_set(e, -EINVAL, ERROR_XML_ERROR, ORIGIN_NETWORK, "vlan tag id %u too large (maximum %u)",
                                 id, VLAN_MAX);
        *ret = id;
        return 0;
}

/* On a bridge that does not filter they would be written down and mean nothing: the guest would be where it must
 * not. */
static int check_bridge(Netlink *n, const char *bridge, Error *e) {
        LinkFacts facts;
        int r = link_read(n, bridge, &facts);

        if (r < 0)
                return error_set_errno(e, r, ORIGIN_NETWORK, "cannot read '%s'", bridge);
        if (facts.vlan_filtering)
                return 0;
        return error_set(e, -EOPNOTSUPP, ERROR_CONFIG_UNSUPPORTED, ORIGIN_NETWORK,
                         "a vlan tag is requested, but '%s' is no bridge that filters VLANs (ip link set %s type "
                         "bridge vlan_filtering 1)",
                         bridge, bridge);
}

static int plug_vlans(Netlink *n, const NetworkPlug *p, Error *e) {
        const xmlNode *vlan = xml_child(p->interface, "vlan");
        bool trunk;
        int r;

        if (!vlan)
                return 0;
        trunk = is_trunk(vlan);
        r = check_bridge(n, p->bridge, e);
        if (r < 0)
                return r;
        (void) bridge_port_vlan_remove(n, p->tap, 1);
        XML_FOREACH(tag, vlan, "tag") {
                const char *native = xml_attr(tag, "nativeMode");
                unsigned id = 0;

                r = tag_id(tag, &id, e);
                if (r < 0)
                        return r;
                r = bridge_port_vlan_add(n, p->tap, (uint16_t) id, !trunk || native,
                                         trunk && !streq_ptr(native, "untagged"));
                if (r < 0)
                        return plug_error(r, p->tap, "VLANs", e);
        }
        return 0;
}

/* --- limits --- */

static bool read_rate(const xmlNode *node, Rate *ret) {
        *ret = (Rate) {};
        if (!node || xml_attr_uint(node, "average", &ret->average) < 0)
                return false;
        (void) xml_attr_uint(node, "peak", &ret->peak);
        (void) xml_attr_uint(node, "burst", &ret->burst);
        return ret->average > 0;
}

static bool has_limits(const xmlNode *interface) {
        const xmlNode *bandwidth = xml_child(interface, "bandwidth");

        return xml_child(bandwidth, "inbound") || xml_child(bandwidth, "outbound");
}

static int overcommitted(const NetworkPlug *p, Error *e) {
        const xmlNode *inbound = xml_find(p->network, "bandwidth/inbound");

        return error_set(e, -ENOSPC, ERROR_OPERATION_INVALID, ORIGIN_NETWORK,
                         "Cannot plug '%s' interface into '%s' because it would overcommit '%s' on network '%s'",
                         p->tap, p->bridge, xml_attr(inbound, "peak") ? "peak" : "average", network_name(p->network));
}

/* A part of what the network's bridge may send, for this card alone. */
static int plug_floor(Netlink *n, const NetworkPlug *p, Error *e) {
        const char *address = xml_get(p->interface, "mac/@address") ?: "";
        unsigned floor = 0;
        uint8_t mac[6];
        bool own;
        int r;

        (void) xml_attr_uint(xml_find(p->interface, "bandwidth/inbound"), "floor", &floor);
        own = p->network && forward_mode_has_own_bridge(network_forward_mode(p->network));
        r = mac_parse(address, mac);
        if (floor == 0)
                return r >= 0 && own ? shape_floor_remove(n, p->bridge, mac) : 0;
        if (!own)
                return error_set(e, -EOPNOTSUPP, ERROR_CONFIG_UNSUPPORTED, ORIGIN_NETWORK,
                                 "Invalid use of 'floor' on interface with MAC address %s - 'floor' is only supported "
                                 "for interface type 'network' with forward type 'nat', 'route', 'open', or none",
                                 address);
        if (r >= 0)
                r = shape_floor_add(n, p->bridge, mac, floor);
        if (r == -ENXIO)
                return error_set(e, -EOPNOTSUPP, ERROR_OPERATION_UNSUPPORTED, ORIGIN_NETWORK,
                                 "Invalid use of 'floor' on interface with MAC address %s - network '%s' has no "
                                 "inbound QoS set",
                                 address, network_name(p->network));
        return r == -ENOSPC ? overcommitted(p, e) : r < 0 ? plug_error(r, p->tap, "the floor", e) : 0;
}

static OvsRate ovs_rate(const Rate *r) {
        return (OvsRate) { .average = r->average, .peak = r->peak, .burst = r->burst };
}

int network_limit(Netlink *n, const xmlNode *interface, const char *link, bool is_guests_end, Error *e) {
        const xmlNode *bandwidth = xml_child(interface, "bandwidth");
        Rate in, out;
        bool has_in = read_rate(xml_child(bandwidth, "inbound"), &in),
             has_out = read_rate(xml_child(bandwidth, "outbound"), &out);
        const Rate *inbound = has_in ? &in : NULL, *outbound = has_out ? &out : NULL;
        int r;

        r = shape_egress(n, link, is_guests_end ? outbound : inbound);
        if (r < 0)
                return plug_error(r, link, is_guests_end ? "the outbound bandwidth" : "the inbound bandwidth", e);
        r = shape_ingress(n, link, is_guests_end ? inbound : outbound);
        return r < 0 ? plug_error(r, link, is_guests_end ? "the inbound bandwidth" : "the outbound bandwidth", e) : 0;
}

static int limit_ovs(const xmlNode *interface, const char *tap, Error *e) {
        const xmlNode *bandwidth = xml_child(interface, "bandwidth");
        Rate in, out;
        bool has_in = read_rate(xml_child(bandwidth, "inbound"), &in),
             has_out = read_rate(xml_child(bandwidth, "outbound"), &out);
        OvsRate ovs_in = ovs_rate(&in), ovs_out = ovs_rate(&out);

        return ovs_limit(tap, has_in ? &ovs_in : NULL, has_out ? &ovs_out : NULL, e);
}

int network_plug_limits(Netlink *n, const NetworkPlug *p, Error *e) {
        int r;

        if (network_port_is_ovs(p->interface))
                return limit_ovs(p->interface, p->tap, e);
        r = plug_floor(n, p, e);
        return r < 0 ? r : network_limit(n, p->interface, p->tap, false, e);
}

/* --- the two kinds of bridges --- */

static int plug_ovs(const NetworkPlug *p, Error *e) {
        const xmlNode *vlan = xml_child(p->interface, "vlan"),
                      *parameters = xml_find(p->interface, "virtualport/parameters");
        OvsPort port = {
                .bridge = p->bridge,
                .link = p->tap,
                .mac = xml_get(p->interface, "mac/@address"),
                .interface_id = xml_attr(parameters, "interfaceid"),
                .guest = p->guest,
                .profile = xml_attr(parameters, "profileid"),
        };
        _cleanup_strbuf_ StrBuf trunks = {};
        _cleanup_free_ char *list = NULL;
        bool trunk = is_trunk(vlan);
        int r;

        if (xml_attr_is(xml_child(p->interface, "port"), "isolated", "yes") ||
            xml_attr(xml_find(p->interface, "bandwidth/inbound"), "floor"))
                return error_set(e, -EOPNOTSUPP, ERROR_CONFIG_UNSUPPORTED, ORIGIN_NETWORK,
                                 "a port of Open vSwitch can be neither isolated nor have a floor of bandwidth");
        XML_FOREACH(tag, vlan, "tag") {
                const char *native = xml_attr(tag, "nativeMode");
                unsigned id = 0;

                r = tag_id(tag, &id, e);
                if (r < 0)
                        return r;
                if (native)
                        port.vlan_mode = streq(native, "tagged") ? "native-tagged" : "native-untagged";
                if (native || !trunk)
                        port.tag = xml_attr(tag, "id");
                if (trunk)
                        strbuf_addf(&trunks, "%s%u", trunks.len > 0 ? "," : "", id);
        }
        if (trunk && !(list = strbuf_take(&trunks)))
                return -ENOMEM;
        port.trunks = list;
        return ovs_add(&port, e);
}

static int plug_linux(Netlink *n, const NetworkPlug *p, Error *e) {
        BridgePortSettings port = {
                .isolated = xml_attr_is(xml_child(p->interface, "port"), "isolated", "yes"),
                .without_learning = xml_attr_is(xml_child(p->network, "bridge"), "macTableManager", "libvirt"),
        };
        uint8_t mac[6];
        int r;

        r = link_set_master(n, p->tap, p->bridge);
        if (r < 0)
                return error_set_errno(e, r, ORIGIN_NETWORK, "Unable to add bridge %s port %s", p->bridge, p->tap);
        if (port.isolated || port.without_learning) {
                r = bridge_port_set(n, p->tap, &port);
                if (r < 0)
                        return plug_error(r, p->tap, "the options as a port", e);
        }
        if (port.without_learning && mac_parse(xml_get(p->interface, "mac/@address") ?: "", mac) >= 0) {
                r = fdb_add(n, p->tap, mac);
                if (r < 0)
                        return plug_error(r, p->tap, "the address as a port", e);
        }
        return plug_vlans(n, p, e);
}

int network_plug(Netlink *n, const NetworkPlug *p, Error *e) {
        int r = network_port_is_ovs(p->interface) ? plug_ovs(p, e) : plug_linux(n, p, e);

        return r < 0 || !has_limits(p->interface) ? r : network_plug_limits(n, p, e);
}
