/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Addresses of a guest's cards: those that a virtual network's dnsmasq gave it, those that the host's neighbours show,
 * and those that its agent tells of. */

#include <time.h>

#include "base/fs.h"
#include "base/strings.h"
#include "calls/addresses.h"
#include "calls/calls.h"
#include "calls/neighbours.h"
#include "network/files.h"
#include "network/leases.h"
#include "network/network.h"
#include "run/agent.h"

/* virDomainInterfaceAddressesSource */
enum { SOURCE_LEASE, SOURCE_AGENT, SOURCE_ARP };

#define INTERFACES_MAX 64U
#define AGENT_CARDS_MAX 512U
#define ADDRESSES_MAX 2048U        /* of one card; the protocol's limit */

typedef struct Card {
        const char *name;       /* of its tap */
        uint8_t mac[6];
        int links_fd;           /* DriverHost.links_fd */
        remote_domain_interface *ret;
} Card;

static int add_address(const Card *card, const char *text, unsigned prefix) {
        remote_domain_ip_addr *more;
        IpAddress a;

        if (ip_parse(text, &a) < 0 || card->ret->addrs.addrs_len >= ADDRESSES_MAX)
                return 0;
        more = reallocarray(card->ret->addrs.addrs_val, card->ret->addrs.addrs_len + 1, sizeof *more);
        if (!more)
                return -ENOMEM;
        card->ret->addrs.addrs_val = more;
        more += card->ret->addrs.addrs_len;
        *more = (remote_domain_ip_addr) { .type = a.family == AF_INET ? 0 : 1, .prefix = prefix };
        more->addr = strdup(text);
        if (!more->addr)
                return -ENOMEM;
        card->ret->addrs.addrs_len++;
        return 0;
}

static bool has_mac(const Card *card, const char *text) {
        uint8_t mac[6];

        return text && mac_parse(text, mac) >= 0 && memcmp(mac, card->mac, sizeof mac) == 0;
}

/* --- leases --- */

static unsigned prefix_of(const xmlNode *network, const char *text) {
        IpAddress a;

        if (ip_parse(text, &a) < 0)
                return 0;
        XML_FOREACH(node, network, "ip") {
                NetworkIp ip;

                if (network_ip_read(node, &ip, NULL) >= 0 && ip_is_in(&a, &ip.address, ip.prefix))
                        return ip.prefix;
        }
        return ip_bits(&a);
}

static int read_leases(const xmlNode *interface, LeaseList *ret, Error *e) {
        const char *bridge = xml_get(interface, "source/@bridge"), *network = xml_get(interface, "source/@network");
        _cleanup_free_ char *path = bridge && network ? network_leases_file(bridge) : NULL;
        int r = path ? leases_read(path, ret, e) : 0;

        leases_expire(ret, time(NULL));
        return r;
}

static int addresses_by_lease(const Card *card, const xmlNode *interface, Error *e) {
        const char *network = xml_get(interface, "source/@network");
        _cleanup_leases_ LeaseList l = {};
        _cleanup_xml_ xmlDocPtr doc = NULL;
        int r;

        if (!network)
                return 0;
        r = network_load(NETWORK_FILE_LIVE, network, &doc, NULL);
        if (r >= 0)
                r = read_leases(interface, &l, e);
        for (size_t i = 0; i < l.n && r >= 0; i++)
                if (has_mac(card, l.items[i].mac))
                        r = add_address(card, l.items[i].ip, prefix_of(xml_root(doc), l.items[i].ip));
        return r == -ENOENT ? 0 : r;
}

int lease_hostname(const Definition *d, const char *guest, char **ret, Error *e) {
        XML_FOREACH(interface, definition_devices(d), "interface") {
                Card card = {};
                const char *mac = xml_get(interface, "mac/@address");
                _cleanup_leases_ LeaseList l = {};
                int r = read_leases(interface, &l, e);

                if (r < 0)
                        return r;
                if (!mac || mac_parse(mac, card.mac) < 0)
                        continue;
                for (size_t i = 0; i < l.n; i++)
                        if (l.items[i].hostname && l.items[i].hostname[0] && has_mac(&card, l.items[i].mac))
                                return reply_string(ret, l.items[i].hostname);
        }
        return error_set(e, -ENOENT, ERROR_NO_HOSTNAME, ORIGIN_QEMU, "no hostname found for domain %s", guest);
}

/* --- neighbours --- */

static int take_neighbour(const uint8_t mac[6], const char *address, void *userdata) {
        const Card *card = userdata;

        return memcmp(mac, card->mac, 6) == 0 ? add_address(card, address, 0) : 0;
}

/* The daemon has no network of its own to look at: systemd gives it a socket in the host's. */
static int addresses_by_arp(const Card *card, const xmlNode *interface, Error *e) {
        int r = neighbours_foreach(card->links_fd, take_neighbour, (void *) card);

        return r < 0 ? error_set_errno(e, r, ORIGIN_QEMU, "cannot read the host's neighbours") : 0;
}

/* --- the call --- */

typedef int (*AddressesFunc)(const Card *card, const xmlNode *interface, Error *e);

