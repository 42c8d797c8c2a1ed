/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* dnsmasq's configuration. Each function writes the lines of one part of the definition; dnsmasq reads one option a
 * line, so the one thing that a value may never hold is the end of a line. */

#include "network/dnsmasq.h"

#include "base/strings.h"
#include "network/network.h"

typedef struct Writer {
        const xmlNode *network;
        const xmlNode *bad;   /* the first element with a value that no line can hold */
        StrBuf text;
} Writer;

static const char *value(Writer *w, const xmlNode *node, const char *name) {
        const char *v = name ? xml_attr(node, name) : xml_text(node);

        if (v && strpbrk(v, "\n\r") && !w->bad)
                w->bad = node;
        return v && *v ? v : NULL;
}

static int finish(Writer *w, char **ret, Error *e) {
        _cleanup_strbuf_ StrBuf text = TAKE_GENERIC(w->text, (StrBuf) {});

        if (w->bad)
                return error_set(e, -EBADMSG, ERROR_XML_ERROR, ORIGIN_NETWORK,
                                 "a value of <%s> in line %u has a line feed in it", xml_name(w->bad),
                                 xml_line(w->bad));
        strbuf_add(&text, "");
        *ret = strbuf_take(&text);
        return *ret ? 0 : -ENOMEM;
}

/* ",12h" for what <lease> says; dnsmasq's own default is an hour. */
static void add_lease(Writer *w, const xmlNode *parent) {
        const xmlNode *lease = xml_child(parent, "lease");
        const char *expiry = value(w, lease, "expiry"), *unit = value(w, lease, "unit") ?: "minutes";

        if (!expiry)
                return;
        if (streq(expiry, "0"))
                strbuf_add(&w->text, ",infinite");
        else
                strbuf_addf(&w->text, ",%s%s", expiry, streq(unit, "seconds") ? "s" : streq(unit, "hours") ? "h" : "m");
}

static void add_dns(Writer *w) {
        const xmlNode *dns = xml_child(w->network, "dns"), *domain = xml_child(w->network, "domain");
        bool without_resolv = false, enabled = network_has_dns(w->network);

        if (!enabled)
                strbuf_add(&w->text, "port=0\n");
        XML_FOREACH(f, dns, "forwarder") {
                const char *addr = value(w, f, "addr"), *name = value(w, f, "domain");

                if (!enabled || (!addr && !name))
                        continue;
                strbuf_add(&w->text, "server=");
                if (name)
                        strbuf_addf(&w->text, "/%s/", name);
                strbuf_addf(&w->text, "%s\n", addr ?: "#");
                without_resolv = without_resolv || !name;
        }
        if (without_resolv)
                strbuf_add(&w->text, "no-resolv\n");
        if (value(w, domain, "name")) {
                if (xml_attr_is(domain, "localOnly", "yes"))
                        strbuf_addf(&w->text, "local=/%s/\n", xml_attr(domain, "name"));
                strbuf_addf(&w->text, "domain=%s\nexpand-hosts\n", xml_attr(domain, "name"));
        }
        if (enabled && xml_attr_is(dns, "forwardPlainNames", "no"))
                strbuf_add(&w->text, "domain-needed\nlocal=//\n");
}

/* The names of reverse look-ups of a network, which stay here: 122.168.192.in-addr.arpa. */
static void add_local_pointers(Writer *w, const xmlNode *ip) {
        NetworkIp i;
        unsigned step;

        if (!xml_attr_is(ip, "localPtr", "yes") || network_ip_read(ip, &i, NULL) < 0)
                return;
        step = i.address.family == AF_INET ? 8 : 4;
        strbuf_add(&w->text, "local=/");
        for (unsigned n = i.prefix / step; n-- > 0;)
                if (step == 8)
                        strbuf_addf(&w->text, "%u.", i.address.bytes[n]);
                else
                        strbuf_addf(&w->text, "%x.", (unsigned) (i.address.bytes[n / 2] >> (n % 2 ? 0 : 4)) & 0xf);
        strbuf_add(&w->text, step == 8 ? "in-addr.arpa/\n" : "ip6.arpa/\n");
}

