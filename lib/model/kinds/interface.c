/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The kind of the host's interfaces: what a link shall be, not what it is. After normalising (paths below /interface):
 *
 *   @type, @name          there; the name of a vlan is LINK.TAG unless it has another one
 *   start/@mode           there
 *   bridge, bond, vlan    the one that the type says is there, and no other one
 *   .../interface         @type and @name are there, names are unique; a bond has one at least
 *   vlan                  @tag is 1 to 4094, interface/@name is there
 *   protocol              @family is there, one of a kind; addresses are of the family, with @prefix */

#include "base/fs.h"
#include "base/ip.h"
#include "base/strings.h"
#include "model/interface.h"
#include "model/kind.h"
#include "normalise/normaliser.h"
#include "schema.h"

#define NAME_MAX_LENGTH 15U /* the kernel's IFNAMSIZ */

/* What the kernel takes is more; what goes into others' files is these. */
static int check_name(Normaliser *n, const xmlNode *node) {
        static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.:@-";
        const char *name = xml_attr(node, "name");

        if (!name)
                return fail_xml(n, node, "interface has no name");
        if (!*name || strlen(name) > NAME_MAX_LENGTH || strspn(name, letters) != strlen(name) || streq(name, ".") ||
            streq(name, "..") || *name == '-')
                return fail_xml(n, node, "'%s' cannot be the name of an interface", name);
        return 0;
}

/* What IPv4 needs, and lo has. */
#define MTU_MIN 68U
#define MTU_MAX 65536U

static int check_vlan(Normaliser *n, xmlNode *node) {
        const xmlNode *vlan = xml_child(node, "vlan"), *lower = xml_child(vlan, "interface");
        unsigned tag;
        int r;

        if (xml_attr_uint(vlan, "tag", &tag) < 0 || tag < 1 || tag > 4094)
                return fail_xml(n, vlan, "a vlan needs a tag of 1 to 4094");
        if (!lower)
                return fail_xml(n, vlan, "a vlan needs the interface that it is on");
        r = check_name(n, lower);
        if (r >= 0 && xml_attr_is(node, "name", xml_attr(lower, "name")))
                return fail_xml(n, vlan, "interface '%s' cannot be a part of itself", xml_attr(node, "name"));
        if (r >= 0 && !xml_attr(node, "name"))
                norm_setf(n, node, "name", "%s.%u", xml_attr(lower, "name"), tag);
        return r;
}

static int check_members(Normaliser *n, xmlNode *parent);

static int check_bond(Normaliser *n, xmlNode *node) {
        xmlNode *bond = xml_child(node, "bond");
        const xmlNode *mii = xml_child(bond, "miimon"), *arp = xml_child(bond, "arpmon");

        if (!xml_child(bond, "interface"))
                return fail_xml(n, bond, "a bond needs an interface");
        if (mii && arp)
                return fail_xml(n, bond, "a bond is watched by miimon or by arpmon, not by both");
        if (mii && !xml_attr(mii, "freq"))
                return fail_xml(n, mii, "bond interface miimon freq missing or invalid");
        if (arp && (!xml_attr(arp, "interval") || !xml_attr(arp, "target")))
                return fail_xml(n, arp, "bond interface arpmon needs interval and target");
        return check_members(n, bond);
}

static int check_bridge(Normaliser *n, xmlNode *node) {
        xmlNode *bridge = xml_child(node, "bridge");
        const char *delay = xml_attr(bridge, "delay");
        char *end;

        if (delay && (!*delay || strtod(delay, &end) < 0 || *end || strtod(delay, NULL) > 30))
                return fail_xml(n, bridge, "'%s' is no delay of a bridge", delay);
        return check_members(n, bridge);
}

static const struct {
        const char *type;       /* also the element; NULL: none */
        int (*check)(Normaliser *n, xmlNode *node);
} types[] = { { "bridge", check_bridge }, { "bond", check_bond }, { "vlan", check_vlan } };

static int check_type(Normaliser *n, xmlNode *node) {
        const char *type = xml_attr(node, "type");
        xmlNode *mtu = xml_child(node, "mtu");
        int r = 0;

        if (!type)
                return fail_xml(n, node, "interface has no type");
        if (mtu && (number_or(mtu, "size", MTU_MIN) < MTU_MIN || number_or(mtu, "size", MTU_MIN) > MTU_MAX))
                return fail_xml(n, mtu, "the MTU %s is not within %u and %u", xml_attr(mtu, "size"), MTU_MIN, MTU_MAX);
        for (size_t i = 0; r >= 0 && i < ELEMENTSOF(types); i++) {
                bool is = streq(types[i].type, type);

                if (is && !xml_child(node, types[i].type))
                        return fail_xml(n, node, "interface of type '%s' needs <%s>", type, types[i].type);
                /* virsh iface-unbridge leaves one behind */
                if (!is)
                        xml_remove_children(node, types[i].type);
                r = is ? types[i].check(n, node) : 0;
        }
        return r < 0 ? r : check_name(n, node);
}

