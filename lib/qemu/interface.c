/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* <interface>: a netdev (user, or a tap whose descriptors the host side
 * opened) and the adapter that the guest sees. */

#include "build.h"

static const QemuNet *find_net(const Build *b, const char *alias) {
        for (size_t i = 0; i < b->res->n_nets; i++)
                if (streq(b->res->nets[i].alias, alias))
                        return &b->res->nets[i];
        return NULL;
}

/* "3" or, for several queues, "3:4:5" under the other name. */
static void put_fds(Build *b, json_t *o, const char *one, const char *many, const int *fds, size_t n) {
        _cleanup_strbuf_ StrBuf list = {};
        _cleanup_free_ char *text = NULL;

        if (n == 0)
                return;
        for (size_t i = 0; i < n; i++)
                strbuf_addf(&list, "%s%d", i > 0 ? ":" : "", fds[i]);
        text = strbuf_take(&list);
        if (!text) {
                build_fail(b, -ENOMEM);
                return;
        }
        put_str(b, o, n == 1 ? one : many, text);
}

/* Stand-ins, to show or compare arguments: as many descriptors as there are queues. */
static void put_stand_in_tap(Build *b, json_t *o, const xmlNode *n, const char *model) {
        const xmlNode *driver = xml_child(n, "driver");
        const char *name = xml_attr(driver, "name");
        size_t queues = (size_t) attr_u64(b, driver, "queues", 1);
        int fds[64];

        if (queues == 0 || queues > ELEMENTSOF(fds)) {
                build_refuse(b, driver, "more than %zu queues are not supported", ELEMENTSOF(fds));
                return;
        }
        for (size_t i = 0; i < queues; i++)
                fds[i] = (int) i + 3;
        put_fds(b, o, "fd", "fds", fds, queues);
        if (interface_model_is_virtio(model) && !streq_ptr(name, "qemu")) {
                put_bool(b, o, "vhost", true);
                put_fds(b, o, "vhostfd", "vhostfds", fds, queues);
        }
}

static void put_tap(Build *b, json_t *o, const xmlNode *n, const char *model) {
        const QemuNet *net = find_net(b, need_alias(b, n));

        put_str(b, o, "type", "tap");
        if (b->res->recorded || b->res->stand_ins) {
                put_stand_in_tap(b, o, n, model);
        } else if (net && net->n_tap_fds > 0) {
                put_fds(b, o, "fd", "fds", net->tap_fds, net->n_tap_fds);
                if (net->n_vhost_fds > 0)
                        put_bool(b, o, "vhost", true);
                put_fds(b, o, "vhostfd", "vhostfds", net->vhost_fds, net->n_vhost_fds);
        } else if (b->r == 0) {
                build_invalid(b, n, "no tap was opened for this interface");
        }
        put_attr_uint(b, o, "sndbuf", xml_child(n, "tune"), "sndbuf");
        if (xml_find(n, "tune/sndbuf"))
                put_int(b, o, "sndbuf", (long long) strtoull(xml_get(n, "tune/sndbuf"), NULL, 10));
}

static void put_user(Build *b, json_t *o, const xmlNode *n) {
        put_str(b, o, "type", "user");
        XML_FOREACH(ip, n, "ip") {
                const char *address = xml_attr(ip, "address");
                uint64_t prefix = attr_u64(b, ip, "prefix", 0);

                if (!address)
                        continue;
                if (xml_attr_is(ip, "family", "ipv6")) {
                        put_str(b, o, "ipv6-prefix", address);
                        if (prefix > 0)
                                put_int(b, o, "ipv6-prefixlen", (long long) prefix);
                } else if (prefix > 0) {
                        put_strf(b, o, "net", "%s/%llu", address, (unsigned long long) prefix);
                } else {
                        put_str(b, o, "net", address);
                }
        }
}

/* How the host side of an interface is made. */
static void add_netdev(Build *b, const xmlNode *n, const char *model) {
        static const char *const taps[] = { "bridge", "ethernet", "network", "direct" };
        const char *type = xml_attr(n, "type") ?: "";
        json_t *o = props_new(b);
        bool tap = false;

        for (size_t i = 0; i < ELEMENTSOF(taps); i++)
                tap = tap || streq(taps[i], type);
        if (tap)
                put_tap(b, o, n, model);
        else if (streq(type, "user") && !xml_attr_is(xml_child(n, "backend"), "type", "passt"))
                put_user(b, o, n);
        else if (!put_netdev(b, o, n))
                build_refuse(b, n, "interface type '%s' is not supported", type);
        put_strf(b, o, "id", "host%s", need_alias(b, n));
        add_props(b, QEMU_PART_NETDEV, o);
}

