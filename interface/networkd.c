/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <stdlib.h>

#include "base/strings.h"
#include "model/interface.h"
#include "networkd.h"

void networkd_files_done(NetworkdFiles *f) {
        for (size_t i = 0; i < f->n; i++) {
                free(f->list[i].name);
                free(f->list[i].lower);
                free(f->list[i].text);
        }
        free(f->list);
        *f = (NetworkdFiles){};
}

char *networkd_mark(const char *interface) {
        return text_format("# unitvirt: %s\n", interface);
}

typedef struct Writer {
        NetworkdFiles *files;
        const Definition *definition;
        const char *interface;          /* of the definition */
        Error *error;
} Writer;

/* The place of the next file; it begins with the mark. */
static int add_file(Writer *w, char *name, const char *lower, const char *text) {
        _cleanup_free_ char *owned = name, *mark = networkd_mark(w->interface);
        NetworkdFile *list = realloc(w->files->list, (w->files->n + 1) * sizeof(*list)), *f;

        if (list)
                w->files->list = list;
        if (!list || !mark || !name)
                return -ENOMEM;
        f = &list[w->files->n++];
        *f = (NetworkdFile){
                .name = TAKE_PTR(owned),
                .lower = lower ? strdup(lower) : NULL,
                .text = text_format("%s# of /etc/libvirt/interface: iface-define writes it anew\n\n%s", mark, text),
        };
        return !f->text || (lower && !f->lower) ? -ENOMEM : 0;
}

/* Of the interface itself, or of a part of it. */
static char *file_name(const Writer *w, const char *link, const char *type) {
        return streq(link, w->interface) ? text_format(NETWORKD_PREFIX "%s.%s", link, type)
                                         : text_format(NETWORKD_MEMBER_PREFIX "%s+%s.%s", w->interface, link, type);
}

/* --- what kind of link it is: the .netdev file --- */

static int refuse(Writer *w, const char *what) {
        return error_set(w->error, -EOPNOTSUPP, ERROR_CONFIG_UNSUPPORTED, ORIGIN_INTERFACE,
                         "interface '%s': systemd-networkd has no words for %s", w->interface, what);
}

static int write_bridge(Writer *w, StrBuf *b, const xmlNode *node) {
        const xmlNode *bridge = xml_child(node, "bridge");

        strbuf_add(b, "\n[Bridge]\n");
        if (xml_attr(bridge, "stp"))
                strbuf_addf(b, "STP=%s\n", xml_attr_bool(bridge, "stp", false) ? "yes" : "no");
        if (xml_attr(bridge, "delay"))
                strbuf_addf(b, "ForwardDelaySec=%s\n", xml_attr(bridge, "delay"));
        return 0;
}

static void write_milliseconds(StrBuf *b, const char *key, const char *value) {
        if (value)
                strbuf_addf(b, "%s=%sms\n", key, value);
}

static int write_bond(Writer *w, StrBuf *b, const xmlNode *node) {
        const xmlNode *bond = xml_child(node, "bond"), *mii = xml_child(bond, "miimon"),
                      *arp = xml_child(bond, "arpmon");

        if (xml_attr_is(mii, "carrier", "ioctl"))
                return refuse(w, "<miimon carrier='ioctl'>");
        strbuf_addf(b, "\n[Bond]\nMode=%s\n", xml_attr(bond, "mode") ?: "balance-rr");
        write_milliseconds(b, "MIIMonitorSec", xml_attr(mii, "freq"));
        write_milliseconds(b, "UpDelaySec", xml_attr(mii, "updelay"));
        write_milliseconds(b, "DownDelaySec", xml_attr(mii, "downdelay"));
        write_milliseconds(b, "ARPIntervalSec", xml_attr(arp, "interval"));
        if (arp)
                strbuf_addf(b, "ARPIPTargets=%s\nARPValidate=%s\n", xml_attr(arp, "target"),
                            xml_attr(arp, "validate") ?: "none");
        return 0;
}

static int write_vlan(Writer *w, StrBuf *b, const xmlNode *node) {
        strbuf_addf(b, "\n[VLAN]\nId=%s\n", xml_get(node, "vlan/@tag"));
        return 0;
}

static const struct {
        const char *type;
        int (*write)(Writer *w, StrBuf *b, const xmlNode *node);
} netdevs[] = { { "bridge", write_bridge }, { "bond", write_bond }, { "vlan", write_vlan } };

static int add_netdev(Writer *w, const xmlNode *node) {
        const char *name = xml_attr(node, "name"), *mac = interface_mac(node);
        _cleanup_strbuf_ StrBuf b = {};
        _cleanup_free_ char *text = NULL;

        for (size_t i = 0; i < ELEMENTSOF(netdevs); i++) {
                int r;

                if (!xml_attr_is(node, "type", netdevs[i].type))
                        continue;
                strbuf_addf(&b, "[NetDev]\nName=%s\nKind=%s\n", name, netdevs[i].type);
                if (mac)
                        strbuf_addf(&b, "MACAddress=%s\n", mac);
                r = netdevs[i].write(w, &b, node);
                text = strbuf_take(&b);
                return r < 0 ? r : !text ? -ENOMEM : add_file(w, file_name(w, name, "netdev"), NULL, text);
        }
        return 0;
}