/* Is one that this is a part of called so? */
static bool is_within(const xmlNode *node, const char *name) {
        for (node = node->parent; node && node->type == XML_ELEMENT_NODE; node = node->parent)
                if (xml_is(node, "interface") && xml_attr_is(node, "name", name))
                        return true;
        return false;
}

static int check_members(Normaliser *n, xmlNode *parent) {
        int r = 0;

        XML_FOREACH(member, parent, "interface") {
                r = check_type(n, member);
                if (r < 0)
                        return r;
                if (is_within(member, xml_attr(member, "name")))
                        return fail_xml(n, member, "interface '%s' cannot be a part of itself",
                                        xml_attr(member, "name"));
                for (const xmlNode *other = xml_next(member, "interface"); other; other = xml_next(other, "interface"))
                        if (xml_attr_is(other, "name", xml_attr(member, "name")))
                                return fail_xml(n, other, "interface '%s' is there twice", xml_attr(member, "name"));
        }
        return 0;
}

static int check_interface(Normaliser *n) {
        norm_set_default(n, norm_ensure(n, n->root, "start"), "mode", "onboot");
        return check_type(n, n->root);
}

/* --- addresses --- */

static int check_address(Normaliser *n, const xmlNode *node, const char *name, const char *family, IpAddress *ret) {
        bool v4 = streq(family, "ipv4");

        if (ip_parse(xml_attr(node, name), ret) < 0 || (ret->family == AF_INET) != v4)
                return fail_xml(n, node, "'%s' is no address of %s", xml_attr(node, name) ?: "", family);
        return 0;
}

static int check_protocol(Normaliser *n, xmlNode *protocol) {
        const char *family = xml_attr(protocol, "family");
        IpAddress a;
        int r = 0;

        if (!family)
                return fail_xml(n, protocol, "protocol has no family");
        XML_FOREACH(ip, protocol, "ip") {
                unsigned prefix;

                r = check_address(n, ip, "address", family, &a);
                if (r < 0)
                        return r;
                if (xml_attr_uint(ip, "prefix", &prefix) < 0)
                        norm_setf(n, ip, "prefix", "%u", ip_default_prefix(&a));
                else if (prefix > ip_bits(&a))
                        return fail_xml(n, ip, "prefix %u is too long for %s", prefix, family);
        }
        if (xml_child(protocol, "autoconf") && streq(family, "ipv4"))
                return fail_xml(n, protocol, "autoconf is for ipv6");
        return xml_child(protocol, "route") ? check_address(n, xml_child(protocol, "route"), "gateway", family, &a) : 0;
}

static int check_protocols(Normaliser *n) {
        int r = 0;

        XML_FOREACH(protocol, n->root, "protocol") {
                r = check_protocol(n, protocol);
                if (r < 0)
                        return r;
                for (const xmlNode *other = xml_next(protocol, "protocol"); other; other = xml_next(other, "protocol"))
                        if (xml_attr_is(other, "family", xml_attr(protocol, "family")))
                                return fail_xml(n, other, "protocol %s is there twice", xml_attr(other, "family"));
        }
        return 0;
}

static const NormaliseStep steps[] = { check_interface, check_protocols, NULL };

const DocumentKind document_interface = {
        .root = "interface",
        .word = "interface",
        .origin = ORIGIN_INTERFACE,
        .key = "@name",
        .key_made_up = true,
        .schema = &schema_interface,
        .steps = steps,
};

char *interface_definition_path(const char *name) {
        return text_format("%s/interface/%s.xml", path_etc(), name);
}

int interface_definition_load(const char *name, Definition **ret, Error *e) {
        _cleanup_free_ char *path = interface_definition_path(name);
        _cleanup_definition_ Definition *d = NULL;
        int r;

        if (!path)
                return -ENOMEM;
        if (access(path, F_OK) < 0 && errno == ENOENT)
                return -ENOENT;
        r = definition_load_as(&document_interface, path, 0, &d, e);
        if (r >= 0)
                r = definition_normalise(d, NULL, e);
        if (r >= 0 && !streq(definition_name(d), name))
                r = error_set(e, -EBADMSG, ERROR_XML_ERROR, ORIGIN_INTERFACE, "%s: it is of interface '%s'", path,
                              definition_name(d));
        if (r >= 0)
                *ret = TAKE_PTR(d);
        return r;
}

const char *interface_mac(const xmlNode *interface) {
        static const char *const members[] = { "bridge/interface", "bond/interface" };
        const char *mac = xml_get(interface, "mac/@address");

        for (size_t i = 0; !mac && i < ELEMENTSOF(members); i++) {
                const xmlNode *member = xml_find(interface, members[i]);

                mac = member ? interface_mac(member) : NULL;
        }
        return mac;
}
