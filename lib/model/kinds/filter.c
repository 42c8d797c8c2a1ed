/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The kinds of network filters and of their bindings to taps. After normalising (paths below /filter):
 *
 *   @name, @chain, uuid      there; @chain is root or begins with the name of another of libvirt's chains
 *   @priority                there unless 0
 *   rule/@action, @direction, @priority      there
 *   rule/@statematch         only where it is 'false'
 *   rule/PROTOCOL            none, or one or more of the same protocol (filter_rule_match()); @match only where 'no';
 *                            each other value is a variable in its shortest spelling, or good and as libvirt prints it
 *   filterref/@filter        there; the parameters sorted by name, those of one name (a list) as they came
 *
 * and below /filterbinding: owner/name, owner/uuid, portdev/@name, mac/@address and filterref are there. */

#include <netinet/in.h>

#include "base/strings.h"
#include "filter.h"
#include "schema.h"

/* --- chains --- */

/* In the order in which a name is compared with them. */
static const struct {
        const char *name;
        int priority;
} chains[] = {
        { "root", 0 },    { "mac", -800 },  { "vlan", -750 }, { "stp", -810 },
        { "arp", -500 },  { "rarp", -400 }, { "ipv4", -700 }, { "ipv6", -600 },
};

#define CHAIN_NAME_MAX 12U

const char *filter_chain_prefix(const char *chain) {
        static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.:-";

        if (strlen(chain) > CHAIN_NAME_MAX || chain[strspn(chain, allowed)])
                return NULL;
        for (size_t i = 0; i < ELEMENTSOF(chains); i++)
                if (i == 0 ? streq(chain, chains[i].name) : startswith(chain, chains[i].name) != NULL)
                        return chains[i].name;
        return NULL;
}

int filter_chain_priority(const char *prefix) {
        for (size_t i = 0; i < ELEMENTSOF(chains); i++)
                if (streq(chains[i].name, prefix))
                        return chains[i].priority;
        return 0;
}

static int check_priority(Normaliser *n, xmlNode *node, int otherwise) {
        int priority = otherwise;

        (void) parse_int(attr_or(node, "priority", ""), &priority);
        if (priority > FILTER_PRIORITY_MAX || priority < -FILTER_PRIORITY_MAX)
                return fail(n, node, -EINVAL, ERROR_INVALID_ARG, "Priority '%d' is outside valid range of [%d,%d]",
                            priority, -FILTER_PRIORITY_MAX, FILTER_PRIORITY_MAX);
        norm_setf(n, node, "priority", "%d", priority);
        return 0;
}

static int normalise_root(Normaliser *n) {
        xmlNode *uuid = xml_child(n->root, "uuid");
        const char *chain, *prefix;
        int r;

        /* rules and references stay in the order of the document */
        if (uuid && uuid != n->root->children) {
                xmlUnlinkNode(uuid);
                xmlAddPrevSibling(n->root->children, uuid);
        }
        norm_set_default(n, n->root, "chain", "root");
        chain = attr_or(n->root, "chain", "");
        prefix = filter_chain_prefix(chain);
        if (!prefix && strlen(chain) > CHAIN_NAME_MAX)
                return fail(n, n->root, -EINVAL, ERROR_INVALID_ARG, "Name of chain is longer than %u characters",
                            CHAIN_NAME_MAX);
        if (!prefix)
                return fail(n, n->root, -EINVAL, ERROR_INVALID_ARG,
                            "Invalid chain name '%s'. Please use a chain name called 'root' or any of the following "
                            "prefixes: mac, vlan, stp, arp, rarp, ipv4, ipv6",
                            chain);
        r = check_priority(n, n->root, filter_chain_priority(prefix));
        if (r >= 0 && xml_attr_is(n->root, "priority", "0"))
                xml_unset_attr(n->root, "priority");
        return r;
}

/* --- rules --- */

static int normalise_value(Normaliser *n, xmlNode *match, const FilterProtocol *p, const char *name, const char *text) {
        _cleanup_(filter_access_done) FilterAccess a = {};
        _cleanup_free_ char *good = NULL;
        FilterValue v;
        FilterType type;
        int r;

        if (!filter_attribute_type(p, name, &type))
                return 0;
        if (*text == '$' && type != FILTER_COMMENT) {
                r = filter_access_parse(text, &a);
                good = r >= 0 ? filter_access_format(&a) : NULL;
        } else {
                r = filter_value_parse(type, p->family, text, &v);
                good = r >= 0 ? filter_value_format(type, text, &v) : NULL;
        }
        if (r < 0 && r != -ENOMEM)
                return fail_xml(n, match, "%s has illegal value %s", name, text);
        if (!good)
                return -ENOMEM;
        norm_set(n, match, name, good);
        return 0;
}

static int check_set(Normaliser *n, const xmlNode *match) {
        if (!xml_attr(match, "ipset") != !xml_attr(match, "ipsetflags"))
                return fail_xml(n, match, "ipset and ipsetflags belong together");
        return 0;
}

/* Of other protocols the same bytes are something else. */
static int check_ports(Normaliser *n, const xmlNode *match, const FilterProtocol *p) {
        static const char *const ports[] = { "srcportstart", "srcportend", "dstportstart", "dstportend" };
        bool is_ip = streq(p->name, "ip"), ipv6 = streq(p->name, "ipv6"), has_ports = false;
        FilterValue v;

        for (size_t i = 0; i < ELEMENTSOF(ports); i++)
                has_ports = has_ports || xml_attr(match, ports[i]);
        if (!has_ports || (!is_ip && !ipv6))
                return 0;
        if (filter_value_parse(FILTER_PROTOCOL, p->family, attr_or(match, "protocol", ""), &v) >= 0 &&
            (v.number == IPPROTO_TCP || v.number == IPPROTO_UDP || v.number == IPPROTO_DCCP ||
             v.number == IPPROTO_SCTP))
                return 0;
        return fail_xml(n, match,
                        "%s rule with port specification requires protocol specification with protocol to be either "
                        "one of tcp(6), udp(17), dccp(33), or sctp(132)",
                        ipv6 ? "IPv6" : "IP");
}

