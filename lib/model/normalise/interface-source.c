/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* <source> of an interface: what of the host the card is connected to. */

#include "base/strings.h"
#include "normalise.h"

#define NAME_MAX_LENGTH 15U

static int check_name(Normaliser *n, xmlNode *source, const char *what, const char *name) {
        if (strlen(name) > NAME_MAX_LENGTH || strpbrk(name, "/ \t\n"))
                return fail_xml(n, source, "'%s' is no name of a %s", name, what);

        return 0;
}

static int check_bridge(Normaliser *n, xmlNode *interface, xmlNode *source) {
        const char *bridge = xml_attr(source, "bridge");

        if (!bridge || !*bridge)
                return fail_xml(n, source ?: interface,
                                "no <source> 'bridge' attribute specified with <interface type='bridge'/>");
        if (xml_child(interface, "ip"))
                return fail_unsupported(n, interface,
                                        "Invalid attempt to set network interface guest-side IP route, not supported "
                                        "by interface type 'bridge'");

        return check_name(n, source, "bridge", bridge);
}

static int check_network(Normaliser *n, xmlNode *interface, xmlNode *source) {
        const char *network = xml_attr(source, "network");

        if (!network || !*network)
                return fail_xml(n, source ?: interface,
                                "No <source> 'network' attribute specified with <interface type='network'/>");
        if (xml_child(interface, "ip"))
                return fail_unsupported(n, interface,
                                        "Invalid attempt to set network interface guest-side IP route, not supported "
                                        "by interface type 'network'");
        return 0;
}

static int check_direct(Normaliser *n, xmlNode *interface, xmlNode *source) {
        static const char *const modes[] = { "vepa", "bridge", "private", "passthrough" };
        const char *dev = xml_attr(source, "dev"), *mode;

        if (!dev || !*dev)
                return fail_xml(n, source ?: interface,
                                "no <source> 'dev' attribute specified with <interface type='direct'/>");
        norm_set_default(n, source, "mode", "vepa");
        mode = xml_attr(source, "mode") ?: "";
        for (size_t i = 0; i < ELEMENTSOF(modes); i++)
                if (streq(modes[i], mode))
                        return check_name(n, source, "network device", dev);

        return fail_xml(n, source, "Invalid value for attribute 'mode' in element 'source': '%s'.", mode);
}

static int check_socket(Normaliser *n, xmlNode *interface, xmlNode *source) {
        bool server = xml_attr_is(interface, "type", "server");
        xmlNode *local = xml_child(source, "local");

        if (!xml_attr(source, "port"))
                return fail_xml(n, source ?: interface, "No <source> 'port' attribute specified with socket interface");
        if (!xml_attr(source, "address") && !server)
                return fail_xml(n, source, "No <source> 'address' attribute specified with socket interface");
        if (xml_attr_is(interface, "type", "udp") && (!xml_attr(local, "address") || !xml_attr(local, "port")))
                return fail_xml(n, local ?: source, "No <local> 'address' and 'port' specified with udp interface");

        return 0;
}

/* Who is at the other end maps the guest's memory. */
static int check_vhostuser(Normaliser *n, xmlNode *interface, xmlNode *source) {
        bool passt = xml_attr_is(xml_child(interface, "backend"), "type", "passt");
        const char *mode = xml_attr(source, "mode");

        if (!interface_model_is_virtio(xml_get(interface, "model/@type")))
                return fail_unsupported(n, interface, "vhostuser interfaces need the model 'virtio'");
        if (!passt && (!xml_attr_is(source, "type", "unix") || !xml_attr(source, "path")))
                return fail_xml(n, source ?: interface,
                                "No <source> of type 'unix' with a 'path' specified with <interface "
                                "type='vhostuser'/>");
        if (!passt && (!mode || (!streq(mode, "server") && !streq(mode, "client"))))
                return fail_xml(
                        n, source,
                        "Wrong <source> 'mode' attribute specified with <interface type='vhostuser'/>: server and "
                        "client are possible");
        if (!passt && streq(mode, "server") && xml_child(source, "reconnect"))
                return fail_unsupported(
                        n, source, "'reconnect' attribute unsupported 'server' mode for <interface type='vhostuser'>");

        return need_shared_memory(n, interface, passt ? "a vhostuser interface with passt" : "a vhostuser interface");
}

