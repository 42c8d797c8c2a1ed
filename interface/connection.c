/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "base/ip.h"
#include "base/strings.h"
#include "model/interface.h"
#include "connection.h"

void connections_done(Connections *c) {
        free(c->list);
        *c = (Connections){};
}

bool connections_have(const Connections *c, const char *uuid) {
        for (size_t i = 0; i < c->n; i++)
                if (streq(c->list[i].uuid, uuid))
                        return true;
        return false;
}

/* --- which ones --- */

static const struct {
        const char *type, *theirs;
        bool has_members;
} types[] = {
        { "ethernet", "802-3-ethernet", false },
        { "bridge", "bridge", true },
        { "bond", "bond", true },
        { "vlan", "vlan", false },
};

static int uuid_of(const char *interface, const char *link, char ret[37]) {
        _cleanup_free_ char *key = text_format("unitvirt interface %s %s", interface, link);
        uint8_t uuid[16];

        if (!key)
                return -ENOMEM;
        uuid_from_name(key, uuid);
        uuid_format(uuid, ret);
        return 0;
}

static int add(Connections *c, const Definition *d, const xmlNode *node, const char *master, const char *master_type) {
        Connection *list = realloc(c->list, (c->n + 1) * sizeof(*list)), *new;
        char uuid[37];
        int r;

        if (!list)
                return -ENOMEM;
        c->list = list;
        new = &list[c->n++];
        *new = (Connection){ .name = xml_attr(node, "name"), .node = node, .master_type = master_type };
        new->at_boot = !xml_attr_is(xml_child(definition_root(d), "start"), "mode", "none");
        (void) snprintf(new->master_uuid, sizeof new->master_uuid, "%s", master);
        r = uuid_of(definition_name(d), new->name, new->uuid);
        memcpy(uuid, new->uuid, sizeof uuid);
        for (size_t i = 0; i < ELEMENTSOF(types); i++) {
                if (!xml_attr_is(node, "type", types[i].type))
                        continue;
                new->type = types[i].theirs;
                if (!types[i].has_members)
                        break;
                XML_FOREACH(member, xml_child(node, types[i].type), "interface") {
                        if (r >= 0)
                                r = add(c, d, member, uuid, types[i].theirs);
                }
                break;
        }
        return r;
}

int connections_of(const Definition *d, Connections *ret, Error *e) {
        int r = add(ret, d, definition_root(d), "", NULL);

        return r < 0 ? error_set_errno(e, r, ORIGIN_INTERFACE, "cannot divide interface '%s'", definition_name(d)) : 0;
}

/* --- settings --- */

/* Entries of a{sv}. */
static int put_text(sd_bus_message *m, const char *key, const char *value) {
        return value ? sd_bus_message_append(m, "{sv}", key, "s", value) : 0;
}

static int put_bool(sd_bus_message *m, const char *key, bool value) {
        return sd_bus_message_append(m, "{sv}", key, "b", value);
}

static int put_number(sd_bus_message *m, const char *key, const char *value) {
        unsigned n;

        return value && parse_uint(value, &n) >= 0 ? sd_bus_message_append(m, "{sv}", key, "u", n) : 0;
}

static int put_mac(sd_bus_message *m, const char *key, const char *value) {
        uint8_t b[6];

        return value && mac_parse(value, b) >= 0
                       ? sd_bus_message_append(m, "{sv}", key, "ay", 6, b[0], b[1], b[2], b[3], b[4], b[5])
                       : 0;
}

#define TRY(call)                                                                                            \
        do {                                                                                                 \
                int _r = (call);                                                                             \
                if (_r < 0)                                                                                  \
                        return _r;                                                                           \
        } while (0)

static int add_connection(const Connection *c, sd_bus_message *m) {
        TRY(put_text(m, "id", c->name));
        TRY(put_text(m, "uuid", c->uuid));
        TRY(put_text(m, "type", c->type));
        TRY(put_text(m, "interface-name", c->name));
        TRY(put_bool(m, "autoconnect", c->at_boot));
        if (*c->master_uuid) {
                TRY(put_text(m, "master", c->master_uuid));
                TRY(put_text(m, "slave-type", c->master_type));
        }
        /* whoever brings it up has its members brought up */
        return streq(c->type, "bridge") || streq(c->type, "bond")
                       ? sd_bus_message_append(m, "{sv}", "autoconnect-slaves", "i", 1)
                       : 0;
}

static int add_ethernet(const Connection *c, sd_bus_message *m) {
        return put_number(m, "mtu", xml_get(c->node, "mtu/@size"));
}

static int add_bridge(const Connection *c, sd_bus_message *m) {
        const xmlNode *bridge = xml_child(c->node, "bridge");
        const char *delay = xml_attr(bridge, "delay");

        TRY(put_bool(m, "stp", xml_attr_bool(bridge, "stp", true)));
        /* NetworkManager knows whole seconds, from 2 on, and none where there is no protocol */
        if (delay && xml_attr_bool(bridge, "stp", true))
                TRY(sd_bus_message_append(m, "{sv}", "forward-delay", "u", (uint32_t) strtod(delay, NULL)));
        return put_mac(m, "mac-address", interface_mac(c->node));
}

static int put_option(sd_bus_message *m, const char *key, const char *value) {
        return value ? sd_bus_message_append(m, "{ss}", key, value) : 0;
}

