/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* interface: a MAC that is the guest's own for good, a model, a source by type. */

#include <sys/random.h>

#include "base/strings.h"
#include "kinds/filter.h"
#include "normalise.h"

static const char *const models[] = {
        "virtio",
        "virtio-transitional",
        "virtio-non-transitional",
        "e1000",
        "e1000e",
        "igb",
        "rtl8139",
        "vmxnet3",
        "ne2k_pci",
        "pcnet",
        "usb-net",
        "e1000-82544gc",
        "e1000-82545em",
        "i82550",
        "i82551",
        "i82557b",
        "i82559er",
        "i82562",
        "tulip",
};

const char *interface_model(const char *type) {
        for (size_t i = 0; i < ELEMENTSOF(models); i++)
                if (strcasecmp(type, models[i]) == 0)
                        return models[i];
        return NULL;
}

bool interface_model_is_virtio(const char *model) {
        return model && (streq(model, "virtio") || streq(model, "virtio-transitional") ||
                         streq(model, "virtio-non-transitional"));
}

/* Names that the host makes up for taps; one of these in a document is a leftover of a running guest. */
static bool is_generated_name(const char *dev) {
        static const char *const prefixes[] = { "vnet", "vif", "macvtap", "macvlan" };

        for (size_t i = 0; i < ELEMENTSOF(prefixes); i++) {
                const char *rest = startswith(dev, prefixes[i]);

                if (rest && *rest && !rest[strspn(rest, "0123456789")])
                        return true;
        }

        return false;
}

static int write_mac(Normaliser *n, xmlNode *interface) {
        xmlNode *mac = norm_ensure(n, interface, "mac");
        uint8_t m[6] = { 0x52, 0x54, 0x00 };

        if (!mac)
                return -ENOMEM;
        if (!xml_attr(mac, "address")) {
                if (getrandom(m + 3, 3, 0) != 3)
                        return -EIO;
        } else if (mac_parse(xml_attr(mac, "address"), m) < 0)
                return fail_xml(n, mac, "malformed MAC address");
        if (m[0] & 1)
                return fail_xml(n, mac, "expected unicast mac address, found multicast '%s'", xml_attr(mac, "address"));

        norm_setf(n, mac, "address", "%02x:%02x:%02x:%02x:%02x:%02x", m[0], m[1], m[2], m[3], m[4], m[5]);
        return 0;
}

/* What only speaks virtio to the guest; a card of the host is what it is. */
static const char *default_model(const Normaliser *n, const xmlNode *interface) {
        bool virtio = xml_attr_is(interface, "type", "vdpa") || xml_attr_is(interface, "type", "vhostuser");

        return virtio || n->microvm ? "virtio" : "rtl8139";
}

/* Whatever QEMU is to be asked for: it has cards that no list knows ("virtio-net"). */
#define MODEL_CHARACTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-"

static bool is_virtio(const xmlNode *interface) {
        return interface_model_is_virtio(xml_get(interface, "model/@type"));
}

static int write_model(Normaliser *n, xmlNode *interface) {
        xmlNode *model = xml_child(interface, "model");
        const char *type, *known;

        if (!model && xml_attr_is(interface, "type", "hostdev"))
                return 0;
        model = model ?: norm_add(n, interface, "model");
        norm_set_default(n, model, "type", default_model(n, interface));
        type = attr_or(model, "type", "");
        known = interface_model(type);
        if (known)
                norm_set(n, model, "type", known);
        else if (!*type || type[strspn(type, MODEL_CHARACTERS)])
                return fail_xml(n, model, "the network card model '%s' has characters that none has", type);
        return 0;
}

/* A card that is given to the guest has the driver that the host gives it with; all others need a card of virtio's for
 * what is said of theirs. */
static int check_driver_name(Normaliser *n, xmlNode *interface, xmlNode *driver) {
        bool given = xml_attr_is(interface, "type", "hostdev");

        if (!given && xml_attr_is(driver, "name", "vfio") && is_virtio(interface))
                return fail_xml(n, driver, "the driver 'vfio' is for interfaces of type hostdev");
        if (given && xml_attr(driver, "name") && !xml_attr_is(driver, "name", "vfio"))
                return fail_xml(n, driver, "an interface of type hostdev has the driver 'vfio', not '%s'",
                                xml_attr(driver, "name"));
        return 0;
}