static int check_vdpa(Normaliser *n, xmlNode *interface, xmlNode *source) {
        if (!*attr_or(source, "dev", ""))
                return fail_xml(n, source ?: interface,
                                "No <source> 'dev' attribute specified with <interface type='vdpa'/>");

        return 0;
}

static int check_hostdev(Normaliser *n, xmlNode *interface, xmlNode *source) {
        if (xml_attr_is(interface, "managed", "no"))
                xml_unset_attr(interface, "managed");
        if (xml_attr(xml_child(interface, "target"), "dev"))
                return fail_unsupported(n, interface, "a card of the host has no <target>");
        norm_set_default(n, xml_child(source, "address"), "type", "pci");

        return normalise_host_pci_address(n, interface, source);
}

static int check_user(Normaliser *n, xmlNode *interface, xmlNode *source) {
        bool passt = xml_attr_is(xml_child(interface, "backend"), "type", "passt");

        if (xml_child(interface, "portForward") && !passt)
                return fail_unsupported(
                        n, interface,
                        "The <portForward> element can only be used with <interface type='user'> and its "
                        "'passt' backend");
        if (source && !passt)
                xml_remove(source);

        return 0;
}

/* The host's end of a tap that is no port of a bridge has an address of its own. */
static int check_ethernet(Normaliser *n, xmlNode *interface, xmlNode *source) {
        int r;

        r = normalise_ip_addresses(n, source);
        if (r < 0)
                return r;
        XML_FOREACH(route, source, "route") {
                if (!xml_attr(route, "address"))
                        return fail_xml(n, route, "Missing required address attribute in network route");
                if (!xml_attr(route, "gateway"))
                        return fail_xml(n, route, "Missing required gateway attribute in network route");
                norm_set_default(n, route, "family", strchr(xml_attr(route, "address"), ':') ? "ipv6" : "ipv4");
        }
        if (!xml_child(source, NULL))
                xml_remove(source);
        else
                while (source->properties)
                        xmlRemoveProp(source->properties);
        return 0;
}

/* Only that of an ethernet interface is the host's to give an address. */
static int check_host_end(Normaliser *n, xmlNode *interface) {
        static const char *const names[] = { "ip", "route" };

        for (size_t i = 0; i < ELEMENTSOF(names); i++) {
                xmlNode *at = xml_child(xml_child(interface, "source"), names[i]);

                if (at && !xml_attr_is(interface, "type", "ethernet"))
                        return fail_unsupported(n, at, "Invalid attempt to set network interface host-side IP route "
                                                       "and/or address info on interface of type '%s'. This is only "
                                                       "supported on interfaces of type 'ethernet'",
                                                xml_attr(interface, "type"));
        }
        return 0;
}

/* Other nodes than /dev/net/tun and /dev/vhost-net, for what is a tap at all. */
static int check_nodes(Normaliser *n, xmlNode *interface) {
        static const char *const taps[] = { "network", "bridge", "ethernet" };
        xmlNode *backend = xml_child(interface, "backend");
        bool tap = false;

        for (size_t i = 0; i < ELEMENTSOF(taps); i++)
                tap = tap || xml_attr_is(interface, "type", taps[i]);
        if (xml_attr(backend, "tap") && !tap)
                return fail_unsupported(n, backend,
                                        "custom tap device path is not supported for network interfaces of type %s",
                                        xml_attr(interface, "type"));
        if (!interface_model_is_virtio(xml_get(interface, "model/@type")))
                xml_unset_attr(backend, "vhost");
        drop_empty(interface, "backend");
        if (number_or(xml_find(interface, "coalesce/rx/frames"), "max", 0) == 0)
                xml_remove_children(interface, "coalesce");
        return 0;
}

static const struct {
        const char *type;
        int (*check)(Normaliser *n, xmlNode *interface, xmlNode *source);
} types[] = {
        { "network", check_network }, { "bridge", check_bridge },       { "direct", check_direct },
        { "server", check_socket },   { "client", check_socket },       { "mcast", check_socket },
        { "udp", check_socket },      { "vhostuser", check_vhostuser }, { "vdpa", check_vdpa },
        { "hostdev", check_hostdev }, { "user", check_user },           { "ethernet", check_ethernet },
};

/* Each port of the switch has a name of its own there. */
static int write_interface_id(Normaliser *n, xmlNode *port) {
        uint8_t id[16];
        char text[37];

        if (xml_attr(xml_child(port, "parameters"), "interfaceid"))
                return 0;
        if (uuid_generate(id) < 0)
                return -EIO;
        uuid_format(id, text);
        norm_set(n, norm_ensure(n, port, "parameters"), "interfaceid", text);
        return 0;
}

