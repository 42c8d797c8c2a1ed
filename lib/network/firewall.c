/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* libvirt's chains: forward looks at guest_cross (guest to guest), guest_input (to guests), guest_output (from guests)
 * in this order; guest_nat hides guests behind the host. In each chain what is let through comes before the
 * rejection. */

#include "network/firewall.h"

#include <ctype.h>

#include "base/strings.h"
#include "network/network.h"

typedef struct Chains {
        const char *family;   /* "ip" or "ip6" */
        char *bridge;         /* in quotes */
        char *device;         /* in quotes, NULL for any */
        StrBuf cross, input, output, nat;
} Chains;

static void chains_done(Chains *c) {
        free(c->bridge);
        free(c->device);
        strbuf_done(&c->cross);
        strbuf_done(&c->input);
        strbuf_done(&c->output);
        strbuf_done(&c->nat);
}

int firewall_quote(const char *s, char **ret) {
        for (const char *p = s; *p; p++)
                if (*p == '"' || *p == '\\' || *p == '*' || (unsigned char) *p < ' ' || *p == 127)
                        return -EINVAL;
        *ret = text_format("\"%s\"", s);
        return *ret ? 0 : -ENOMEM;
}

int firewall_table(const char *bridge, char **ret) {
        _cleanup_strbuf_ StrBuf b = {};

        strbuf_add(&b, "libvirt_");
        for (const char *p = bridge; *p; p++)
                if (isascii(*p) && isalnum((unsigned char) *p))
                        strbuf_addc(&b, *p);
                else
                        strbuf_addf(&b, "_%02x", (unsigned char) *p);
        *ret = strbuf_take(&b);
        return *ret ? 0 : -ENOMEM;
}

/* One rule of a chain. */
static void add(StrBuf *chain, const char *format, ...) _printf_(2, 3);
static void add(StrBuf *chain, const char *format, ...) {
        _cleanup_free_ char *text = TEXT_OF_ARGUMENTS(format);

        strbuf_add(chain, "\t\t");
        strbuf_add(chain, text ?: "");
        strbuf_addc(chain, '\n');
        chain->failed = chain->failed || !text;
}

/* " oifname "eth0"" where the definition names a link. */
static char *device_match(const Chains *c, const char *keyword) {
        return c->device ? text_format(" %s %s", keyword, c->device) : strdup("");
}

static void forward_out(Chains *c, const char *net) {
        _cleanup_free_ char *device = device_match(c, "oifname");

        add(&c->output, "%s saddr %s iif %s%s counter accept", c->family, net, c->bridge, device ?: "");
        c->output.failed = c->output.failed || !device;
}

static void forward_in(Chains *c, const char *net, bool replies_only) {
        add(&c->input, "%s%s%soif %s %s daddr %s %scounter accept", c->device ? "iifname " : "", c->device ?: "",
            c->device ? " " : "", c->bridge, c->family, net, replies_only ? "ct state established,related " : "");
}

/* "masquerade to :1024-65535", "snat to 1.2.3.4-1.2.3.9:1024-65535": nat/address and nat/port. */
static char *nat_target(const xmlNode *network, bool ipv6, bool ports) {
        const xmlNode *nat = xml_find(network, "forward/nat");
        const char *start = xml_get(nat, "address/@start"), *end = xml_get(nat, "address/@end");
        _cleanup_free_ char *range = NULL;

        if (ports)
                range = text_format(":%s-%s", xml_get(nat, "port/@start") ?: "1024",
                                    xml_get(nat, "port/@end") ?: "65535");
        else
                range = strdup("");
        if (!range)
                return NULL;
        if (!start || ipv6 != (strchr(start, ':') != NULL))
                return text_format("masquerade%s%s", ports ? " to " : "", range);
        if (!end || streq(start, end))
                return text_format(ipv6 && ports ? "snat to [%s]%s" : "snat to %s%s", start, range);
        return text_format(ipv6 && ports ? "snat to [%s]-[%s]%s" : "snat to %s-%s%s", start, end, range);
}

static void hide(Chains *c, const xmlNode *network, const char *net) {
        static const char *const kept4[] = { "224.0.0.0/24", "255.255.255.255/32", NULL }, *const kept6[] = {
                "ff02::/16", NULL
        };
        bool ipv6 = streq(c->family, "ip6");
        _cleanup_free_ char *device = device_match(c, "oifname"), *with_ports = nat_target(network, ipv6, true),
                            *without = nat_target(network, ipv6, false);

        if (!device || !with_ports || !without) {
                c->nat.failed = true;
                return;
        }
        for (const char *const *to = ipv6 ? kept6 : kept4; *to; to++)
                add(&c->nat, "%s saddr %s %s daddr %s%s counter return", c->family, net, c->family, *to, device);
        for (size_t i = 0; i < 2; i++)
                add(&c->nat, "meta l4proto %s %s saddr %s %s daddr != %s%s counter %s", i ? "udp" : "tcp", c->family,
                    net, c->family, net, device, with_ports);
        add(&c->nat, "%s saddr %s %s daddr != %s%s counter %s", c->family, net, c->family, net, device, without);
}

