/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Each attribute, or two that belong together (an address and its mask, the ends of a range), is a row: where the value
 * is in a frame, for this direction and the other. All conditions of an element hold together; with match='no' each is
 * turned round for itself, as ebtables and iptables do. */

#include "match.h"

#include <arpa/inet.h>

typedef enum Shape {
        SINGLE,
        MASKED, /* second is the mask */
        RANGE,  /* second is the last */
        RAW,    /* of no type that nft knows there: numbers; masked or a range */
} Shape;

typedef struct Term {
        const char *attribute, *second;
        Shape shape;
        const char *place, *reversed; /* NULL: the same */
} Term;

static const Term ethernet[] = {
        { "srcmacaddr", "srcmacmask", MASKED, "ether saddr", "ether daddr" },
        { "dstmacaddr", "dstmacmask", MASKED, "ether daddr", "ether saddr" },
        { "protocolid", NULL, SINGLE, "ether type", NULL },
        { "vlanid", NULL, SINGLE, "vlan id", NULL },
        { "encap-protocol", NULL, SINGLE, "vlan type", NULL },
        {},
};

static const Term arp[] = {
        { "hwtype", NULL, SINGLE, "arp htype", NULL },
        { "protocoltype", NULL, SINGLE, "arp ptype", NULL },
        { "opcode", NULL, SINGLE, "arp operation", NULL },
        { "arpsrcmacaddr", NULL, MASKED, "arp saddr ether", "arp daddr ether" },
        { "arpdstmacaddr", NULL, MASKED, "arp daddr ether", "arp saddr ether" },
        { "arpsrcipaddr", "arpsrcipmask", MASKED, "arp saddr ip", "arp daddr ip" },
        { "arpdstipaddr", "arpdstipmask", MASKED, "arp daddr ip", "arp saddr ip" },
        {},
};

/* The same shape as ARP, but nft looks into that only. */
static const Term rarp[] = {
        { "hwtype", NULL, RAW, "@nh,0,16", NULL },
        { "protocoltype", NULL, RAW, "@nh,16,16", NULL },
        { "opcode", NULL, RAW, "@nh,48,16", NULL },
        { "arpsrcmacaddr", NULL, RAW, "@nh,64,48", "@nh,144,48" },
        { "arpdstmacaddr", NULL, RAW, "@nh,144,48", "@nh,64,48" },
        { "arpsrcipaddr", "arpsrcipmask", RAW, "@nh,112,32", "@nh,192,32" },
        { "arpdstipaddr", "arpdstipmask", RAW, "@nh,192,32", "@nh,112,32" },
        {},
};

/* IEEE 802.1D, behind three bytes of LLC. */
static const Term stp[] = {
        { "type", NULL, RAW, "@ll,160,8", NULL },
        { "flags", NULL, RAW, "@ll,168,8", NULL },
        { "root-priority", "root-priority-hi", RAW, "@ll,176,16", NULL },
        { "root-address", "root-address-mask", RAW, "@ll,192,48", NULL },
        { "root-cost", "root-cost-hi", RAW, "@ll,240,32", NULL },
        { "sender-priority", "sender-priority-hi", RAW, "@ll,272,16", NULL },
        { "sender-address", "sender-address-mask", RAW, "@ll,288,48", NULL },
        { "port", "port-hi", RAW, "@ll,336,16", NULL },
        { "age", "age-hi", RAW, "@ll,352,16", NULL },
        { "max-age", "max-age-hi", RAW, "@ll,368,16", NULL },
        { "hello-time", "hello-time-hi", RAW, "@ll,384,16", NULL },
        { "forward-delay", "forward-delay-hi", RAW, "@ll,400,16", NULL },
        {},
};

static const Term ports[] = {
        { "srcportstart", "srcportend", RANGE, "th sport", "th dport" },
        { "dstportstart", "dstportend", RANGE, "th dport", "th sport" },
        {},
};

static const Term ipv4[] = {
        { "srcipaddr", "srcipmask", MASKED, "ip saddr", "ip daddr" },
        { "dstipaddr", "dstipmask", MASKED, "ip daddr", "ip saddr" },
        { "srcipfrom", "srcipto", RANGE, "ip saddr", "ip daddr" },
        { "dstipfrom", "dstipto", RANGE, "ip daddr", "ip saddr" },
        { "protocol", NULL, SINGLE, "ip protocol", NULL },
        { "dscp", NULL, SINGLE, "ip dscp", NULL },
        {},
};

