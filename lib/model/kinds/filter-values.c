/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The values of filters: which attribute has which type, what is good, and how libvirt spells it. */

#include <ctype.h>
#include <net/ethernet.h>

#include "base/strings.h"
#include "model/filter.h"

/* --- protocols and attributes --- */

static const FilterProtocol protocols[] = {
        { "mac", FILTER_ETHERNET, AF_INET, -1 },
        { "vlan", FILTER_ETHERNET, AF_INET, -1 },
        { "stp", FILTER_ETHERNET, AF_INET, -1 },
        { "arp", FILTER_ETHERNET, AF_INET, -1 },
        { "rarp", FILTER_ETHERNET, AF_INET, -1 },
        { "ip", FILTER_ETHERNET, AF_INET, -1 },
        { "ipv6", FILTER_ETHERNET, AF_INET6, -1 },
        { "tcp", FILTER_IP, AF_INET, IPPROTO_TCP },
        { "icmp", FILTER_IP, AF_INET, IPPROTO_ICMP },
        { "igmp", FILTER_IP, AF_INET, IPPROTO_IGMP },
        { "udp", FILTER_IP, AF_INET, IPPROTO_UDP },
        { "udplite", FILTER_IP, AF_INET, IPPROTO_UDPLITE },
        { "esp", FILTER_IP, AF_INET, IPPROTO_ESP },
        { "ah", FILTER_IP, AF_INET, IPPROTO_AH },
        { "sctp", FILTER_IP, AF_INET, IPPROTO_SCTP },
        { "all", FILTER_IP, AF_INET, -1 },
        { "tcp-ipv6", FILTER_IP, AF_INET6, IPPROTO_TCP },
        { "icmpv6", FILTER_IP, AF_INET6, IPPROTO_ICMPV6 },
        { "udp-ipv6", FILTER_IP, AF_INET6, IPPROTO_UDP },
        { "udplite-ipv6", FILTER_IP, AF_INET6, IPPROTO_UDPLITE },
        { "esp-ipv6", FILTER_IP, AF_INET6, IPPROTO_ESP },
        { "ah-ipv6", FILTER_IP, AF_INET6, IPPROTO_AH },
        { "sctp-ipv6", FILTER_IP, AF_INET6, IPPROTO_SCTP },
        { "all-ipv6", FILTER_IP, AF_INET6, -1 },
};

const FilterProtocol *filter_protocol_find(const char *name) {
        for (size_t i = 0; i < ELEMENTSOF(protocols); i++)
                if (streq(protocols[i].name, name))
                        return &protocols[i];
        return NULL;
}

const xmlNode *filter_rule_match(const xmlNode *rule) {
        XML_FOREACH(match, rule, NULL)
                if (filter_protocol_find(xml_name(match)))
                        return match;
        return NULL;
}

