/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What a client's port on a network is to be plugged into. Our own guests do not ask: vm-prepare writes their ports.
 * Others do, libvirt's hypervisors among them, and make the tap, the macvtap or the assignment themselves, by the
 * <plug> that they get. */

#include "base/fs.h"
#include "base/strings.h"
#include "network.h"
#include "network/files.h"
#include "network/pool.h"
#include "network/port.h"

static xmlNode *add_plug(xmlNode *port, const char *type) {
        xmlNode *plug = xml_ensure(port, "plug");

        return plug && xml_set_attr(plug, "type", type) >= 0 ? plug : NULL;
}

static int plug_bridge(const xmlNode *network, xmlNode *port) {
        bool own = forward_mode_has_own_bridge(network_forward_mode(network));
        const char *table = xml_get(network, "bridge/@macTableManager");
        xmlNode *plug = add_plug(port, own ? "network" : "bridge");
        int r = plug ? xml_set_attr(plug, "bridge", network_bridge(network)) : -ENOMEM;

        return r >= 0 && table ? xml_set_attr(plug, "macTableManager", table) : r;
}

static int plug_link(const xmlNode *network, xmlNode *port, const xmlNode *device) {
        xmlNode *plug = add_plug(port, "direct");
        int r = plug ? xml_set_attr(plug, "dev", xml_attr(device, "dev")) : -ENOMEM;

        return r < 0 ? r : xml_set_attr(plug, "mode", forward_mode_to_string(network_forward_mode(network)));
}

static int plug_function(const xmlNode *network, xmlNode *port, const xmlNode *device) {
        static const char *const parts[] = { "domain", "bus", "slot", "function" };
        bool managed = xml_attr_is(xml_child(network, "forward"), "managed", "yes");
        xmlNode *plug = add_plug(port, "hostdev-pci"), *driver = plug ? xml_ensure(plug, "driver") : NULL,
                *address = driver ? xml_ensure(plug, "address") : NULL;
        int r;

        if (!address)
                return -ENOMEM;
        r = xml_set_attr(plug, "managed", managed ? "yes" : "no");
        if (r >= 0)
                r = xml_set_attr(driver, "name", "vfio");
        for (size_t i = 0; r >= 0 && i < ELEMENTSOF(parts); i++)
                r = xml_set_attr(address, parts[i], xml_attr(device, parts[i]) ?: "0");
        return r;
}

/* The network's folder of ports is locked, as whoever else chooses has it. */
static int plug_device(xmlNode *network, xmlNode *port, Error *e) {
        xmlNode *device;
        int r = network_pool_count(network);

        if (r >= 0)
                r = network_pool_choose(network, &device, e);
        if (r < 0)
                return r;
        return xml_is(device, "interface") ? plug_link(network, port, device) : plug_function(network, port, device);
}

/* What a card would have of its portgroup and network the port has. */
static int complete(const xmlNode *network, xmlNode *port, Error *e) {
        const char *group = xml_get(port, "group");
        xmlNode *source = xml_ensure(port, "source"), *mtu;
        int r = source ? 0 : -ENOMEM;

        if (r >= 0 && group)
                r = xml_set_attr(source, "portgroup", group);
        if (r >= 0)
                r = network_port_complete(network, port, e);
        if (source)
                xml_remove(source);
        mtu = xml_child(port, "mtu");
        if (mtu)
                xml_remove(mtu);
        if (r >= 0 && xml_attr(xml_find(port, "bandwidth/inbound"), "floor"))
                r = error_set(e, -EOPNOTSUPP, ERROR_CONFIG_UNSUPPORTED, ORIGIN_NETWORK,
                              "a guaranteed bandwidth (floor) is for guests of this host's own hypervisor");
        return r;
}

int network_port_allocate(const Network *n, xmlNode *port, Error *e) {
        _cleanup_xml_ xmlDocPtr doc = NULL;
        xmlNode *network;
        int r = network_load(NETWORK_FILE_LIVE, n->object.name, &doc, e);

        if (r < 0)
                return r == -ENOENT ? object_error_inactive(&n->object, e) : r;
        network = xml_root(doc);
        r = complete(network, port, e);
        if (r < 0)
                return r;
        return network_has_pool(network) ? plug_device(network, port, e) : plug_bridge(network, port);
}