static void add_records(Writer *w) {
        const xmlNode *dns = xml_child(w->network, "dns");

        if (!network_has_dns(w->network))
                return;
        XML_FOREACH(t, dns, "txt")
                strbuf_addf(&w->text, "txt-record=%s,%s\n", value(w, t, "name") ?: "", value(w, t, "value") ?: "");
        XML_FOREACH(s, dns, "srv") {
                const char *domain = value(w, s, "domain"), *target = value(w, s, "target"),
                           *port = value(w, s, "port");
                const char *priority = value(w, s, "priority"), *weight = value(w, s, "weight");

                strbuf_addf(&w->text, "srv-host=_%s._%s%s%s", value(w, s, "service") ?: "",
                            value(w, s, "protocol") ?: "", domain ? "." : "", domain ?: "");
                if (target) {
                        strbuf_addf(&w->text, ",%s", target);
                        /* the numbers are told by their place: one that is left out has its default if another
                         * follows */
                        if (port || priority || weight)
                                strbuf_addf(&w->text, ",%s", port ?: "1");
                        if (priority || weight)
                                strbuf_addf(&w->text, ",%s", priority ?: "0");
                        if (weight)
                                strbuf_addf(&w->text, ",%s", weight);
                }
                strbuf_addc(&w->text, '\n');
        }
}

static void add_mask(Writer *w, const NetworkIp *i) {
        char buffer[IP_TEXT_MAX];
        IpAddress mask;

        if (i->address.family == AF_INET6) {
                strbuf_addf(&w->text, ",%u", i->prefix);
                return;
        }
        mask = ip_netmask(i->prefix);
        strbuf_addf(&w->text, ",%s", ip_format(&mask, buffer));
}

static uint64_t add_ranges(Writer *w, const xmlNode *dhcp, const NetworkIp *i) {
        uint64_t leases = 0;

        XML_FOREACH(range, dhcp, "range") {
                const char *start = value(w, range, "start") ?: "", *end = value(w, range, "end") ?: "";
                IpAddress first, last;

                strbuf_addf(&w->text, "dhcp-range=%s,%s", start, end);
                add_mask(w, i);
                add_lease(w, range);
                strbuf_addc(&w->text, '\n');
                if (ip_parse(start, &first) >= 0 && ip_parse(end, &last) >= 0)
                        leases += MIN(ip_count(&first, &last), (uint64_t) UINT32_MAX);
        }
        return leases;
}

static void add_boot(Writer *w, const xmlNode *ip) {
        const char *root = value(w, xml_child(ip, "tftp"), "root");
        const xmlNode *bootp = xml_find(ip, "dhcp/bootp");

        if (root)
                strbuf_addf(&w->text, "enable-tftp\ntftp-root=%s\n", root);
        if (!value(w, bootp, "file"))
                return;
        strbuf_addf(&w->text, "dhcp-boot=%s", xml_attr(bootp, "file"));
        if (value(w, bootp, "server"))
                strbuf_addf(&w->text, ",,%s", xml_attr(bootp, "server"));
        strbuf_addc(&w->text, '\n');
}

/* Ranges of one address; where there are hosts and no range, dnsmasq serves those alone. */
static uint64_t add_dhcp(Writer *w, const xmlNode *ip) {
        const xmlNode *dhcp = xml_child(ip, "dhcp");
        bool any = xml_child(dhcp, "range") || xml_child(dhcp, "host");
        uint64_t leases;
        NetworkIp i;

        if (network_ip_read(ip, &i, NULL) < 0)
                return 0;
        leases = add_ranges(w, dhcp, &i);
        if (any && !xml_child(dhcp, "range")) {
                strbuf_addf(&w->text, "dhcp-range=%s,static", xml_attr(ip, "address"));
                if (i.address.family == AF_INET6)
                        add_mask(w, &i);
                strbuf_addc(&w->text, '\n');
        }
        if (i.address.family != AF_INET)
                return leases;
        if (any)
                strbuf_add(&w->text, "dhcp-no-override\ndhcp-authoritative\n");
        add_boot(w, ip);
        return leases;
}

static void add_router_advertisements(Writer *w) {
        if (network_dhcp_ip(w->network, AF_INET6))
                strbuf_add(&w->text, "enable-ra\n");
        else
                XML_FOREACH(ip, w->network, "ip") {
                        NetworkIp i;

                        if (network_ip_read(ip, &i, NULL) >= 0 && i.address.family == AF_INET6)
                                strbuf_addf(&w->text, "dhcp-range=%s,ra-only\n", xml_attr(ip, "address"));
                }
}

