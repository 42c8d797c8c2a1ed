/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* <interface type='network'>: the live definition of the network says where the card is plugged in. Its unit has
 * started before, or the guest's would not have; no daemon is asked. */

#include <arpa/inet.h>
#include <fcntl.h>
#include <ifaddrs.h>

#include "base/fs.h"
#include "base/log.h"
#include "base/strings.h"
#include "host/undo.h"
#include "network/files.h"
#include "network/leases.h"
#include "network/network.h"
#include "network/plug.h"
#include "network/port.h"
#include "leftovers.h"
#include "network-port.h"
#include "prepare.h"

#define MACS_FILE_MAX (4U << 20)

/* What outlasts the tap. */
static int note_port(Prepare *p, const xmlNode *interface, const char *bridge, const char *tap) {
        _cleanup_free_ char *floor = NULL;

        if (network_port_is_ovs(interface))
                return prepare_undo(p, UNDO_OVS, tap);
        if (!xml_attr(xml_find(interface, "bandwidth/inbound"), "floor"))
                return 0;
        floor = text_format("%s %s", bridge, xml_get(interface, "mac/@address"));
        return floor ? prepare_undo(p, UNDO_FLOOR, floor) : -ENOMEM;
}

static int plug(Prepare *p, const xmlNode *network, const xmlNode *interface, const char *bridge, bool only_limits) {
        const char *tap = xml_get(interface, "target/@dev");
        _cleanup_netlink_ Netlink *links = NULL;
        uint8_t uuid[16];
        char guest[37];
        NetworkPlug port = {
                .network = network,
                .interface = interface,
                .bridge = bridge,
                .tap = tap,
                .guest = definition_uuid(p->live, uuid) ? guest : NULL,
        };
        int r;

        uuid_format(uuid, guest);
        r = netlink_open(&links);
        if (r >= 0)
                r = note_port(p, interface, bridge, tap);
        if (r >= 0)
                r = (only_limits ? network_plug_limits : network_plug)(links, &port, &p->error);
        if (r >= 0 && !only_limits)
                r = link_set_up(links, tap, true);
        return r < 0 ? prepare_blame(p, r, interface) : 0;
}

/* --- what others read: which MACs the guest has --- */

/* From the first moment of its vm-prepare on. */
static bool lives(const char *guest) {
        _cleanup_close_ int lock = -EBADF;

        return leftovers_lock(guest, false, &lock) < 0;
}

/* Guests that ended since are taken out on the way: nobody reads the file for its own sake. */
static int write_macs(const char *guest, const char *bridge, const char *mac) {
        _cleanup_free_ char *path = network_macs_file(bridge), *lock = text_format("%s/network/macs.lock", path_run()),
                            *text = NULL, *changed = NULL;
        _cleanup_close_ int fd = path && lock ? file_open_locked(lock) : -ENOMEM;
        size_t len = 0;
        int r;

        if (fd < 0)
                return fd;
        r = file_read(path, MACS_FILE_MAX, &text, &len);
        if (r < 0 && r != -ENOENT)
                return r;
        r = macs_change(text, len, guest, mac, true, lives, &changed);
        return r < 0 ? r : file_write_atomic(path, changed, strlen(changed), 0644, FILE_WRITE_NOSYNC);
}

static void remember_mac(Prepare *p, const xmlNode *interface, const char *bridge) {
        const char *mac = xml_get(interface, "mac/@address");
        int r = mac ? write_macs(p->name, bridge, mac) : 0;

        if (r < 0)
                log_warning_errno(r, "cannot keep the address of a card for libnss-libvirt, ignoring: %s",
                                  strerror(-r));
}

/* --- networks --- */

/* No network runs by this name: is there one? */
static int refuse_inactive(Prepare *p, const char *name) {
        _cleanup_free_ char *path = text_format("%s/qemu/networks/%s.xml", path_etc(), name);

        if (!path)
                return -ENOMEM;
        return access(path, F_OK) < 0
                       ? error_set(&p->error, -ENOENT, ERROR_NO_NETWORK, ORIGIN_NETWORK,
                                   "no network with matching name '%s'", name)
                       : error_set(&p->error, -ENOENT, ERROR_OPERATION_INVALID, ORIGIN_NETWORK,
                                   "network '%s' is not active", name);
}