/* A vlan is named by the link below it. */
static int add_to_lower(Writer *w, const xmlNode *node) {
        const char *lower = xml_get(node, "vlan/interface/@name");
        _cleanup_free_ char *text = text_format("[Network]\nVLAN=%s\n", xml_attr(node, "name"));

        return !text   ? -ENOMEM
               : lower ? add_file(w, text_format("unitvirt-%s.conf", xml_attr(node, "name")), lower, text)
                       : 0;
}

/* --- how it is configured: the .network file --- */

static void write_protocol(StrBuf *b, const xmlNode *protocol) {
        XML_FOREACH(ip, protocol, "ip")
                strbuf_addf(b, "Address=%s/%s\n", xml_attr(ip, "address"), xml_attr(ip, "prefix"));
        if (xml_child(protocol, "route"))
                strbuf_addf(b, "Gateway=%s\n", xml_get(protocol, "route/@gateway"));
}

static void write_addressing(StrBuf *b, const xmlNode *node) {
        const xmlNode *dhcp4 = NULL, *dhcp6 = NULL, *v6 = NULL;

        XML_FOREACH(protocol, node, "protocol")
                if (xml_attr_is(protocol, "family", "ipv6")) {
                        v6 = protocol;
                        dhcp6 = xml_child(protocol, "dhcp");
                } else
                        dhcp4 = xml_child(protocol, "dhcp");
        strbuf_addf(b, "DHCP=%s\n", dhcp4 && dhcp6 ? "yes" : dhcp4 ? "ipv4" : dhcp6 ? "ipv6" : "no");
        strbuf_addf(b, "LinkLocalAddressing=%s\nIPv6AcceptRA=%s\n", v6 ? "ipv6" : "no",
                    xml_child(v6, "autoconf") || dhcp6 ? "yes" : "no");
        XML_FOREACH(protocol, node, "protocol")
                write_protocol(b, protocol);
        if (dhcp4 && !xml_attr_bool(dhcp4, "peerdns", true))
                strbuf_add(b, "\n[DHCPv4]\nUseDNS=no\n");
        if (dhcp6 && !xml_attr_bool(dhcp6, "peerdns", true))
                strbuf_add(b, "\n[DHCPv6]\nUseDNS=no\n");
}

/* master: the line that says what it is a member of; NULL for the interface itself. */
static int add_network(Writer *w, const xmlNode *node, const char *master) {
        const char *name = xml_attr(node, "name"), *mac = xml_get(node, "mac/@address"),
                   *mtu = xml_get(node, "mtu/@size"), *mode = xml_get(definition_root(w->definition), "start/@mode");
        _cleanup_strbuf_ StrBuf b = {};
        _cleanup_free_ char *text = NULL;

        strbuf_addf(&b, "[Match]\nName=%s\n", name);
        if (mac && xml_attr_is(node, "type", "ethernet"))
                strbuf_addf(&b, "MACAddress=%s\n", mac);
        strbuf_add(&b, "\n[Link]\n");
        if (mtu)
                strbuf_addf(&b, "MTUBytes=%s\n", mtu);
        if (!streq(mode, "onboot"))
                strbuf_add(&b, "RequiredForOnline=no\n");
        strbuf_add(&b, "\n[Network]\n");
        /* a bridge is of use before anybody is in it */
        if (xml_attr_is(node, "type", "bridge"))
                strbuf_add(&b, "ConfigureWithoutCarrier=yes\n");
        if (master)
                strbuf_add(&b, master);
        else
                write_addressing(&b, node);
        text = strbuf_take(&b);
        return text ? add_file(w, file_name(w, name, "network"), NULL, text) : -ENOMEM;
}

static int add_link(Writer *w, const xmlNode *node, const char *master);

static int add_members(Writer *w, const xmlNode *node, const char *type, const char *key) {
        const xmlNode *parent = xml_child(node, type);
        bool primary = xml_attr_is(parent, "mode", "active-backup") && streq(type, "bond");

        XML_FOREACH(member, parent, "interface") {
                _cleanup_free_ char *master = text_format("%s=%s\n%s", key, xml_attr(node, "name"),
                                                          primary ? "PrimarySlave=yes\n" : "");
                int r = master ? add_link(w, member, master) : -ENOMEM;

                if (r < 0)
                        return r;
                primary = false;
        }
        return 0;
}

static int add_link(Writer *w, const xmlNode *node, const char *master) {
        int r = add_netdev(w, node);

        if (r >= 0)
                r = add_network(w, node, master);
        if (r >= 0)
                r = add_to_lower(w, node);
        if (r >= 0)
                r = add_members(w, node, "bridge", "Bridge");
        return r < 0 ? r : add_members(w, node, "bond", "Bond");
}

int networkd_files_of(const Definition *d, NetworkdFiles *ret, Error *e) {
        Writer w = { .files = ret, .definition = d, .interface = definition_name(d), .error = e };
        int r;

        r = add_link(&w, definition_root(d), NULL);
        if (r < 0)
                networkd_files_done(ret);
        return r;
}