static const Term ipv6[] = {
        { "srcipaddr", "srcipmask", MASKED, "ip6 saddr", "ip6 daddr" },
        { "dstipaddr", "dstipmask", MASKED, "ip6 daddr", "ip6 saddr" },
        { "srcipfrom", "srcipto", RANGE, "ip6 saddr", "ip6 daddr" },
        { "dstipfrom", "dstipto", RANGE, "ip6 daddr", "ip6 saddr" },
        { "protocol", NULL, SINGLE, "meta l4proto", NULL },
        { "dscp", NULL, SINGLE, "ip6 dscp", NULL },
        {},
};

/* What a protocol is by itself, and its rows; those of Ethernet come first for all. */
static const struct {
        const char *protocol;
        const char *begin;
        const Term *terms;
} protocols[] = {
        { "mac", "", NULL },
        { "vlan", " ether type vlan", NULL },
        { "stp", " ether daddr 01:80:c2:00:00:00", stp },
        { "arp", " ether type arp", arp },
        { "rarp", " ether type 0x8035", rarp },
        { "ip", " ether type ip", ipv4 },
        { "ipv6", " ether type ip6", ipv6 },
};

typedef struct Match {
        const MatchRequest *q;
        const xmlNode *element;
        const FilterProtocol *protocol;
        bool negated, never;
        StrBuf text;
        Error *error;
} Match;

/* --- values --- */

int filter_match_value(const MatchRequest *q, const xmlNode *match, const char *attribute, FilterValue *ret, Error *e) {
        const FilterProtocol *p = filter_protocol_find(xml_name(match));
        const char *text = xml_attr(match, attribute);
        bool learned = false;
        FilterType type;
        int r;

        if (!text || !filter_attribute_type(p, attribute, &type))
                return -ENOENT;
        r = *text == '$' ? filter_combination_value(q->values, text, &text, &learned) : 0;
        if (r < 0 || learned)
                return r < 0 ? r : 1;
        r = filter_value_parse(type, p->family, text, ret);
        if (r < 0)
                return error_set(e, -EINVAL, ERROR_XML_ERROR, ORIGIN_NWFILTER, "%s has illegal value %s", attribute,
                                 text);
        return 0;
}

static uint64_t mac_number(const uint8_t mac[6]) {
        uint64_t n = 0;

        for (size_t i = 0; i < 6; i++)
                n = n << 8 | mac[i];
        return n;
}

static uint32_t ip_number(const IpAddress *a) {
        return (uint32_t) a->bytes[0] << 24 | (uint32_t) a->bytes[1] << 16 | (uint32_t) a->bytes[2] << 8 | a->bytes[3];
}

static void add_value(Match *m, FilterType type, const FilterValue *v, bool raw) {
        char buffer[IP_TEXT_MAX];

        if (type == FILTER_MAC && raw)
                strbuf_addf(&m->text, "0x%012llx", (unsigned long long) mac_number(v->mac));
        else if (type == FILTER_MAC)
                strbuf_addf(&m->text, "%02x:%02x:%02x:%02x:%02x:%02x", v->mac[0], v->mac[1], v->mac[2], v->mac[3],
                            v->mac[4], v->mac[5]);
        else if (type == FILTER_ADDRESS && raw)
                strbuf_addf(&m->text, "0x%08x", ip_number(&v->address));
        else if (type == FILTER_ADDRESS)
                strbuf_add(&m->text, ip_format(&v->address, buffer));
        else if (type == FILTER_ETHERTYPE)
                strbuf_addf(&m->text, "0x%04x", v->number);
        else
                strbuf_addf(&m->text, "%u", v->number);
}

/* --- one row --- */

static void add_masked_mac(Match *m, const char *place, FilterValue v, const FilterValue *mask, bool raw) {
        for (size_t i = 0; i < 6; i++)
                v.mac[i] &= mask->mac[i];
        strbuf_addf(&m->text, " %s & ", place);
        add_value(m, FILTER_MAC, mask, raw);
        strbuf_add(&m->text, m->negated ? " != " : " == ");
        add_value(m, FILTER_MAC, &v, raw);
}

static void add_masked_ip(Match *m, const char *place, FilterValue v, unsigned prefix, bool raw) {
        char buffer[IP_TEXT_MAX];

        if (prefix == 0) {
                m->never = m->never || m->negated; /* whatever it is, it is within */
                return;
        }
        v.address = ip_network(&v.address, prefix);
        if (!raw)
                strbuf_addf(&m->text, " %s %s%s/%u", place, m->negated ? "!= " : "", ip_format(&v.address, buffer),
                            prefix);
        else
                strbuf_addf(&m->text, " %s & 0x%08x %s 0x%08x", place, UINT32_MAX << (32 - prefix),
                            m->negated ? "!=" : "==", ip_number(&v.address));
}

/* Newer versions of nft refuse to put bytes that they know no type of, as those of DHCP, into a set of addresses, and
 * print the bytes of an address in a set of numbers as words that they do not read again. Halves are numbers to all. */