static int load_network(Prepare *p, const xmlNode *interface, const char *name, xmlDocPtr *ret) {
        _cleanup_free_ char *path = network_file(NETWORK_FILE_LIVE, name), *text = NULL;
        size_t len;
        int r;

        if (!path)
                return -ENOMEM;
        r = file_read(path, XML_MAX_BYTES, &text, &len);
        if (r == -ENOENT)
                return refuse_inactive(p, name);
        return r < 0 ? prepare_refuse(p, r, interface, "cannot read %s: %s", path, strerror(-r))
                     : xml_parse(text, len, path, "network", ret, &p->error);
}

static int connect_to(Prepare *p, xmlNode *interface, const xmlNode *network, const char *bridge) {
        const NetworkPort port = {
                .bridge = bridge, .own_bridge = forward_mode_has_own_bridge(network_forward_mode(network))
        };
        int r;

        r = plug(p, network, interface, bridge, false);
        if (r >= 0)
                r = network_port_write(p, network, interface, &port);
        if (r >= 0)
                r = xml_set_attr(xml_child(interface, "source"), "bridge", bridge);
        if (r >= 0)
                remember_mac(p, interface, bridge);
        return r;
}

static int plug_into_bridge(Prepare *p, xmlNode *interface, const xmlNode *network, const char *bridge) {
        int r = prepare_bridge_tap(p, interface, bridge);

        return r < 0 ? r : connect_to(p, interface, network, bridge);
}

/* A macvtap on a link of the host's that the network has in its pool. */
static int plug_into_device(Prepare *p, xmlNode *interface, xmlNode *network) {
        xmlNode *device;
        int r;

        if (xml_child(interface, "vlan"))
                return prepare_refuse(p, -EOPNOTSUPP, interface,
                                      "an interface connecting to network '%s' is requesting a vlan tag, but that is "
                                      "not supported for this type of connection",
                                      network_name(network));
        r = network_port_take(p, network, interface, &device);
        return r < 0 ? r : prepare_macvtap(p, interface, xml_attr(device, "dev"),
                                           forward_mode_to_string(network_forward_mode(network)));
}

/* The card is a PCI device of the host's from here on, as libvirt's clients see it too: hostdevs.c does the rest. */
static int become_hostdev(xmlNode *interface, const xmlNode *forward, const xmlNode *from) {
        static const char *const parts[] = { "domain", "bus", "slot", "function" };
        const char *model = xml_get(forward, "driver/@model");
        xmlNode *source = xml_child(interface, "source"), *address = xml_add(source, "address", NULL), *driver;
        int r = 0;

        xml_unset_attr(source, "network");
        xml_unset_attr(source, "portgroup");
        if (!address || xml_set_attr(interface, "type", "hostdev") < 0 ||
            xml_set_attr(interface, "managed", xml_attr(forward, "managed") ?: "no") < 0 ||
            xml_set_attr(address, "type", "pci") < 0)
                return -ENOMEM;
        for (size_t i = 0; r >= 0 && i < ELEMENTSOF(parts); i++)
                r = xml_set_attr(address, parts[i], xml_attr(from, parts[i]) ?: "0");
        driver = r >= 0 ? xml_ensure(interface, "driver") : NULL;
        if (!driver || xml_set_attr(driver, "name", "vfio") < 0)
                return -ENOMEM;
        return model ? xml_set_attr(driver, "model", model) : 0;
}

static int plug_into_pci(Prepare *p, xmlNode *interface, xmlNode *network) {
        xmlNode *device;
        int r;

        r = prepare_refuse_filter(p, interface, "hostdev");
        if (r >= 0)
                r = network_port_take(p, network, interface, &device);
        return r < 0 ? r : become_hostdev(interface, xml_child(network, "forward"), device);
}

/* The network that the card is on, and the card as it is to be there. */
static int load_and_complete(Prepare *p, xmlNode *interface, xmlDocPtr *ret) {
        int r = load_network(p, interface, xml_get(interface, "source/@network") ?: "", ret);

        return r < 0 ? r : prepare_blame(p, network_port_complete(xml_root(*ret), interface, &p->error), interface);
}

/* --- the host's own address on a network --- */

