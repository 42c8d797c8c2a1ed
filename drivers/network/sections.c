/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* net-update on a tree: one element of a list is added, replaced or taken away. What is changed is checked as a whole
 * afterwards, by those who check definitions. */

#include "base/strings.h"
#include "network.h"

/* virNetworkUpdateCommand */
enum { COMMAND_MODIFY = 1, COMMAND_DELETE, COMMAND_ADD_LAST, COMMAND_ADD_FIRST };

typedef struct Section {
        const char *word;          /* of the list, in messages */
        const char *parent;        /* below the root, or below <ip>; "" is that itself */
        const char *element;       /* NULL: known, and not to be updated */
        bool in_ip;
        bool may_modify;
        bool any_key; /* one equal key makes two entries of a list the same; else all that are given must be */
        const char *keys[5];
        const char *names; /* elements; who takes an entry away may say one of them in place of a key */
} Section;

/* By virNetworkUpdateSection. */
static const Section sections[] = {
        { .word = NULL },
        { .word = "bridge" },
        { .word = "domain" },
        { .word = "ip" },
        { .word = "dhcp host", .parent = "dhcp", .element = "host", .in_ip = true, .may_modify = true, .any_key = true,
          .keys = { "mac", "id", "name", "ip" } },
        { .word = "dhcp range", .parent = "dhcp", .element = "range", .in_ip = true, .keys = { "start", "end" } },
        { .word = "forward" },
        { .word = "forward interface", .parent = "forward", .element = "interface", .keys = { "dev" } },
        { .word = "forward pf" },
        { .word = "portgroup", .parent = "", .element = "portgroup", .may_modify = true, .keys = { "name" } },
        { .word = "DNS HOST", .parent = "dns", .element = "host", .may_modify = true, .any_key = true, .keys = { "ip" },
          .names = "hostname" },
        { .word = "DNS TXT", .parent = "dns", .element = "txt", .may_modify = true, .keys = { "name" } },
        { .word = "DNS SRV", .parent = "dns", .element = "srv", .keys = { "service", "protocol", "domain", "target" } },
};

typedef struct Update {
        const Section *section;
        const char *network;
        xmlNode *parent;     /* of the list's elements */
        xmlNode *node;       /* what the client sent */
} Update;

static int refuse(const Update *u, Error *e, const char *what) {
        _cleanup_free_ char *text = NULL;

        (void) xml_format(u->node, &text);
        if (text && strchr(text, '\n'))
                *strchr(text, '\n') = 0;
        return error_set(e, -EINVAL, ERROR_OPERATION_INVALID, ORIGIN_NETWORK,
                         "%s %s entry in network '%s' that matches \"%s\"", what, u->section->word, u->network,
                         text ?: "");
}

/* Are two entries the same? Of keys that both have, one that differs says no; with any_key one that is equal says
 * yes. */
static bool matches(const Update *u, const xmlNode *entry, bool any) {
        bool found = false;

        for (const char *const *key = u->section->keys; *key; key++) {
                const char *wanted = xml_attr(u->node, *key), *has = xml_attr(entry, *key);
                bool equal = wanted && has && strcasecmp(wanted, has) == 0;

                if (!wanted)
                        continue;
                if (any && equal)
                        return true;
                if (!any && !equal)
                        return false;
                found = found || equal;
        }
        return found;
}

static xmlNode *find(const Update *u, bool any) {
        XML_FOREACH(entry, u->parent, u->section->element)
                if (matches(u, entry, any))
                        return entry;
        return NULL;
}

/* A host is known by its MAC (or, with IPv6, its id), even where another has the address. */
static xmlNode *find_by_first_key(const Update *u) {
        XML_FOREACH(entry, u->parent, u->section->element)
                for (const char *const *key = u->section->keys; *key; key++) {
                        const char *wanted = xml_attr(u->node, *key);

                        if (!wanted)
                                continue;
                        if (xml_attr(entry, *key) && strcasecmp(wanted, xml_attr(entry, *key)) == 0)
                                return entry;
                        break;
                }
        return NULL;
}

static bool shares_name(const Update *u, const xmlNode *entry) {
        XML_FOREACH(wanted, u->node, u->section->names)
                XML_FOREACH(has, entry, u->section->names)
                        if (streq(xml_text(wanted), xml_text(has)))
                                return true;
        return false;
}

/* The one entry that is to go; *ret_n is how many that could be. */
static xmlNode *find_one(const Update *u, unsigned *ret_n) {
        xmlNode *found = NULL;
        unsigned n = 0;

        XML_FOREACH(entry, u->parent, u->section->element) {
                if (!matches(u, entry, false) && !(u->section->names && shares_name(u, entry)))
                        continue;
                found = entry;
                n++;
        }
        *ret_n = n;
        return found;
}

/* forward/@dev is another spelling of the first interface, and is found out anew. */
static void forget_first(const Update *u) {
        if (streq(u->section->element, "interface"))
                xml_unset_attr(u->parent, "dev");
}