/* The same name means the same everywhere, but for the flags of stp. */
static const struct {
        const char *name;
        FilterType type;
} attributes[] = {
        { "srcmacaddr", FILTER_MAC },       { "srcmacmask", FILTER_MAC_MASK },
        { "dstmacaddr", FILTER_MAC },       { "dstmacmask", FILTER_MAC_MASK },
        { "protocolid", FILTER_ETHERTYPE }, { "vlanid", FILTER_VLAN },
        { "encap-protocol", FILTER_ETHERTYPE },
        { "root-priority", FILTER_U16 },    { "root-priority-hi", FILTER_U16 },
        { "root-address", FILTER_MAC },     { "root-address-mask", FILTER_MAC_MASK },
        { "root-cost", FILTER_U32 },        { "root-cost-hi", FILTER_U32 },
        { "sender-priority", FILTER_U16 },  { "sender-priority-hi", FILTER_U16 },
        { "sender-address", FILTER_MAC },   { "sender-address-mask", FILTER_MAC_MASK },
        { "port", FILTER_U16 },             { "port-hi", FILTER_U16 },
        { "age", FILTER_U16 },              { "age-hi", FILTER_U16 },
        { "max-age", FILTER_U16 },          { "max-age-hi", FILTER_U16 },
        { "hello-time", FILTER_U16 },       { "hello-time-hi", FILTER_U16 },
        { "forward-delay", FILTER_U16 },    { "forward-delay-hi", FILTER_U16 },
        { "hwtype", FILTER_U16 },           { "protocoltype", FILTER_U16 },
        { "opcode", FILTER_OPCODE },        { "gratuitous", FILTER_BOOL },
        { "arpsrcmacaddr", FILTER_MAC },    { "arpdstmacaddr", FILTER_MAC },
        { "arpsrcipaddr", FILTER_ADDRESS }, { "arpsrcipmask", FILTER_MASK },
        { "arpdstipaddr", FILTER_ADDRESS }, { "arpdstipmask", FILTER_MASK },
        { "srcipaddr", FILTER_ADDRESS },    { "srcipmask", FILTER_MASK },
        { "dstipaddr", FILTER_ADDRESS },    { "dstipmask", FILTER_MASK },
        { "srcipfrom", FILTER_ADDRESS },    { "srcipto", FILTER_ADDRESS },
        { "dstipfrom", FILTER_ADDRESS },    { "dstipto", FILTER_ADDRESS },
        { "protocol", FILTER_PROTOCOL },    { "dscp", FILTER_DSCP },
        { "srcportstart", FILTER_U16 },     { "srcportend", FILTER_U16 },
        { "dstportstart", FILTER_U16 },     { "dstportend", FILTER_U16 },
        { "connlimit-above", FILTER_U16 },  { "state", FILTER_STATE },
        { "ipset", FILTER_SET_NAME },       { "ipsetflags", FILTER_SET_FLAGS },
        { "option", FILTER_U8 },            { "flags", FILTER_TCP_FLAGS },
        { "type", FILTER_U8 },              { "typeend", FILTER_U8 },
        { "code", FILTER_U8 },              { "codeend", FILTER_U8 },
        { "comment", FILTER_COMMENT },
};

bool filter_attribute_type(const FilterProtocol *p, const char *attribute, FilterType *ret) {
        for (size_t i = 0; i < ELEMENTSOF(attributes); i++)
                if (streq(attributes[i].name, attribute)) {
                        *ret = attributes[i].type;
                        if (*ret == FILTER_TCP_FLAGS && streq(p->name, "stp"))
                                *ret = FILTER_U8;
                        return true;
                }
        return false;
}

/* --- names of numbers --- */

typedef struct Name {
        const char *name;
        uint32_t number;
} Name;

static const Name ethertypes[] = {
        { "arp", ETHERTYPE_ARP },     { "rarp", ETHERTYPE_REVARP }, { "ipv4", ETHERTYPE_IP },
        { "ipv6", ETHERTYPE_IPV6 }, { "vlan", ETHERTYPE_VLAN },   {},
};
static const Name ip_protocols[] = {
        { "tcp", IPPROTO_TCP },   { "udp", IPPROTO_UDP },   { "udplite", IPPROTO_UDPLITE }, { "esp", IPPROTO_ESP },
        { "ah", IPPROTO_AH },     { "icmp", IPPROTO_ICMP }, { "igmp", IPPROTO_IGMP },       { "sctp", IPPROTO_SCTP },
        { "icmpv6", IPPROTO_ICMPV6 }, {},
};
static const Name opcodes[] = {
        { "Request", 1 },       { "Reply", 2 },       { "Request_Reverse", 3 }, { "Reply_Reverse", 4 },
        { "DRARP_Request", 5 }, { "DRARP_Reply", 6 }, { "DRARP_Error", 7 },     { "InARP_Request", 8 },
        { "ARP_NAK", 9 },       {},
};
static const Name states[] = {
        { "NEW", FILTER_STATE_NEW },         { "ESTABLISHED", FILTER_STATE_ESTABLISHED },
        { "RELATED", FILTER_STATE_RELATED }, { "INVALID", FILTER_STATE_INVALID },
        { "NONE", FILTER_STATE_NONE },       {},
};
static const Name tcp_flags[] = {
        { "FIN", 1 },  { "SYN", 2 },  { "RST", 4 },  { "PSH", 8 }, { "ACK", 16 },
        { "URG", 32 }, { "ALL", 63 }, { "NONE", 0 }, {},
};