/* Options that dnsmasq has and <network> has no element for, as they are. */
static void add_options(Writer *w) {
        XML_FOREACH(o, xml_child(w->network, "dnsmasq:options"), "dnsmasq:option")
                if (value(w, o, "value"))
                        strbuf_addf(&w->text, "%s\n", xml_attr(o, "value"));
}

static void add_head(Writer *w) {
        strbuf_addf(&w->text,
                    "## This file is written at each start of the network. To change it, edit the network:\n"
                    "##    virsh net-edit %s\n"
                    "strict-order\n",
                    value(w, xml_child(w->network, "name"), NULL) ?: "");
}

static void add_link(Writer *w, const char *bridge) {
        strbuf_addf(&w->text, "except-interface=lo\nbind-dynamic\ninterface=%s\n", bridge);
        /* An isolated network has no way out, so its guests get no default route, and names of the outside no
         * answer. */
        if (network_forward_mode(w->network) == FORWARD_NONE)
                strbuf_add(&w->text, "dhcp-option=3\nno-resolv\nra-param=*,0,0\n");
}

int dnsmasq_config(const xmlNode *network, const char *bridge, const char *folder, char **ret, Error *e) {
        Writer w = { .network = network };
        const char *name = network_name(network);
        uint64_t leases = 0;

        add_head(&w);
        add_dns(&w);
        XML_FOREACH(ip, network, "ip")
                add_local_pointers(&w, ip);
        add_link(&w, bridge);
        add_records(&w);
        XML_FOREACH(ip, network, "ip")
                leases += add_dhcp(&w, ip);
        if (leases > 0)
                strbuf_addf(&w.text, "dhcp-lease-max=%u\n", (unsigned) MIN(leases, (uint64_t) INT32_MAX));
        if (network_dhcp_ip(network, AF_UNSPEC))
                strbuf_addf(&w.text, "dhcp-hostsfile=%s/%s.hostsfile\n", folder, name);
        if (network_has_dns(network))
                strbuf_addf(&w.text, "addn-hosts=%s/%s.addnhosts\n", folder, name);
        if (value(&w, xml_child(network, "mtu"), "size") && network_dhcp_ip(network, AF_INET))
                strbuf_addf(&w.text, "dhcp-option=option:mtu,%s\n", xml_get(network, "mtu/@size"));
        add_router_advertisements(&w);
        add_options(&w);
        return finish(&w, ret, e);
}

/* MAC,ADDRESS,NAME,LEASE, each left out where the definition has none; a client of DHCPv6 is known by its id, and its
 * name comes first, as libvirt has it. */
static void add_dhcp_host(Writer *w, const xmlNode *host, bool ipv6) {
        const char *id = value(w, host, "id"), *mac = value(w, host, "mac"), *name = value(w, host, "name"),
                   *ip = value(w, host, "ip");
        const char *comma = "";

        if (ipv6 && id) {
                strbuf_addf(&w->text, "id:%s%s%s", id, name ? "," : "", name ?: "");
                comma = ",";
                name = NULL;
        } else if (mac) {
                strbuf_add(&w->text, mac);
                comma = ",";
        } else if (name && ipv6) {
                strbuf_add(&w->text, name);
                comma = ",";
                name = NULL;
        }
        if (ip)
                strbuf_addf(&w->text, ipv6 ? "%s[%s]" : "%s%s", comma, ip);
        if (ip)
                comma = ",";
        if (name)
                strbuf_addf(&w->text, "%s%s", comma, name);
        add_lease(w, host);
        strbuf_addc(&w->text, '\n');
}

int dnsmasq_dhcp_hosts(const xmlNode *network, char **ret, Error *e) {
        Writer w = { .network = network };

        XML_FOREACH(ip, network, "ip") {
                bool ipv6 = strchr(xml_attr(ip, "address") ?: "", ':');

                XML_FOREACH(host, xml_child(ip, "dhcp"), "host")
                        add_dhcp_host(&w, host, ipv6);
        }
        return finish(&w, ret, e);
}

int dnsmasq_dns_hosts(const xmlNode *network, char **ret, Error *e) {
        Writer w = { .network = network };

        XML_FOREACH(host, xml_child(network, "dns"), "host") {
                if (!value(&w, host, "ip"))
                        continue;
                strbuf_add(&w.text, xml_attr(host, "ip"));
                XML_FOREACH(name, host, "hostname")
                        strbuf_addf(&w.text, "\t%s", value(&w, name, NULL) ?: "");
                strbuf_addc(&w.text, '\n');
        }
        return finish(&w, ret, e);
}