/* The first of a link, of IPv4 where it has any; the caller's. NULL: it has none. */
static char *address_of_link(const char *link) {
        struct ifaddrs *all = NULL;
        char text[INET6_ADDRSTRLEN] = "";

        if (getifaddrs(&all) < 0)
                return NULL;
        for (int family = AF_INET; !text[0]; family = AF_INET6) {
                for (const struct ifaddrs *a = all; a && !text[0]; a = a->ifa_next) {
                        const void *address = NULL;

                        if (!a->ifa_addr || a->ifa_addr->sa_family != family || !streq(a->ifa_name, link))
                                continue;
                        address = family == AF_INET
                                          ? (const void *) &((const struct sockaddr_in *) a->ifa_addr)->sin_addr
                                          : (const void *) &((const struct sockaddr_in6 *) a->ifa_addr)->sin6_addr;
                        (void) inet_ntop(family, address, text, sizeof text);
                }
                if (family == AF_INET6)
                        break;
        }
        freeifaddrs(all);
        return text[0] ? strdup(text) : NULL;
}

int prepare_network_address(Prepare *p, const xmlNode *element, const char *name, char **ret) {
        const char *address, *link;
        _cleanup_xml_ xmlDocPtr doc = NULL;
        const xmlNode *network;
        int r;

        r = load_network(p, element, name, &doc);
        if (r < 0)
                return r;
        network = xml_root(doc);
        if (forward_mode_has_own_bridge(network_forward_mode(network))) {
                address = xml_get(network, "ip/@address");
                if (!address)
                        return prepare_refuse(p, -EADDRNOTAVAIL, element, "network '%s' doesn't have an IP address",
                                              name);
                *ret = strdup(address);
                return *ret ? 0 : -ENOMEM;
        }
        link = network_bridge(network) ?: network_forward_device(network);
        if (!link)
                return prepare_refuse(p, -EADDRNOTAVAIL, element,
                                      "network '%s' has no associated interface or bridge", name);
        *ret = address_of_link(link);
        return *ret ? 0 : prepare_refuse(p, -EADDRNOTAVAIL, element, "'%s' of the network '%s' has no address", link,
                                         name);
}

int prepare_virtual_network(Prepare *p, xmlNode *interface) {
        _cleanup_xml_ xmlDocPtr doc = NULL;
        const char *bridge;
        xmlNode *network;
        int r;

        r = load_and_complete(p, interface, &doc);
        if (r < 0)
                return r;
        network = xml_root(doc);
        bridge = network_bridge(network);
        if (bridge)
                return plug_into_bridge(p, interface, network, bridge);
        return network_forward_mode(network) == FORWARD_HOSTDEV ? plug_into_pci(p, interface, network)
                                                                : plug_into_device(p, interface, network);
}

/* --- taps that are there --- */

static bool is_on_network(const xmlNode *interface) {
        return xml_attr_is(interface, "type", "network");
}

int prepare_connect(Prepare *p, xmlNode *interface) {
        _cleanup_xml_ xmlDocPtr doc = NULL;
        int r;

        if (!is_on_network(interface))
                return plug(p, NULL, interface, xml_get(interface, "source/@bridge"), false);
        r = load_and_complete(p, interface, &doc);
        if (r < 0)
                return r;
        if (!network_bridge(xml_root(doc)))
                return prepare_refuse(p, -EOPNOTSUPP, interface,
                                      "network '%s' has no bridge, and a card of a guest that runs can change to no "
                                      "other",
                                      network_name(xml_root(doc)));
        return connect_to(p, interface, xml_root(doc), network_bridge(xml_root(doc)));
}

int prepare_change_limits(Prepare *p, xmlNode *interface) {
        const char *type = xml_attr(interface, "type") ?: "", *bridge = xml_get(interface, "source/@bridge");
        _cleanup_xml_ xmlDocPtr doc = NULL;
        int r = 0;

        if (streq(type, "direct") || streq(type, "ethernet") || (is_on_network(interface) && !bridge))
                return prepare_limit_link(p, interface, !streq(type, "ethernet"));
        if (is_on_network(interface))
                r = load_network(p, interface, xml_get(interface, "source/@network") ?: "", &doc);
        return r < 0 ? r : plug(p, doc ? xml_root(doc) : NULL, interface, bridge, true);
}