static int add(const Update *u, bool first, Error *e) {
        xmlNode *head = xml_child(u->parent, u->section->element);

        if (find(u, u->section->any_key))
                return refuse(u, e, "there is an existing");
        forget_first(u);
        if (first && head)
                return xml_add_copy_before(head, u->node) ? 0 : -ENOMEM;
        return xml_add_copy(u->parent, u->node) ? 0 : -ENOMEM;
}

static int modify(const Update *u, Error *e) {
        /* a MAC that is not there is a new one, of the host with that name or address */
        xmlNode *old = find_by_first_key(u) ?: find(u, u->section->any_key);

        if (!u->section->may_modify)
                return error_set(e, -EOPNOTSUPP, ERROR_OPERATION_UNSUPPORTED, ORIGIN_NETWORK,
                                 "%s entries cannot be modified, only added or deleted", u->section->word);
        if (!old)
                return refuse(u, e, "couldn't locate an existing");
        if (!xml_add_copy_before(old, u->node))
                return -ENOMEM;
        xml_remove(old);
        return 0;
}

static int delete(const Update *u, Error *e) {
        unsigned users = 0, n;
        xmlNode *entry = find_one(u, &n), *parent = u->parent;

        if (!entry)
                return refuse(u, e, "couldn't locate a matching");
        if (n > 1)
                return refuse(u, e, "there is more than one");
        (void) xml_attr_uint(entry, "connections", &users);
        if (users > 0)
                return error_set(e, -EBUSY, ERROR_OPERATION_INVALID, ORIGIN_NETWORK,
                                 "unable to delete interface '%s' in network '%s'. It is currently being used by %u "
                                 "domains.",
                                 xml_attr(entry, "dev") ?: "", u->network, users);
        forget_first(u);
        xml_remove(entry);
        if (*u->section->parent && !xml_child(parent, NULL) && !parent->properties)
                xml_remove(parent);
        return 0;
}

/* The <ip> that a client means: by its place, or the first with <dhcp>, or the first. */
static xmlNode *find_ip(xmlNode *root, int index) {
        xmlNode *ip = xml_child(root, "ip");

        if (index >= 0) {
                for (; ip && index > 0; index--)
                        ip = xml_next(ip, "ip");
                return ip;
        }
        return network_dhcp_ip(root, AF_INET) ?: network_dhcp_ip(root, AF_INET6) ?: ip;
}

static int find_parent(Update *u, Definition *d, int index, Error *e) {
        xmlNode *top = definition_root(d);

        if (u->section->in_ip)
                top = find_ip(top, index);
        if (!top)
                return error_set(e, -EINVAL, ERROR_OPERATION_INVALID, ORIGIN_NETWORK,
                                 "couldn't update %s entry - no <ip> element found at index %d in network '%s'",
                                 u->section->word, index, u->network);
        u->parent = *u->section->parent ? xml_ensure(top, u->section->parent) : top;
        return u->parent ? 0 : -ENOMEM;
}

static int carry_out(const Update *u, unsigned command, Error *e) {
        switch (command) {
        case COMMAND_MODIFY:
                return modify(u, e);
        case COMMAND_DELETE:
                return delete(u, e);
        case COMMAND_ADD_LAST:
        case COMMAND_ADD_FIRST:
                return add(u, command == COMMAND_ADD_FIRST, e);
        default:
                return error_set(e, -EINVAL, ERROR_INVALID_ARG, ORIGIN_NETWORK,
                                 "unrecognized network update command code %u", command);
        }
}

int network_update_section(Definition *d, unsigned command, unsigned section, int parent, const char *xml, Error *e) {
        _cleanup_xml_ xmlDocPtr doc = NULL;
        Update u = { .network = definition_name(d) };
        int r;

        if (section == 0 || section >= ELEMENTSOF(sections))
                return error_set(e, -EINVAL, ERROR_INVALID_ARG, ORIGIN_NETWORK,
                                 "unrecognized network update section code %u", section);
        u.section = &sections[section];
        if (!u.section->element)
                return error_set(e, -EOPNOTSUPP, ERROR_OPERATION_UNSUPPORTED, ORIGIN_NETWORK,
                                 "can't update '%s' section of network '%s'", u.section->word, u.network);
        r = xml_parse(xml, strlen(xml), NULL, NULL, &doc, e);
        if (r < 0)
                return r;
        u.node = xml_root(doc);
        if (!xml_is(u.node, u.section->element))
                return error_set(e, -EBADMSG, ERROR_XML_ERROR, ORIGIN_NETWORK,
                                 "unexpected element <%s>, expecting <%s>, while updating network '%s'",
                                 xml_name(u.node), u.section->element, u.network);
        r = find_parent(&u, d, parent, e);
        return r < 0 ? r : carry_out(&u, command, e);
}
