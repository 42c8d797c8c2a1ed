/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "network/port.h"

#include "base/strings.h"
#include "model/definition.h"
#include "network/network.h"

static int refuse(const xmlNode *interface, Error *e, const char *format, ...) _printf_(3, 4);
static int refuse(const xmlNode *interface, Error *e, const char *format, ...) {
        _cleanup_free_ char *words = TEXT_OF_ARGUMENTS(format);

        return error_set(e, -EOPNOTSUPP, ERROR_CONFIG_UNSUPPORTED, ORIGIN_NETWORK, "the card %s: %s",
                         xml_get(interface, "mac/@address") ?: "", words ?: "out of memory");
}

/* --- what is taken whole --- */

static int inherit(xmlNode *interface, const char *name, const xmlNode *group, const xmlNode *network) {
        const xmlNode *from = (group ? xml_child(group, name) : NULL) ?: (network ? xml_child(network, name) : NULL);

        if (!from || xml_child(interface, name))
                return 0;
        return xml_add_copy(interface, from) ? 0 : -ENOMEM;
}

/* --- virtualport --- */

static int merge_attributes(xmlNode *to, const xmlNode *from, const xmlNode *interface, Error *e) {
        for (const xmlAttr *a = from ? from->properties : NULL; a; a = a->next) {
                const char *name = (const char *) a->name, *value = xml_attr(from, name), *own = xml_attr(to, name);

                if (own && !streq_ptr(own, value))
                        return refuse(interface, e, "attempt to merge virtualports with mismatched %s: '%s', '%s'",
                                      name, own, value ?: "");
                if (!own && xml_set_attr(to, name, value) < 0)
                        return -ENOMEM;
        }
        return 0;
}

static int merge_virtualport(xmlNode *interface, const xmlNode *from, Error *e) {
        const xmlNode *port = from ? xml_child(from, "virtualport") : NULL;
        xmlNode *own, *parameters;
        int r;

        if (!port)
                return 0;
        own = xml_ensure(interface, "virtualport");
        r = own ? merge_attributes(own, port, interface, e) : -ENOMEM;
        if (r < 0 || !xml_child(port, "parameters"))
                return r;
        parameters = xml_ensure(own, "parameters");
        return parameters ? merge_attributes(parameters, xml_child(port, "parameters"), interface, e) : -ENOMEM;
}

/* Each port of the switch has a name of its own there. */
static int write_interface_id(xmlNode *interface) {
        xmlNode *parameters = xml_ensure(xml_child(interface, "virtualport"), "parameters");
        uint8_t id[16];
        char text[37];

        if (!parameters)
                return -ENOMEM;
        if (xml_attr(parameters, "interfaceid"))
                return 0;
        if (uuid_generate(id) < 0)
                return -EIO;
        uuid_format(id, text);
        return xml_set_attr(parameters, "interfaceid", text);
}

bool network_port_is_ovs(const xmlNode *interface) {
        return streq_ptr(xml_get(interface, "virtualport/@type"), "openvswitch");
}

int network_port_check(const xmlNode *interface, Error *e) {
        const char *type = xml_get(interface, "virtualport/@type");

        if (!xml_child(interface, "virtualport") || network_port_is_ovs(interface))
                return 0;
        return type ? refuse(interface, e, "virtualport type '%s' is not supported", type)
                    : refuse(interface, e, "missing type of the virtualport");
}

static int check_on_network(const xmlNode *network, const xmlNode *interface, Error *e) {
        ForwardMode mode = network_forward_mode(network);

        if (!network_port_is_ovs(interface) || (mode == FORWARD_BRIDGE && network_bridge(network)))
                return network_port_check(interface, e);
        return refuse(interface, e, "<virtualport type='openvswitch'> not supported for network '%s' which uses %s",
                      network_name(network), forward_mode_has_own_bridge(mode) ? "IP forwarding"
                                             : mode == FORWARD_HOSTDEV         ? "devices of the host"
                                                                               : "a macvtap device");
}

/* Whose word counts: the card's, the group's, the network's. */
static int inherit_trust(xmlNode *interface, const xmlNode *group, const xmlNode *network) {
        const char *word = xml_attr(group, "trustGuestRxFilters") ?: xml_attr(network, "trustGuestRxFilters");

        return !word || xml_attr(interface, "trustGuestRxFilters")
                       ? 0
                       : xml_set_attr(interface, "trustGuestRxFilters", word);
}

int network_port_complete(const xmlNode *network, xmlNode *interface, Error *e) {
        const xmlNode *group = network_portgroup(network, xml_get(interface, "source/@portgroup"));
        int r;

        r = inherit_trust(interface, group, network);
        if (r >= 0)
                r = inherit(interface, "bandwidth", group, NULL);
        if (r >= 0)
                r = inherit(interface, "vlan", group, network);
        if (r >= 0)
                r = inherit(interface, "port", NULL, network);
        if (r >= 0)
                r = inherit(interface, "mtu", NULL, network);
        if (r >= 0)
                r = merge_virtualport(interface, group, e);
        if (r >= 0)
                r = merge_virtualport(interface, network, e);
        if (r >= 0)
                r = check_on_network(network, interface, e);
        return r >= 0 && network_port_is_ovs(interface) ? write_interface_id(interface) : r;
}