static const Name *find_name(const Name *names, const char *text, size_t len) {
        for (; names->name; names++)
                if (strlen(names->name) == len && strncasecmp(names->name, text, len) == 0)
                        return names;
        return NULL;
}

static const char *name_of(const Name *names, uint32_t number) {
        for (; names->name; names++)
                if (names->number == number)
                        return names->name;
        return NULL;
}

/* "SYN, ACK": names of one bit or more, joined. */
static int parse_names(const Name *names, const char *text, size_t len, uint32_t *ret) {
        const char *end = text + len;

        *ret = 0;
        while (text < end) {
                size_t n = strcspn(text, ", \t/");
                const Name *found;

                if (n == 0) {
                        text++;
                        continue;
                }
                found = find_name(names, text, n);
                if (!found)
                        return -EINVAL;
                *ret |= found->number;
                text += n;
        }
        return 0;
}

static void format_names(StrBuf *b, const Name *names, uint32_t bits) {
        size_t before = b->len;

        for (; names->name; names++)
                if (names->number & bits && (names->number & (names->number - 1)) == 0) {
                        if (b->len > before)
                                strbuf_addc(b, ',');
                        strbuf_add(b, names->name);
                }
}

/* --- numbers --- */

static int parse_number(const char *text, uint32_t max, FilterValue *ret) {
        uint64_t n;
        int r;

        ret->hex = startswith(text, "0x") || startswith(text, "0X");
        r = parse_u64(text + (ret->hex ? 2 : 0), ret->hex ? 16 : 10, &n);
        if (r < 0)
                return r;
        if (n > max)
                return -EINVAL;
        ret->number = (uint32_t) n;
        return 0;
}

static int parse_named(const Name *names, const char *text, uint32_t max, FilterValue *ret) {
        const Name *found = find_name(names, text, strlen(text));

        if (!found)
                return parse_number(text, max, ret);
        ret->number = found->number;
        return 0;
}

static char *format_number(const FilterValue *v) {
        return text_format(v->hex ? "0x%x" : "%u", v->number);
}

static char *format_named(const Name *names, const FilterValue *v) {
        const char *name = name_of(names, v->number);

        return name ? strdup(name) : format_number(v);
}

/* --- the others --- */

/* Ones, and then zeros. */
static bool is_contiguous(const uint8_t *bytes, size_t n) {
        bool zeros = false;

        for (size_t bit = 0; bit < n * 8; bit++) {
                bool set = bytes[bit / 8] & 0x80 >> bit % 8;

                if (set && zeros)
                        return false;
                zeros = !set;
        }
        return true;
}

static int parse_mask(int family, const char *text, FilterValue *ret) {
        unsigned prefix, bits = family == AF_INET ? 32 : 128;
        IpAddress a;

        if (parse_uint(text, &prefix) < 0) {
                if (ip_parse(text, &a) < 0 || a.family != family)
                        return -EINVAL;
                if (family == AF_INET ? ip_prefix_from_netmask(&a, &prefix) < 0 : !is_contiguous(a.bytes, 16))
                        return -EINVAL;
                if (family == AF_INET6)
                        for (prefix = 0; prefix < 128 && a.bytes[prefix / 8] & 0x80 >> prefix % 8;)
                                prefix++;
        }
        if (prefix > bits)
                return -EINVAL;
        ret->number = prefix;
        return 0;
}