/* A card of the host: nothing of it is emulated. */
static void build_passed_card(Build *b, const xmlNode *n) {
        json_t *o = device_new(b, "vfio-pci");

        put_vfio_host(b, o, xml_child(n, "source"));
        put_alias(b, o, n);
        put_attr(b, o, "failover_pair_id", xml_child(n, "teaming"), "persistent");
        put_boot(b, o, n);
        put_address(b, o, n);
        put_rom(b, o, n);
        add_props(b, QEMU_PART_DEVICE, o);
}

/* Offloads that may be switched off, <driver><host csum='off'/><guest tso4='off'/>. */
static void put_offloads(Build *b, json_t *o, const xmlNode *driver) {
        static const char *const keys[][3] = {
                { "host", "csum", "csum" },           { "host", "gso", "gso" },
                { "host", "tso4", "host_tso4" },      { "host", "tso6", "host_tso6" },
                { "host", "ecn", "host_ecn" },        { "host", "ufo", "host_ufo" },
                { "host", "mrg_rxbuf", "mrg_rxbuf" }, { "guest", "csum", "guest_csum" },
                { "guest", "tso4", "guest_tso4" },    { "guest", "tso6", "guest_tso6" },
                { "guest", "ecn", "guest_ecn" },      { "guest", "ufo", "guest_ufo" },
        };

        for (size_t i = 0; i < ELEMENTSOF(keys); i++)
                put_attr_bool(b, o, keys[i][2], xml_child(driver, keys[i][0]), keys[i][1]);
}

static void put_virtio_net(Build *b, json_t *o, const xmlNode *n) {
        const xmlNode *driver = xml_child(n, "driver");
        const char *tx = xml_attr(driver, "txmode");
        uint64_t queues = attr_u64(b, driver, "queues", 1);
        const char *type = xml_attr(n, "type") ?: "";

        if (queues > 1 && !streq(type, "user")) {
                put_bool(b, o, "mq", true);
                put_int(b, o, "vectors", (long long) queues * 2 + 2); /* two a queue, control and configuration */
        }
        if (tx)
                put_str(b, o, "tx", streq(tx, "iothread") ? "bh" : "timer");
        put_attr_bool(b, o, "ioeventfd", driver, "ioeventfd");
        put_attr_bool(b, o, "event_idx", driver, "event_idx");
        put_attr_uint(b, o, "rx_queue_size", driver, "rx_queue_size");
        put_attr_uint(b, o, "tx_queue_size", driver, "tx_queue_size");
        put_attr_bool(b, o, "rss", driver, "rss");
        put_attr_bool(b, o, "hash", driver, "rss_hash_report");
        put_offloads(b, o, driver);
        put_attr_uint(b, o, "host_mtu", xml_child(n, "mtu"), "size");
        if (xml_attr_is(xml_child(n, "teaming"), "type", "persistent"))
                put_bool(b, o, "failover", true);
        put_virtio(b, o, n);
}

static void check_model(Build *b, const xmlNode *n, const char *model) {
        if (streq(model, "igb") && !qemu_caps_has(b->caps, QEMU_CAP_IGB))
                build_refuse(b, xml_child(n, "model"), "network adapter 'igb' is not supported by this QEMU");
}

void build_interface(Build *b, const xmlNode *n) {
        const char *model = xml_get(n, "model/@type") ?: "rtl8139";
        DriverName name;
        unsigned boot;
        json_t *o;

        if (xml_attr_is(n, "type", "hostdev")) {
                build_passed_card(b, n);
                return;
        }
        check_model(b, n, model);
        add_netdev(b, n, model);
        o = device_new(b, interface_model_is_virtio(model) ? virtio_driver(b, n, "virtio-net", model, &name) : model);
        if (interface_model_is_virtio(model))
                put_virtio_net(b, o, n);
        put_strf(b, o, "netdev", "host%s", need_alias(b, n));
        put_alias(b, o, n);
        put_str(b, o, "mac", xml_get(n, "mac/@address"));
        boot = (unsigned) attr_u64(b, xml_child(n, "boot"), "order", boot_index(b, n, "network"));
        if (boot > 0)
                put_int(b, o, "bootindex", boot);
        put_address(b, o, n);
        put_rom(b, o, n);
        add_props(b, QEMU_PART_DEVICE, o);
}