static int check_driver(Normaliser *n, xmlNode *interface) {
        xmlNode *driver = xml_child(interface, "driver");
        int r;

        r = driver ? check_driver_name(n, interface, driver) : 0;
        if (r >= 0 && !is_virtio(interface))
                r = refuse_virtio_options(n, interface);
        if (r < 0 || !driver || xml_attr_is(interface, "type", "hostdev"))
                return r;
        for (size_t i = 0; i < 2; i++) {
                const char *name = i ? "tx_queue_size" : "rx_queue_size";
                unsigned size = number_or(driver, name, 0);

                if (size & (size - 1))
                        return fail_unsupported(n, driver, "%s has to be a power of two", name);
                if (size > 0 && !is_virtio(interface))
                        return fail_unsupported(n, driver, "%s is only supported for virtio", name);
        }
        /* What only virtio has means nothing to other models. */
        /* one queue is what there is anyway */
        if (xml_attr_is(driver, "queues", "1"))
                xml_unset_attr(driver, "queues");
        if (!is_virtio(interface))
                xml_remove(driver);
        else
                drop_empty(interface, "driver");

        return 0;
}

/* Rules are about the taps of bridges. */
static int check_filterref(Normaliser *n, xmlNode *interface) {
        static const char *const types[] = { "network", "bridge", "ethernet" };
        xmlNode *ref = xml_child(interface, "filterref");

        if (!ref)
                return 0;
        for (size_t i = 0; i < ELEMENTSOF(types); i++)
                if (xml_attr_is(interface, "type", types[i]))
                        return normalise_filterref(n, ref);
        return fail_unsupported(n, ref, "filterref is not supported for network interfaces of type %s",
                                xml_attr(interface, "type"));
}

/* A rate of nothing would let nothing through; what is guaranteed is a part of what a network has. */
static int check_bandwidth(Normaliser *n, xmlNode *interface) {
        static const char *const directions[] = { "inbound", "outbound" };

        drop_empty(interface, "bandwidth");
        for (size_t i = 0; i < ELEMENTSOF(directions); i++) {
                xmlNode *rate = xml_child(xml_child(interface, "bandwidth"), directions[i]);

                if (rate && !xml_attr(rate, "average") && !xml_attr(rate, "floor"))
                        return fail_xml(n, rate, "Missing mandatory average or floor attributes");
                if (rate && !xml_attr(rate, "average") && (xml_attr(rate, "peak") || xml_attr(rate, "burst")))
                        return fail_xml(n, rate, "'peak' and 'burst' require 'average' attribute");
                if (xml_attr(rate, "floor") && !xml_attr_is(interface, "type", "network"))
                        return fail_unsupported(n, rate,
                                                "floor attribute is supported only for interfaces of type network");
        }

        return 0;
}

/* What has no link on the host has none that could be told. */
static int check_mtu(Normaliser *n, xmlNode *interface) {
        static const char *const types[] = { "user", "server", "client", "mcast", "udp" };
        xmlNode *mtu = xml_child(interface, "mtu");

        for (size_t i = 0; mtu && i < ELEMENTSOF(types); i++)
                if (xml_attr_is(interface, "type", types[i]) &&
                    !streq_ptr(xml_get(interface, "backend/@type"), "passt"))
                        return fail_unsupported(n, mtu, "setting MTU on interface type %s is not supported yet",
                                                types[i]);
        return 0;
}

int normalise_ip_addresses(Normaliser *n, xmlNode *parent) {
        XML_FOREACH(ip, parent, "ip") {
                if (!xml_attr(ip, "address"))
                        return fail_xml(n, ip, "missing network address");
                norm_set_default(n, ip, "family", strchr(xml_attr(ip, "address"), ':') ? "ipv6" : "ipv4");
        }

        return 0;
}

static void drop_leftovers(xmlNode *interface) {
        xmlNode *target = xml_child(interface, "target");

        if (target && is_generated_name(attr_or(target, "dev", "")))
                xml_remove(target);
        drop_empty(interface, "target");
        drop_empty(interface, "link");
        if (xml_attr_is(xml_child(interface, "mac"), "type", "generated"))
                xml_unset_attr(xml_child(interface, "mac"), "type");
}

int normalise_interfaces(Normaliser *n) {
        int r;

        XML_FOREACH(interface, n->devices, "interface") {
                if (!xml_attr(interface, "type"))
                        return fail_xml(n, interface, "missing interface type");
                r = write_mac(n, interface);
                if (r >= 0)
                        r = write_model(n, interface);
                if (r >= 0)
                        r = normalise_interface_source(n, interface);
                if (r >= 0)
                        r = check_mtu(n, interface);
                if (r >= 0)
                        r = check_driver(n, interface);
                if (r >= 0)
                        r = check_filterref(n, interface);
                if (r >= 0)
                        r = check_bandwidth(n, interface);
                if (r >= 0)
                        r = normalise_ip_addresses(n, interface);
                if (r < 0)
                        return r;
                drop_leftovers(interface);
        }

        return 0;
}