static int parse_tcp_flags(const char *text, FilterValue *ret) {
        const char *slash = strchr(text, '/');
        uint32_t flags;
        int r;

        if (!slash || strchr(slash + 1, '/'))
                return -EINVAL;
        r = parse_names(tcp_flags, text, (size_t) (slash - text), &ret->number);
        if (r >= 0)
                r = parse_names(tcp_flags, slash + 1, strlen(slash + 1), &flags);
        if (r >= 0)
                ret->flags = (uint8_t) flags;
        return r;
}

static void format_tcp_flags(StrBuf *b, uint32_t bits) {
        if (bits == 0 || bits == 63)
                strbuf_add(b, bits == 0 ? "NONE" : "ALL");
        else
                format_names(b, tcp_flags, bits);
}

static int parse_set_flags(const char *text, FilterValue *ret) {
        for (unsigned i = 0; i < FILTER_SET_FLAGS_MAX; i++) {
                if (strncasecmp(text, "src", 3) == 0)
                        ret->flags = (uint8_t) (ret->flags | 1U << i);
                else if (strncasecmp(text, "dst", 3) != 0)
                        return -EINVAL;
                ret->n_flags++;
                if (!text[3])
                        return 0;
                if (text[3] != ',')
                        return -EINVAL;
                text += 4;
        }
        return -EINVAL;
}

static bool is_made_of(const char *text, const char *others) {
        for (; *text; text++)
                if (!isascii(*text) || (!isalnum((unsigned char) *text) && !strchr(others, *text)))
                        return false;
        return true;
}

static int parse_bool(const char *text, FilterValue *ret) {
        ret->number = streq(text, "yes") || streq(text, "true") || streq(text, "1");
        return ret->number || streq(text, "no") || streq(text, "false") || streq(text, "0") ? 0 : -EINVAL;
}

int filter_value_parse(FilterType type, int family, const char *text, FilterValue *ret) {
        int r;

        *ret = (FilterValue) {};
        switch (type) {
        case FILTER_MAC:
        case FILTER_MAC_MASK:
                r = mac_parse(text, ret->mac);
                return r >= 0 && type == FILTER_MAC_MASK && !is_contiguous(ret->mac, 6) ? -EINVAL : r;
        case FILTER_ADDRESS:
                r = ip_parse(text, &ret->address);
                return r >= 0 && ret->address.family != family ? -EINVAL : r;
        case FILTER_MASK:
                return parse_mask(family, text, ret);
        case FILTER_U8:
                return parse_number(text, UINT8_MAX, ret);
        case FILTER_U16:
                return parse_number(text, UINT16_MAX, ret);
        case FILTER_U32:
                return parse_number(text, UINT32_MAX, ret);
        case FILTER_DSCP:
                return parse_number(text, 63, ret);
        case FILTER_VLAN:
                return parse_number(text, 4095, ret);
        case FILTER_ETHERTYPE:
                r = parse_named(ethertypes, text, UINT16_MAX, ret);
                return r >= 0 && ret->number < 0x600 ? -EINVAL : r; /* less is a length */
        case FILTER_PROTOCOL:
                return parse_named(ip_protocols, text, UINT8_MAX, ret);
        case FILTER_OPCODE:
                return parse_named(opcodes, text, UINT16_MAX, ret);
        case FILTER_STATE:
                r = parse_names(states, text, strlen(text), &ret->number);
                if (ret->number & FILTER_STATE_NONE)
                        ret->number = FILTER_STATE_NONE;
                return r >= 0 && ret->number == 0 ? -EINVAL : r;
        case FILTER_TCP_FLAGS:
                return parse_tcp_flags(text, ret);
        case FILTER_SET_NAME:
                return *text && strlen(text) < 32 && is_made_of(text, "_.:-+ ") ? 0 : -EINVAL;
        case FILTER_SET_FLAGS:
                return parse_set_flags(text, ret);
        case FILTER_BOOL:
                return parse_bool(text, ret);
        case FILTER_COMMENT:
                return 0;
        }
        return -EINVAL;
}