static const struct {
        const char *place, *halves;
} learned_places[] = {
        { "ip saddr", "@nh,96,16 . @nh,112,16" },
        { "ip daddr", "@nh,128,16 . @nh,144,16" },
        { "arp saddr ip", "@nh,112,16 . @nh,128,16" },
        { "arp daddr ip", "@nh,192,16 . @nh,208,16" },
};

const char *filter_learned_place(const char *place) {
        for (size_t i = 0; i < ELEMENTSOF(learned_places); i++)
                if (streq(learned_places[i].place, place))
                        return learned_places[i].halves;
        return NULL;
}

static int refuse_learned(Match *m, const char *attribute) {
        return error_set(m->error, -EOPNOTSUPP, ERROR_CONFIG_UNSUPPORTED, ORIGIN_NWFILTER,
                         "%s of <%s> cannot be an address that is learned from the guest's traffic: "
                         "give a value for IP",
                         attribute, xml_name(m->element));
}

static int add_term(Match *m, const Term *t) {
        const char *place = m->q->reversed && t->reversed ? t->reversed : t->place;
        bool raw = t->shape == RAW, has_second;
        FilterValue v, second = {};
        FilterType type;
        int r, s;

        r = filter_match_value(m->q, m->element, t->attribute, &v, m->error);
        s = t->second ? filter_match_value(m->q, m->element, t->second, &second, m->error) : -ENOENT;
        if (r == -ENOENT)
                return 0;
        if (r < 0 || (s < 0 && s != -ENOENT))
                return r < 0 ? r : s;
        has_second = s != -ENOENT;
        if (r > 0 && (!filter_learned_place(place) || has_second))
                return refuse_learned(m, t->attribute);
        (void) filter_attribute_type(m->protocol, t->attribute, &type);
        if (r > 0)
                strbuf_addf(&m->text, " %s %s@%s", filter_learned_place(place), m->negated ? "!= " : "",
                            m->q->addresses);
        else if (has_second && type == FILTER_MAC)
                add_masked_mac(m, place, v, &second, raw);
        else if (has_second && t->shape != RANGE && type == FILTER_ADDRESS)
                add_masked_ip(m, place, v, second.number, raw);
        else {
                strbuf_addf(&m->text, " %s %s", place, m->negated ? "!= " : "");
                add_value(m, type, &v, raw);
                if (has_second) {
                        strbuf_addc(&m->text, '-');
                        add_value(m, type, &second, raw);
                }
        }
        return 0;
}

static int add_terms(Match *m, const Term *terms) {
        for (; terms && terms->attribute; terms++) {
                int r = add_term(m, terms);

                if (r < 0)
                        return r;
        }
        return 0;
}

/* --- what is more than a row --- */

static int number_of(Match *m, const char *attribute, FilterValue *ret) {
        int r = filter_match_value(m->q, m->element, attribute, ret, m->error);

        return r == -ENOENT ? 0 : r < 0 ? r : 1;
}

static void add_range(Match *m, const FilterValue *first, const FilterValue *last, bool has_last) {
        strbuf_addf(&m->text, "%u", first->number);
        if (has_last)
                strbuf_addf(&m->text, "-%u", last->number);
}

/* Type and code of ICMP are one condition. */
static int add_icmp(Match *m) {
        const char *word = m->protocol->family == AF_INET ? "icmp" : "icmpv6";
        FilterValue type, type_end, code, code_end;
        int has_type, has_type_end, has_code, has_code_end;

        if (streq(m->protocol->name, "stp"))
                return 0;
        has_type = number_of(m, "type", &type);
        has_type_end = number_of(m, "typeend", &type_end);
        has_code = number_of(m, "code", &code);
        has_code_end = number_of(m, "codeend", &code_end);
        if (has_type < 0 || has_type_end < 0 || has_code < 0 || has_code_end < 0)
                return -EINVAL;
        if (has_type && has_code && m->negated)
                strbuf_addf(&m->text, " %s type . %s code != { ", word, word);
        else if (has_type)
                strbuf_addf(&m->text, " %s type %s", word, m->negated ? "!= " : "");
        if (has_type)
                add_range(m, &type, &type_end, has_type_end);
        if (has_type && has_code && m->negated)
                strbuf_add(&m->text, " . ");
        else if (has_code)
                strbuf_addf(&m->text, " %s code %s", word, m->negated ? "!= " : "");
        if (has_code)
                add_range(m, &code, &code_end, has_code_end);
        if (has_type && has_code && m->negated)
                strbuf_add(&m->text, " }");
        return 0;
}

