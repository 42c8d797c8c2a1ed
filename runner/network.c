/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* <interface>: taps on bridges that exist, and those that somebody else looks after. */

#include <fcntl.h>

#include "base/strings.h"
#include "host/macvtap.h"
#include "host/script.h"
#include "host/sockets.h"
#include "host/undo.h"
#include "network/plug.h"
#include "network/port.h"
#include "plan/plan.h"
#include "prepare.h"

/* libvirt: a name that begins with vnet is not the user's */
const char *interface_wanted_name(const xmlNode *interface) {
        const char *dev = xml_get(interface, "target/@dev");

        return dev && *dev && !startswith(dev, "vnet") ? dev : NULL;
}

static unsigned queues_of(const xmlNode *interface) {
        unsigned n = 1;

        (void) parse_uint(xml_get(interface, "driver/@queues") ?: "1", &n);
        return n < 1 ? 1 : n;
}

/* With KVM as libvirt does; an emulated CPU gains nothing. */
static bool wants_vhost(const Prepare *p, const xmlNode *interface) {
        const char *driver = xml_get(interface, "driver/@name");

        if (streq_ptr(driver, "vhost"))
                return true;
        return !driver && xml_attr_is(definition_root(p->live), "type", "kvm") &&
                interface_model_is_virtio(xml_get(interface, "model/@type"));
}

static int open_vhost(Prepare *p, const xmlNode *interface, unsigned queues) {
        QemuNet *net = &p->nets[p->res.n_nets];
        int *numbers = p->vhost_fds[p->res.n_nets], r;

        r = vhost_net_open(xml_get(interface, "backend/@vhost"), queues,
                           streq_ptr(xml_get(interface, "driver/@name"), "vhost"), &p->sink, numbers, &p->error);
        if (r > 0) {
                net->vhost_fds = numbers;
                net->n_vhost_fds = queues;
        }
        return r;
}

int prepare_tap(Prepare *p, xmlNode *interface, TapOptions *o) {
        size_t index = p->res.n_nets;
        char name[IFNAMSIZ];
        xmlNode *target;
        int r;

        if (index == NETS_MAX)
                return prepare_refuse(p, -E2BIG, interface, "a guest has %u cards at most", NETS_MAX);
        o->queues = queues_of(interface);
        o->node = xml_get(interface, "backend/@tap");
        (void) parse_uint(xml_get(interface, "coalesce/rx/frames/@max") ?: "0", &o->frames);
        o->made = prepare_filter;
        o->userdata = &(PrepareFilter) { p, interface };
        r = tap_open(o, &p->sink, name, p->tap_fds[index], &p->error);
        if (r < 0)
                return prepare_blame(p, r, interface);
        p->nets[index] = (QemuNet) {
                .alias = device_alias(interface), .tap_fds = p->tap_fds[index], .n_tap_fds = o->queues,
        };
        target = xml_ensure(interface, "target");
        r = target ? xml_set_attr(target, "dev", name) : -ENOMEM;
        if (r >= 0 && wants_vhost(p, interface))
                r = prepare_blame(p, open_vhost(p, interface, o->queues), interface);
        p->res.n_nets = index + 1;
        return r;
}

unsigned interface_mtu(const xmlNode *interface) {
        unsigned mtu = 0;

        (void) parse_uint(xml_get(interface, "mtu/@size") ?: "0", &mtu);
        return mtu;
}

/* The limits of what is no port of a bridge. */
int prepare_limit_link(Prepare *p, const xmlNode *interface, bool is_guests_end) {
        _cleanup_netlink_ Netlink *links = NULL;
        int r;

        r = netlink_open(&links);
        if (r >= 0)
                r = network_limit(links, interface, xml_get(interface, "target/@dev"), is_guests_end, &p->error);
        return r < 0 ? prepare_blame(p, r, interface) : 0;
}

/* Nothing comes through the tap before it is the port that the definitions want. */
int prepare_bridge_tap(Prepare *p, xmlNode *interface, const char *bridge) {
        TapOptions o = {
                .like = bridge,
                .name = interface_wanted_name(interface),
                .mac = xml_get(interface, "mac/@address"),
                .mtu = interface_mtu(interface),
                .flags = TAP_DOWN,
        };

        return prepare_tap(p, interface, &o);
}

static int prepare_bridge(Prepare *p, xmlNode *interface) {
        int r = prepare_bridge_tap(p, interface, xml_get(interface, "source/@bridge") ?: "");

        return r < 0 ? r : prepare_connect(p, interface);
}

static int run_scripts(Prepare *p, const xmlNode *interface) {
        const char *up = xml_get(interface, "script/@path"), *down = xml_get(interface, "downscript/@path"),
                   *tap = xml_get(interface, "target/@dev");
        _cleanup_free_ char *undo = down && *down ? text_format("%s %s", tap, down) : NULL;
        int r = 0;

        if (down && *down)
                r = undo ? prepare_undo(p, UNDO_SCRIPT, undo) : -ENOMEM;
        if (r >= 0 && up)
                r = prepare_blame(p, script_run(up, tap, &p->error), interface);
        return r;
}