static void forward(Chains *c, const xmlNode *network, const NetworkIp *ip) {
        ForwardMode mode = network_forward_mode(network);
        IpAddress address = ip_network(&ip->address, ip->prefix);
        bool nat = mode == FORWARD_NAT &&
                (address.family == AF_INET || xml_attr_is(xml_find(network, "forward/nat"), "ipv6", "yes"));
        char buffer[IP_TEXT_MAX], net[IP_TEXT_MAX + 5];

        (void) snprintf(net, sizeof net, "%s/%u", ip_format(&address, buffer), ip->prefix);
        if (mode != FORWARD_NAT && mode != FORWARD_ROUTE)
                return;
        forward_out(c, net);
        forward_in(c, net, nat);
        if (nat)
                hide(c, network, net);
}

static int read_networks(Chains *c, const xmlNode *network, Error *e) {
        int family = streq(c->family, "ip") ? AF_INET : AF_INET6;

        XML_FOREACH(node, network, "ip") {
                NetworkIp ip;
                int r = network_ip_read(node, &ip, e);

                if (r < 0)
                        return r;
                if (ip.address.family == family)
                        forward(c, network, &ip);
        }
        return 0;
}

static void add_chain(StrBuf *text, const char *name, const char *hook, StrBuf *rules) {
        strbuf_addf(text, "\tchain %s {\n", name);
        if (hook)
                strbuf_addf(text, "\t\t%s\n", hook);
        strbuf_add(text, rules->data ?: "");
        strbuf_add(text, "\t}\n");
        text->failed = text->failed || rules->failed;
}

static int add_table(StrBuf *text, const xmlNode *network, const char *bridge, const char *family, Error *e) {
        static const char jumps[] =
                "\t\tcounter jump guest_cross\n\t\tcounter jump guest_input\n\t\tcounter jump guest_output\n";
        _cleanup_(chains_done) Chains c = { .family = family };
        _cleanup_strbuf_ StrBuf entry = {};
        _cleanup_free_ char *table = NULL;
        const char *device = network_forward_device(network);
        int r;

        r = firewall_quote(bridge, &c.bridge);
        if (r >= 0 && device)
                r = firewall_quote(device, &c.device);
        if (r >= 0)
                r = firewall_table(bridge, &table);
        if (r == -EINVAL)
                return error_set(e, r, ERROR_XML_ERROR, ORIGIN_NETWORK, "no rule can name the link '%s'",
                                 c.bridge ? device : bridge);
        if (r >= 0)
                r = read_networks(&c, network, e);
        if (r < 0)
                return r;
        add(&c.cross, "iif %s oif %s counter accept", c.bridge, c.bridge);
        add(&c.input, "oif %s counter reject", c.bridge);
        add(&c.output, "iif %s counter reject", c.bridge);
        strbuf_add(&entry, jumps);

        /* chains are named before they are jumped to */
        strbuf_addf(text, "table %s %s {\n\tflags owner\n", family, table);
        add_chain(text, "guest_cross", NULL, &c.cross);
        add_chain(text, "guest_input", NULL, &c.input);
        add_chain(text, "guest_output", NULL, &c.output);
        add_chain(text, "forward", "type filter hook forward priority 0; policy accept;", &entry);
        if (c.nat.len > 0)
                add_chain(text, "guest_nat", "type nat hook postrouting priority 100; policy accept;", &c.nat);
        strbuf_add(text, "}\n");
        return 0;
}

int firewall_rules(const xmlNode *network, const char *bridge, char **ret, Error *e) {
        ForwardMode mode = network_forward_mode(network);
        _cleanup_strbuf_ StrBuf text = {};
        int r = 0;

        strbuf_add(&text, "");
        if (forward_mode_has_own_bridge(mode) && mode != FORWARD_OPEN) {
                r = add_table(&text, network, bridge, "ip", e);
                if (r >= 0 && (network_has_ip(network, AF_INET6) || xml_attr_is(network, "ipv6", "yes")))
                        r = add_table(&text, network, bridge, "ip6", e);
        }
        if (r < 0)
                return r;
        *ret = strbuf_take(&text);
        return *ret ? 0 : -ENOMEM;
}

int firewall_docker_rules(const xmlNode *network, const char *bridge, char **ret) {
        _cleanup_free_ char *name = NULL;
        int r = firewall_quote(bridge, &name);

        if (r < 0)
                return r;
        if (!forward_mode_has_own_bridge(network_forward_mode(network)))
                *ret = strdup("");
        else
                /* What may pass is decided in our own tables: here it must only not be stopped. */
                *ret = text_format(
                        "insert rule ip filter DOCKER-USER oifname %s counter accept comment \"" FIREWALL_COMMENT
                        "%s\"\n"
                        "insert rule ip filter DOCKER-USER iifname %s counter accept comment \"" FIREWALL_COMMENT
                        "%s\"\n",
                        name, bridge, name, bridge);
        return *ret ? 0 : -ENOMEM;
}