static int add_tcp(Match *m) {
        FilterValue option, flags;
        int r;

        if (m->protocol->number != IPPROTO_TCP)
                return 0;
        r = number_of(m, "option", &option);
        if (r > 0)
                strbuf_addf(&m->text, " tcp option %u %s", option.number, m->negated ? "missing" : "exists");
        if (r < 0)
                return r;
        r = number_of(m, "flags", &flags);
        if (r > 0)
                strbuf_addf(&m->text, " tcp flags & 0x%x %s 0x%x", flags.number, m->negated ? "!=" : "==", flags.flags);
        return r < 0 ? r : 0;
}

/* The first flag is about the address, the second about the port, as with ipset's hash:ip,port; a third about an
 * address again. */
static int add_set(Match *m) {
        bool v6 = m->protocol->family == AF_INET6;
        FilterValue name, flags;
        bool learned;
        const char *text = xml_attr(m->element, "ipset");
        int r;

        if (!text)
                return 0;
        r = *text == '$' ? filter_combination_value(m->q->values, text, &text, &learned) : 0;
        if (r >= 0 && (!text || filter_value_parse(FILTER_SET_NAME, AF_INET, text, &name) < 0 || strpbrk(text, ":+ ")))
                return error_set(m->error, -EOPNOTSUPP, ERROR_CONFIG_UNSUPPORTED, ORIGIN_NWFILTER,
                                 "no set of nftables can have the name '%s'", text ?: "$IP");
        if (r >= 0)
                r = filter_match_value(m->q, m->element, "ipsetflags", &flags, m->error);
        if (r < 0)
                return r;
        if (flags.n_flags > 3)
                return error_set(m->error, -EOPNOTSUPP, ERROR_CONFIG_UNSUPPORTED, ORIGIN_NWFILTER,
                                 "sets of more than three dimensions are not supported");
        for (unsigned i = 0; i < flags.n_flags; i++) {
                bool source = (flags.flags & 1U << i) != 0;
                const char *of = i == 1 ? "th" : v6 ? "ip6" : "ip";

                source = source != m->q->reversed;
                strbuf_addf(&m->text, "%s %s %s", i ? " ." : "", of,
                            i == 1 ? (source ? "sport" : "dport") : (source ? "saddr" : "daddr"));
        }
        strbuf_addf(&m->text, " %s@%s", m->negated ? "!= " : "", text);
        return 0;
}

/* --- elements --- */

static int add_begin(Match *m, const Term **ret) {
        const FilterProtocol *p = m->protocol;

        for (size_t i = 0; i < ELEMENTSOF(protocols); i++)
                if (streq(protocols[i].protocol, p->name)) {
                        strbuf_add(&m->text, protocols[i].begin);
                        *ret = protocols[i].terms;
                        return 0;
                }
        strbuf_add(&m->text, p->family == AF_INET ? " ether type ip" : " ether type ip6");
        if (p->number >= 0)
                strbuf_addf(&m->text, " meta l4proto %d", p->number);
        *ret = p->family == AF_INET ? ipv4 : ipv6;
        return 0;
}

static int add_element(Match *m, bool first) {
        const Term *terms = NULL;
        StrBuf begin = {};
        int r;

        m->negated = xml_attr_is(m->element, "match", "no");
        if (xml_attr(m->element, "gratuitous"))
                return error_set(m->error, -EOPNOTSUPP, ERROR_CONFIG_UNSUPPORTED, ORIGIN_NWFILTER,
                                 "gratuitous of <%s> is not supported: nftables cannot compare two parts of a frame",
                                 xml_name(m->element));
        if (!first) { /* what the protocol is has been said */
                begin = m->text;
                m->text = (StrBuf) {};
        }
        r = add_begin(m, &terms);
        if (!first) {
                strbuf_done(&m->text);
                m->text = begin;
        }
        if (r >= 0)
                r = add_terms(m, ethernet);
        if (r >= 0)
                r = add_terms(m, terms);
        if (r >= 0)
                r = add_icmp(m);
        if (r >= 0)
                r = add_tcp(m);
        if (r >= 0)
                r = add_terms(m, ports);
        return r < 0 ? r : add_set(m);
}

int filter_match(const MatchRequest *q, char **ret, Error *e) {
        const xmlNode *first = filter_rule_match(q->rule);
        Match m = { .q = q, .error = e };
        int r = 0;

        strbuf_add(&m.text, "");
        for (m.element = first; m.element && r >= 0; m.element = xml_next(m.element, xml_name(first))) {
                m.protocol = filter_protocol_find(xml_name(m.element));
                r = add_element(&m, m.element == first);
        }
        if (r >= 0 && !m.never)
                *ret = strbuf_take(&m.text);
        else
                strbuf_done(&m.text);
        return r < 0 ? r : m.never ? 1 : *ret ? 0 : -ENOMEM;
}