static int add_card(Call *c, const xmlNode *interface, AddressesFunc f, remote_domain_interface_addresses_ret *ret,
                    Error *e) {
        const char *mac = xml_get(interface, "mac/@address");
        Card card = { .name = xml_get(interface, "target/@dev"),
                      .links_fd = call_index(c)->host->links_fd,
                      .ret = &ret->ifaces.ifaces_val[ret->ifaces.ifaces_len] };
        int r;

        if (!card.name || !mac || mac_parse(mac, card.mac) < 0 || ret->ifaces.ifaces_len == INTERFACES_MAX)
                return 0;
        r = f(&card, interface, e);
        /* a card without an address is not in the list */
        if (r < 0 || card.ret->addrs.addrs_len == 0)
                return r;
        ret->ifaces.ifaces_len++;
        r = reply_string(&card.ret->name, card.name);
        if (r >= 0) {
                card.ret->hwaddr = malloc(sizeof *card.ret->hwaddr);
                r = card.ret->hwaddr ? reply_string(card.ret->hwaddr, mac) : -ENOMEM;
        }
        return r;
}

/* --- the guest's agent: cards as the guest calls them, those without an address too --- */

static int fill_address(json_t *a, remote_domain_ip_addr *ret) {
        const char *type = json_string_value(json_object_get(a, "ip-address-type"));
        json_int_t prefix = json_integer_value(json_object_get(a, "prefix"));

        ret->type = type && streq(type, "ipv6") ? 1 : 0;
        ret->prefix = prefix >= 0 && prefix <= 128 ? (unsigned) prefix : 0;
        return reply_string(&ret->addr, json_string_value(json_object_get(a, "ip-address")));
}

static bool is_address(json_t *a) {
        const char *text = json_string_value(json_object_get(a, "ip-address"));
        IpAddress parsed;

        return text && ip_parse(text, &parsed) >= 0;
}

static int fill_addresses(json_t *list, remote_domain_interface *ret) {
        unsigned *n = &ret->addrs.addrs_len, old = *n;
        size_t i, more = MIN(json_array_size(list), (size_t) (ADDRESSES_MAX - old));
        remote_domain_ip_addr *p = reallocarray(ret->addrs.addrs_val, old + more + 1, sizeof *p);
        json_t *a;
        int r = 0;

        if (!p)
                return -ENOMEM;
        ret->addrs.addrs_val = p;
        json_array_foreach(list, i, a)
                if (r >= 0 && i < more && is_address(a)) {
                        p[*n] = (remote_domain_ip_addr) {};
                        r = fill_address(a, &p[*n]);
                        *n += r >= 0;
                }
        return r;
}

/* Aliases of a card ("eth0:1") are it. */
static int fill_card(json_t *card, remote_domain_interface_addresses_ret *ret) {
        const char *name = json_string_value(json_object_get(card, "name"));
        const char *mac = json_string_value(json_object_get(card, "hardware-address"));
        _cleanup_free_ char *own = name ? strndup(name, strcspn(name, ":")) : NULL;
        remote_domain_interface *p = NULL;
        int r = 0;

        if (!name)
                return 0;
        if (!own)
                return -ENOMEM;
        for (unsigned i = 0; i < ret->ifaces.ifaces_len; i++)
                if (streq(ret->ifaces.ifaces_val[i].name, own))
                        p = &ret->ifaces.ifaces_val[i];
        if (!p) {
                p = &ret->ifaces.ifaces_val[ret->ifaces.ifaces_len++];
                p->name = TAKE_PTR(own);
                if (mac) {
                        p->hwaddr = malloc(sizeof *p->hwaddr);
                        r = p->hwaddr ? reply_string(p->hwaddr, mac) : -ENOMEM;
                }
        }
        return r < 0 ? r : fill_addresses(json_object_get(card, "ip-addresses"), p);
}

static int addresses_by_agent(Guest *g, remote_domain_interface_addresses_ret *ret, Error *e) {
        _cleanup_(json_decrefp) json_t *list = NULL;
        json_t *card;
        size_t i;
        int r = guest_agent(g, "guest-network-get-interfaces", NULL, AGENT_SOON, &list, e);

        if (r < 0)
                return r;
        if (!json_is_array(list) || json_array_size(list) > AGENT_CARDS_MAX)
                return error_set(e, -EBADMSG, ERROR_INTERNAL, ORIGIN_QEMU,
                                 "malformed return value of the guest agent: "
                                 "a list of at most %u interfaces is missing", AGENT_CARDS_MAX);
        ret->ifaces.ifaces_val = calloc(json_array_size(list) + 1, sizeof *ret->ifaces.ifaces_val);
        if (!ret->ifaces.ifaces_val)
                return -ENOMEM;
        json_array_foreach(list, i, card)
                if (r >= 0)
                        r = fill_card(card, ret);
        return r;
}

static int interface_addresses(Call *c, Guest *g, const remote_domain_interface_addresses_args *args,
                               remote_domain_interface_addresses_ret *ret, Error *e) {
        static const AddressesFunc sources[] = { [SOURCE_LEASE] = addresses_by_lease, [SOURCE_ARP] = addresses_by_arp };
        int r = 0;

        if (args->source == SOURCE_AGENT)
                return addresses_by_agent(g, ret, e);
        if (args->source >= ELEMENTSOF(sources))
                return error_set(e, -EINVAL, ERROR_ARGUMENT_UNSUPPORTED, ORIGIN_QEMU,
                                 "Unknown IP address data source %u", args->source);
        ret->ifaces.ifaces_val = calloc(INTERFACES_MAX + 1, sizeof *ret->ifaces.ifaces_val);
        if (!ret->ifaces.ifaces_val)
                return -ENOMEM;
        XML_FOREACH(interface, definition_devices(call_definition(c)), "interface")
                if (r >= 0)
                        r = add_card(c, interface, sources[args->source], ret, e);
        return r;
}

static const RpcHandler rows[] = {
        CALL(DOMAIN_INTERFACE_ADDRESSES, interface_addresses, .needs = NEED_LIVE),
};
const RpcTable qemu_addresses_table = RPC_TABLE(rows);