static int normalise_match(Normaliser *n, xmlNode *match) {
        const FilterProtocol *p = filter_protocol_find(xml_name(match));
        xmlAttr *next;
        int r;

        if (!xml_attr_is(match, "match", "no"))
                xml_unset_attr(match, "match");
        for (xmlAttr *a = match->properties; a; a = next) {
                const char *name = (const char *) a->name;
                _cleanup_free_ char *text = NULL;

                next = a->next;
                if (!xml_attr(match, name))
                        continue;
                text = strdup(xml_attr(match, name));
                r = text ? normalise_value(n, match, p, name, text) : -ENOMEM;
                if (r < 0)
                        return r;
        }
        r = check_set(n, match);
        return r < 0 ? r : check_ports(n, match, p);
}

static int normalise_rule(Normaliser *n, xmlNode *rule) {
        const char *state = attr_or(rule, "statematch", "");
        const xmlNode *first = filter_rule_match(rule);
        xmlNode *next;
        int r;

        for (size_t i = 0; i < 2; i++) {
                const char *name = i ? "direction" : "action";

                if (!xml_attr(rule, name))
                        return fail_xml(n, rule, "rule node requires %s attribute", name);
        }
        if (streq(state, "0") || strcasecmp(state, "false") == 0)
                norm_set(n, rule, "statematch", "false");
        else
                xml_unset_attr(rule, "statematch");
        r = check_priority(n, rule, FILTER_RULE_PRIORITY);
        for (xmlNode *match = xml_child(rule, NULL); match && r >= 0; match = next) {
                next = xml_next(match, NULL);
                if (xml_is(match, xml_name(first)))
                        r = normalise_match(n, match);
                else
                        xml_remove(match); /* a rule is about one protocol */
        }
        return r;
}

static int normalise_rules(Normaliser *n) {
        XML_FOREACH(rule, n->root, "rule") {
                int r = normalise_rule(n, rule);

                if (r < 0)
                        return r;
        }
        return 0;
}

/* --- references --- */

/* Sorted by name, those of one name as they came. */
static void sort_parameters(xmlNode *ref) {
        xmlNode *next;

        for (xmlNode *p = xml_child(ref, "parameter"); p; p = next) {
                xmlNode *before = ref->children;

                next = xml_next(p, "parameter");
                while (before != p && strcmp(attr_or(before, "name", ""), attr_or(p, "name", "")) <= 0)
                        before = before->next;
                if (before != p) {
                        xmlUnlinkNode(p);
                        xmlAddPrevSibling(before, p);
                }
        }
}

int normalise_filterref(Normaliser *n, xmlNode *ref) {
        if (!*attr_or(ref, "filter", ""))
                return fail_xml(n, ref, "filterref node requires a filter attribute");
        XML_FOREACH(p, ref, "parameter") {
                if (!filter_variable_name_ok(attr_or(p, "name", "")))
                        return fail_xml(n, p, "'%s' cannot be the name of a filter's variable", attr_or(p, "name", ""));
                if (!filter_variable_value_ok(attr_or(p, "value", "")))
                        return fail_xml(n, p, "'%s' cannot be the value of the filter's variable '%s'",
                                        attr_or(p, "value", ""), xml_attr(p, "name"));
        }
        sort_parameters(ref);
        return 0;
}

static int normalise_references(Normaliser *n) {
        XML_FOREACH(ref, n->root, "filterref") {
                int r = normalise_filterref(n, ref);

                if (r < 0)
                        return r;
        }
        return 0;
}

static const NormaliseStep filter_steps[] = { normalise_uuid, normalise_root, normalise_rules, normalise_references,
                                              NULL };

const DocumentKind document_filter = {
        .root = "filter",
        .word = "network filter",
        .origin = ORIGIN_NWFILTER,
        .key = "@name",
        .schema = &schema_filter,
        .steps = filter_steps,
};

/* --- bindings --- */

static int check_binding(Normaliser *n) {
        static const char *const needed[] = { "owner/name", "owner/uuid", "portdev/@name", "mac/@address",
                                              "filterref" };
        const char *mac = xml_get(n->root, "mac/@address");
        uint8_t bytes[16];

        for (size_t i = 0; i < ELEMENTSOF(needed); i++)
                if (strchr(needed[i], '@') ? !*(xml_get(n->root, needed[i]) ?: "") : !xml_find(n->root, needed[i]))
                        return fail_xml(n, n->root, "filter binding has no %s", needed[i]);
        if (uuid_parse(xml_get(n->root, "owner/uuid"), bytes) >= 0) {
                char text[37];

                uuid_format(bytes, text);
                norm_set_text(n, xml_find(n->root, "owner/uuid"), text);
        }
        if (mac_parse(mac, bytes) >= 0)
                norm_setf(n, xml_child(n->root, "mac"), "address", "%02x:%02x:%02x:%02x:%02x:%02x", bytes[0], bytes[1],
                          bytes[2], bytes[3], bytes[4], bytes[5]);
        return 0;
}

static const NormaliseStep binding_steps[] = { check_binding, normalise_references, NULL };

const DocumentKind document_filterbinding = {
        .root = "filterbinding",
        .word = "network filter binding",
        .origin = ORIGIN_NWFILTER,
        .key = "portdev/@name",
        .schema = &schema_filterbinding,
        .steps = binding_steps,
};