static int add_bond_options(const xmlNode *bond, sd_bus_message *m) {
        const xmlNode *mii = xml_child(bond, "miimon"), *arp = xml_child(bond, "arpmon");

        TRY(put_option(m, "mode", xml_attr(bond, "mode") ?: "balance-rr"));
        TRY(put_option(m, "miimon", xml_attr(mii, "freq")));
        TRY(put_option(m, "updelay", xml_attr(mii, "updelay")));
        TRY(put_option(m, "downdelay", xml_attr(mii, "downdelay")));
        if (xml_attr(mii, "carrier"))
                TRY(put_option(m, "use_carrier", xml_attr_is(mii, "carrier", "netif") ? "1" : "0"));
        TRY(put_option(m, "arp_interval", xml_attr(arp, "interval")));
        TRY(put_option(m, "arp_ip_target", xml_attr(arp, "target")));
        TRY(put_option(m, "arp_validate", xml_attr(arp, "validate")));
        return xml_attr_is(bond, "mode", "active-backup")
                       ? put_option(m, "primary", xml_get(bond, "interface/@name"))
                       : 0;
}

static int add_bond(const Connection *c, sd_bus_message *m) {
        TRY(sd_bus_message_open_container(m, 'e', "sv"));
        TRY(sd_bus_message_append(m, "s", "options"));
        TRY(sd_bus_message_open_container(m, 'v', "a{ss}"));
        TRY(sd_bus_message_open_container(m, 'a', "{ss}"));
        TRY(add_bond_options(xml_child(c->node, "bond"), m));
        TRY(sd_bus_message_close_container(m));
        TRY(sd_bus_message_close_container(m));
        return sd_bus_message_close_container(m);
}

static int add_vlan(const Connection *c, sd_bus_message *m) {
        TRY(put_text(m, "parent", xml_get(c->node, "vlan/interface/@name")));
        return put_number(m, "id", xml_get(c->node, "vlan/@tag"));
}

static const xmlNode *protocol_of(const Connection *c, const char *family) {
        XML_FOREACH(protocol, c->node, "protocol")
                if (xml_attr_is(protocol, "family", family))
                        return protocol;
        return NULL;
}

static const char *method_of(const xmlNode *protocol, bool v6) {
        bool dhcp = xml_child(protocol, "dhcp"), autoconf = xml_child(protocol, "autoconf");

        return !protocol                    ? "disabled"
               : autoconf || (dhcp && !v6)  ? "auto"
               : dhcp                       ? "dhcp"
               : xml_child(protocol, "ip")  ? "manual"
               : v6                         ? "link-local"
                                            : "disabled";
}

static int add_addresses(const xmlNode *protocol, sd_bus_message *m) {
        TRY(sd_bus_message_open_container(m, 'e', "sv"));
        TRY(sd_bus_message_append(m, "s", "address-data"));
        TRY(sd_bus_message_open_container(m, 'v', "aa{sv}"));
        TRY(sd_bus_message_open_container(m, 'a', "a{sv}"));
        XML_FOREACH(ip, protocol, "ip") {
                unsigned prefix = 0;

                TRY(xml_attr_uint(ip, "prefix", &prefix));
                TRY(sd_bus_message_append(m, "a{sv}", 2, "address", "s", xml_attr(ip, "address"), "prefix", "u",
                                          prefix));
        }
        TRY(sd_bus_message_close_container(m));
        TRY(sd_bus_message_close_container(m));
        return sd_bus_message_close_container(m);
}

static int add_protocol(const xmlNode *protocol, bool v6, sd_bus_message *m) {
        const xmlNode *dhcp = xml_child(protocol, "dhcp");

        TRY(put_text(m, "method", method_of(protocol, v6)));
        if (xml_child(protocol, "ip"))
                TRY(add_addresses(protocol, m));
        if (dhcp && !xml_attr_bool(dhcp, "peerdns", true))
                TRY(put_bool(m, "ignore-auto-dns", true));
        return put_text(m, "gateway", xml_get(protocol, "route/@gateway"));
}

static int add_ipv4(const Connection *c, sd_bus_message *m) {
        return add_protocol(protocol_of(c, "ipv4"), false, m);
}

static int add_ipv6(const Connection *c, sd_bus_message *m) {
        return add_protocol(protocol_of(c, "ipv6"), true, m);
}

static const struct {
        const char *section;
        bool of_type;           /* only where the connection is of this type */
        bool of_own;            /* only of one that is no member */
        int (*add)(const Connection *c, sd_bus_message *m);
} sections[] = {
        { "connection", false, false, add_connection },
        { "802-3-ethernet", true, false, add_ethernet },
        { "bridge", true, false, add_bridge },
        { "bond", true, false, add_bond },
        { "vlan", true, false, add_vlan },
        { "ipv4", false, true, add_ipv4 },
        { "ipv6", false, true, add_ipv6 },
};

/* The MTU of what is no ethernet stands in a section of that name, too. */
static int add_section(const Connection *c, sd_bus_message *m, size_t i) {
        TRY(sd_bus_message_open_container(m, 'e', "sa{sv}"));
        TRY(sd_bus_message_append(m, "s", sections[i].section));
        TRY(sd_bus_message_open_container(m, 'a', "{sv}"));
        TRY(sections[i].add(c, m));
        TRY(sd_bus_message_close_container(m));
        return sd_bus_message_close_container(m);
}

int connection_append(const Connection *c, sd_bus_message *m) {
        TRY(sd_bus_message_open_container(m, 'a', "{sa{sv}}"));
        for (size_t i = 0; i < ELEMENTSOF(sections); i++) {
                bool ethernet = streq(sections[i].section, "802-3-ethernet") && xml_child(c->node, "mtu");

                if (sections[i].of_type && !streq(sections[i].section, c->type) && !ethernet)
                        continue;
                if (!sections[i].of_own || !*c->master_uuid)
                        TRY(add_section(c, m, i));
        }
        return sd_bus_message_close_container(m);
}