static char *format_others(FilterType type, const FilterValue *v) {
        _cleanup_strbuf_ StrBuf b = {};

        if (type == FILTER_STATE)
                format_names(&b, states, v->number);
        if (type == FILTER_TCP_FLAGS) {
                format_tcp_flags(&b, v->number);
                strbuf_addc(&b, '/');
                format_tcp_flags(&b, v->flags);
        }
        for (unsigned i = 0; type == FILTER_SET_FLAGS && i < v->n_flags; i++)
                strbuf_addf(&b, "%s%s", i ? "," : "", v->flags & 1U << i ? "src" : "dst");
        return strbuf_take(&b);
}

/* At the beginning of a character of UTF-8. */
static char *cut_comment(const char *text) {
        size_t len = strnlen(text, FILTER_COMMENT_MAX);

        while (len > 0 && text[len] && ((unsigned char) text[len] & 0xc0) == 0x80)
                len--;
        return strndup(text, len);
}

char *filter_value_format(FilterType type, const char *text, const FilterValue *v) {
        char buffer[IP_TEXT_MAX];

        switch (type) {
        case FILTER_MAC:
        case FILTER_MAC_MASK:
                return text_format("%02x:%02x:%02x:%02x:%02x:%02x", v->mac[0], v->mac[1], v->mac[2], v->mac[3],
                                   v->mac[4], v->mac[5]);
        case FILTER_ADDRESS:
                return strdup(ip_format(&v->address, buffer));
        case FILTER_ETHERTYPE:
                return format_named(ethertypes, v);
        case FILTER_PROTOCOL:
                return format_named(ip_protocols, v);
        case FILTER_OPCODE:
                return format_named(opcodes, v);
        case FILTER_STATE:
        case FILTER_TCP_FLAGS:
        case FILTER_SET_FLAGS:
                return format_others(type, v);
        case FILTER_SET_NAME:
                return strdup(text);
        case FILTER_BOOL:
                return strdup(v->number ? "true" : "false");
        case FILTER_COMMENT:
                return cut_comment(text);
        default:
                return format_number(v);
        }
}

/* --- variables --- */

bool filter_variable_name_ok(const char *name) {
        return *name && is_made_of(name, "_");
}

bool filter_variable_value_ok(const char *value) {
        return *value && is_made_of(value, "_.:");
}

void filter_access_done(FilterAccess *a) {
        free(a->name);
        a->name = NULL;
}

/* "[ @1 ]" behind the name; blanks mean nothing. */
static int parse_subscript(const char *s, FilterAccess *a) {
        char *end;
        unsigned long n;

        s += strspn(s, " ");
        if (!*s)
                return 0;
        if (*s++ != '[')
                return -EINVAL;
        s += strspn(s, " ");
        a->is_element = *s != '@';
        s += !a->is_element;
        if (!isdigit((unsigned char) *s))
                return -EINVAL;
        errno = 0;
        n = strtoul(s, &end, 10);
        end += strspn(end, " ");
        if (errno || n > 1000 || *end != ']' || end[1 + strspn(end + 1, " ")])
                return -EINVAL;
        a->number = (unsigned) n;
        return 0;
}

int filter_access_parse(const char *text, FilterAccess *ret) {
        FilterAccess a = {};
        size_t len;
        int r;

        text += *text == '$';
        text += strspn(text, " ");
        for (len = 0; isascii(text[len]) && (isalnum((unsigned char) text[len]) || text[len] == '_');)
                len++;
        if (len == 0)
                return -EINVAL;
        r = parse_subscript(text + len, &a);
        if (r < 0)
                return r;
        a.name = strndup(text, len);
        if (!a.name)
                return -ENOMEM;
        *ret = a;
        return 0;
}

char *filter_access_format(const FilterAccess *a) {
        if (a->is_element)
                return text_format("$%s[%u]", a->name, a->number);
        return a->number ? text_format("$%s[@%u]", a->name, a->number) : text_format("$%s", a->name);
}