/* Of a card on a virtual network only the network knows, when the guest starts, whether it fits. */
static int check_virtualport(Normaliser *n, xmlNode *interface) {
        xmlNode *port = xml_child(interface, "virtualport");
        const char *type = xml_attr(port, "type");
        bool bridge = xml_attr_is(interface, "type", "bridge"), network = xml_attr_is(interface, "type", "network");
        bool of_bridge = type && (streq(type, "openvswitch") || streq(type, "midonet"));

        if (!port || (!type && network))
                return 0;
        if (!type)
                return fail_xml(n, port, "missing type of the virtualport");
        if (!network && of_bridge != bridge)
                return fail_unsupported(n, port,
                                        "<virtualport type='%s'> is not supported for an interface of type '%s'", type,
                                        xml_attr(interface, "type"));
        return streq(type, "openvswitch") ? write_interface_id(n, port) : 0;
}

static int check_vlan(Normaliser *n, xmlNode *interface) {
        xmlNode *vlan = xml_child(interface, "vlan");
        unsigned tags = 0;

        if (!vlan)
                return 0;
        XML_FOREACH(tag, vlan, "tag") {
                if (number_or(tag, "id", 4096) > 4095)
                        return fail_xml(n, tag, "missing or invalid vlan tag id '%s'", attr_or(tag, "id", ""));
                tags++;
        }
        if (tags == 0)
                return fail_xml(n, vlan,
                                "missing tag id - each <vlan> must have at least one <tag id='n'/> subelement");
        if (tags > 1)
                norm_set(n, vlan, "trunk", "yes");
        if (!xml_attr_is(interface, "type", "hostdev") && !xml_attr_is(interface, "type", "bridge") &&
            !xml_attr_is(interface, "type", "network"))
                return fail_unsupported(
                        n, vlan,
                        "an interface of type '%s' requesting a vlan tag, but that is not supported for this "
                        "type of connection",
                        attr_or(interface, "type", ""));

        return 0;
}

static int check_teaming(Normaliser *n, xmlNode *interface) {
        xmlNode *teaming = xml_child(interface, "teaming");

        if (xml_attr_is(teaming, "type", "persistent") &&
            !interface_model_is_virtio(xml_get(interface, "model/@type")))
                return fail_unsupported(n, teaming,
                                        "virtio-net teaming for 'persistent' interface needs the model 'virtio'");
        /* of a network's cards it is only known at the start */
        if (xml_attr_is(teaming, "type", "transient") && !xml_attr_is(interface, "type", "hostdev") &&
            !xml_attr_is(interface, "type", "network"))
                return fail_unsupported(n, teaming, "teaming hostdev devices must have <driver name='vfio'/>");
        if (xml_attr_is(teaming, "type", "transient") && !xml_attr(teaming, "persistent"))
                return fail_xml(n, teaming, "missing required 'persistent' attribute in <teaming> element");

        return 0;
}

/* What runs has its network's name beside the bridge that it is plugged into; only one of them is the source. */
static void keep_source(xmlNode *interface) {
        static const struct {
                const char *type, *dropped[3];
        } others[] = {
                { "network", { "bridge", "dev", "mode" } },
                { "bridge", { "network", "portgroup" } },
                { "direct", { "network", "portgroup", "bridge" } },
        };

        for (size_t i = 0; i < ELEMENTSOF(others); i++)
                for (size_t k = 0; k < ELEMENTSOF(others[i].dropped) && others[i].dropped[k]; k++)
                        if (xml_attr_is(interface, "type", others[i].type))
                                xml_unset_attr(xml_child(interface, "source"), others[i].dropped[k]);
}

int normalise_interface_source(Normaliser *n, xmlNode *interface) {
        int r = 0;

        keep_source(interface);
        for (size_t i = 0; i < ELEMENTSOF(types); i++)
                if (xml_attr_is(interface, "type", types[i].type))
                        r = types[i].check(n, interface, xml_child(interface, "source"));
        if (!xml_attr_is(interface, "type", "hostdev"))
                xml_unset_attr(interface, "managed");
        if (r >= 0)
                r = check_host_end(n, interface);
        if (r >= 0)
                r = check_nodes(n, interface);
        if (r >= 0)
                r = check_virtualport(n, interface);
        if (r >= 0)
                r = check_vlan(n, interface);

        return r < 0 ? r : check_teaming(n, interface);
}