static int add_route(Netlink *links, const xmlNode *route, const char *tap) {
        IpAddress network, gateway;
        unsigned prefix = 0, metric = 0;

        if (ip_parse(xml_attr(route, "address") ?: "", &network) < 0 ||
            ip_parse(xml_attr(route, "gateway") ?: "", &gateway) < 0)
                return -EINVAL;
        if (parse_uint(xml_attr(route, "prefix") ?: "", &prefix) < 0)
                prefix = ip_bits(&network);
        (void) parse_uint(xml_attr(route, "metric") ?: "0", &metric);
        return prefix > ip_bits(&network) ? -EINVAL : route_add(links, tap, &network, prefix, &gateway, metric);
}

static int add_address(Netlink *links, const xmlNode *ip, const char *tap) {
        const char *far = xml_attr(ip, "peer");
        IpAddress address, peer;
        unsigned prefix = 0;

        if (ip_parse(xml_attr(ip, "address") ?: "", &address) < 0 || (far && ip_parse(far, &peer) < 0))
                return -EINVAL;
        if (parse_uint(xml_attr(ip, "prefix") ?: "", &prefix) < 0)
                prefix = ip_bits(&address);
        return prefix > ip_bits(&address) ? -EINVAL
               : far                      ? address_add_peer(links, tap, &address, &peer, prefix)
                                          : address_add(links, tap, &address, prefix);
}

/* What of the host's end is in <source>: it goes with the tap. */
static int prepare_host_end(Prepare *p, const xmlNode *interface) {
        const char *tap = xml_get(interface, "target/@dev");
        const xmlNode *source = xml_child(interface, "source");
        _cleanup_netlink_ Netlink *links = NULL;
        int r;

        if (!source)
                return 0;
        r = netlink_open(&links);
        XML_FOREACH(ip, source, "ip") {
                r = r < 0 ? r : add_address(links, ip, tap);
                if (r < 0)
                        return prepare_refuse(p, r, ip, "%s cannot have this address: %s", tap, strerror(-r));
        }
        XML_FOREACH(route, source, "route") {
                r = r < 0 ? r : add_route(links, route, tap);
                if (r < 0)
                        return prepare_refuse(p, r, route, "%s cannot have this route: %s", tap, strerror(-r));
        }
        return r;
}

/* managed='no': the administrator's, who made it and keeps it. */
static int prepare_ethernet(Prepare *p, xmlNode *interface) {
        bool managed = !streq_ptr(xml_get(interface, "target/@managed"), "no");
        TapOptions o = {
                .name = managed ? interface_wanted_name(interface) : xml_get(interface, "target/@dev"),
                .mac = xml_get(interface, "mac/@address"),
                .mtu = interface_mtu(interface),
                .flags = managed ? 0 : TAP_EXISTING,
        };
        int r = prepare_tap(p, interface, &o);

        if (r >= 0)
                r = xml_child(interface, "bandwidth") ? prepare_limit_link(p, interface, false) : 0;
        if (r >= 0)
                r = prepare_host_end(p, interface);
        return r < 0 ? r : run_scripts(p, interface);
}

int prepare_macvtap(Prepare *p, xmlNode *interface, const char *lower, const char *mode) {
        size_t index = p->res.n_nets;
        MacvtapOptions o = {
                .lower = lower,
                .mode = mode,
                .name = xml_get(interface, "target/@dev"),
                .mac = xml_get(interface, "mac/@address"),
                .queues = queues_of(interface),
        };
        char name[IFNAMSIZ];
        xmlNode *target;
        int r;

        r = prepare_refuse_filter(p, interface, "direct");
        if (r < 0)
                return r;
        if (index == NETS_MAX || o.queues > TAP_QUEUES_MAX)
                return prepare_refuse(p, -E2BIG, interface, "a guest has %u cards at most, with %u queues each",
                                      NETS_MAX, TAP_QUEUES_MAX);
        r = macvtap_make(&o, name, &p->error);
        if (r < 0)
                return prepare_blame(p, r, interface);
        r = prepare_undo(p, UNDO_LINK, name);
        if (r < 0) {
                (void) macvtap_remove(name);
                return r;
        }
        r = macvtap_give(&o, name, &p->sink, p->tap_fds[index], &p->error);
        if (r < 0)
                return prepare_blame(p, r, interface);
        p->nets[index] =
                (QemuNet){ .alias = device_alias(interface), .tap_fds = p->tap_fds[index], .n_tap_fds = o.queues };
        target = xml_ensure(interface, "target");
        r = target ? xml_set_attr(target, "dev", name) : -ENOMEM;
        if (r >= 0)
                r = xml_child(interface, "bandwidth") ? prepare_limit_link(p, interface, true) : 0;
        if (r >= 0 && wants_vhost(p, interface))
                r = prepare_blame(p, open_vhost(p, interface, o.queues), interface);
        p->res.n_nets = index + 1;
        return r;
}

static int prepare_direct(Prepare *p, xmlNode *interface) {
        return prepare_macvtap(p, interface, xml_get(interface, "source/@dev"), xml_get(interface, "source/@mode"));
}

/* A switch of the host's: where it connects to the guest, QEMU gets a socket that listens. */
static int prepare_vhostuser(Prepare *p, xmlNode *interface) {
        const xmlNode *source = xml_child(interface, "source");
        const char *path = xml_attr(source, "path");
        bool server = xml_attr_is(source, "mode", "server");
        _cleanup_close_ int fd = -EBADF;
        int r;

        if (!path)
                return prepare_refuse(p, -EOPNOTSUPP, interface, "a vhostuser interface with passt is not supported");
        /* QEMU's own affair, which waits until somebody is there */
        if (!server && xml_attr_bool(xml_child(source, "reconnect"), "enabled", false))
                return prepare_check_socket(p, source);
        if (server && !p->launch.waits && !(p->launch.waits = strdup(path)))
                return -ENOMEM;
        r = server ? prepare_undo(p, UNDO_SOCKET, path) : 0;
        if (r >= 0)
                r = server ? socket_listen(path, &fd) : socket_connect(path, &fd);
        if (r < 0)
                return prepare_refuse(p, r, source, "cannot %s '%s': %s", server ? "listen at" : "connect to", path,
                                      strerror(-r));
        r = descriptor_store(p, fd);
        return r < 0 ? r : prepare_helper(p, interface, &(QemuChardev) { .fd = r });
}

static int prepare_vdpa(Prepare *p, xmlNode *interface) {
        const char *path = xml_get(interface, "source/@dev");
        QemuChardev c = { .fd = -EBADF };
        int r;

        r = prepare_device_name(p, interface, path, O_RDWR, &c.path);
        return r < 0 ? r : prepare_helper(p, interface, &c);
}

static int prepare_user(Prepare *p, xmlNode *interface) {
        char part[PLAN_PART_MAX];
        int r;

        if (!xml_attr_is(xml_child(interface, "backend"), "type", "passt"))
                return 0;
        plan_device_part(interface, p->running, part);
        r = prepare_note_late(p, interface);
        return r < 0 ? r : prepare_wait_for_helper(p, interface, part);
}

static int check_port(Prepare *p, const xmlNode *interface) {
        static const char *const scripts[] = { "script", "downscript" };
        const char *type = xml_attr(interface, "type") ?: "";

        for (size_t i = 0; i < ELEMENTSOF(scripts); i++)
                if (xml_child(interface, scripts[i]) && !streq(type, "ethernet"))
                        return prepare_refuse(p, -EOPNOTSUPP, xml_child(interface, scripts[i]),
                                              "scripts are not supported on interfaces of type %s", type);
        /* of a network they are put together of what three elements say */
        return streq(type, "network") ? 0 : prepare_blame(p, network_port_check(interface, &p->error), interface);
}

/* QEMU is the network itself. */
static int prepare_nothing(Prepare *p, xmlNode *interface) {
        return 0;
}

static const struct {
        const char *type;
        int (*prepare)(Prepare *p, xmlNode *interface);
} types[] = {
        { "bridge",   prepare_bridge },
        { "network",  prepare_virtual_network },
        { "ethernet", prepare_ethernet },
        { "user",     prepare_user },
        { "direct",   prepare_direct },
        { "vhostuser", prepare_vhostuser },
        { "vdpa",     prepare_vdpa },
        { "server",   prepare_nothing },
        { "client",   prepare_nothing },
        { "mcast",    prepare_nothing },
        { "udp",      prepare_nothing },
        { "hostdev",  prepare_nothing },
};

int prepare_interface(Prepare *p, xmlNode *interface) {
        const char *type = xml_attr(interface, "type") ?: "";
        int r;

        p->device = device_alias(interface);
        r = check_port(p, interface);
        if (r < 0)
                return r;
        for (size_t i = 0; i < ELEMENTSOF(types); i++)
                if (streq(types[i].type, type))
                        return types[i].prepare(p, interface);
        return prepare_refuse(p, -EOPNOTSUPP, interface, "interface type '%s' is not supported", type);
}

int prepare_network(Prepare *p) {
        p->res.nets = p->nets;
        XML_FOREACH(interface, definition_devices(p->live), "interface") {
                int r = prepare_interface(p, interface);

                if (r < 0)
                        return r;
        }
        p->device = NULL;
        return 0;
}
