/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A rule of a filter becomes a line in one chain or in two.
 *
 * Rules about Ethernet go to the chain that their filter names, rules about IP to the tap's chains of IP. What is
 * accepted in one direction there lets the answers through in the other, unless the rule names states or forbids that
 * (statematch). The text of a rule for both directions speaks of what comes in; what goes out is that, reversed. */

#include "rules.h"

#include <ctype.h>

/* --- chains --- */

void ruleset_done(Ruleset *s) {
        for (size_t i = 0; i < s->n; i++) {
                for (size_t k = 0; k < s->chains[i].n; k++)
                        free(s->chains[i].lines[k].text);
                free(s->chains[i].lines);
                free(s->chains[i].name);
        }
        free(s->chains);
        free(s->port);
        free(s->addresses);
        strbuf_done(&s->sets);
}

char *ruleset_escape(const char *text) {
        _cleanup_strbuf_ StrBuf b = {};

        for (const char *p = text; *p; p++)
                if (isascii(*p) && isalnum((unsigned char) *p) && (p > text || isalpha((unsigned char) *p)))
                        strbuf_addc(&b, *p);
                else
                        strbuf_addf(&b, "_%02x", (unsigned char) *p);
        return strbuf_take(&b);
}

Chain *ruleset_chain(Ruleset *s, const char *suffix) {
        _cleanup_free_ char *name = text_format("%s/%s", s->port, suffix);
        Chain *list;

        if (!name)
                return NULL;
        for (size_t i = 0; i < s->n; i++)
                if (streq(s->chains[i].name, name))
                        return &s->chains[i];
        list = reallocarray(s->chains, s->n + 1, sizeof *list);
        if (!list)
                return NULL;
        s->chains = list;
        list[s->n] = (Chain) { .name = TAKE_PTR(name) };
        return &list[s->n++];
}

int chain_add(Chain *c, int priority, bool jump, char *text) {
        Line *lines = c && text ? reallocarray(c->lines, c->n + 1, sizeof *lines) : NULL;

        if (!lines) {
                free(text);
                return -ENOMEM;
        }
        c->lines = lines;
        lines[c->n++] = (Line) { priority, jump, text };
        return 0;
}

/* What leads from the root chain to another one. */
static const struct {
        const char *prefix, *match;
} doors[] = {
        { "mac", "" },
        { "vlan", "ether type vlan " },
        { "stp", "ether daddr 01:80:c2:00:00:00 " },
        { "arp", "ether type arp " },
        { "rarp", "ether type 0x8035 " },
        { "ipv4", "ether type ip " },
        { "ipv6", "ether type ip6 " },
};

static const char *direction_word(Direction d) {
        return d == OUT ? "out" : "in";
}

/* The chain that a filter's frames go through in this direction; a new one gets its door in the root chain. */
static Chain *ethernet_chain(Ruleset *s, Direction d, const RuleRequest *q) {
        _cleanup_free_ char *escaped = ruleset_escape(q->chain), *suffix = NULL;
        const char *prefix = filter_chain_prefix(q->chain) ?: "root";
        Chain *root, *chain;
        size_t before;

        root = ruleset_chain(s, direction_word(d));
        if (streq(prefix, "root") || !root)
                return root;
        suffix = escaped ? text_format("%s/%s", direction_word(d), escaped) : NULL;
        before = s->n;
        chain = suffix ? ruleset_chain(s, suffix) : NULL;
        for (size_t i = 0; chain && s->n > before && i < ELEMENTSOF(doors); i++)
                if (streq(doors[i].prefix, prefix) &&
                    chain_add(ruleset_chain(s, direction_word(d)), q->chain_priority, true,
                              text_format("%sjump %s", doors[i].match, chain->name)) < 0)
                        return NULL;
        return chain;
}

/* --- lines --- */

/* In quotes, with what nft cannot say there left out. */
static char *comment_of(const xmlNode *rule) {
        const char *text = xml_attr(filter_rule_match(rule), "comment");
        _cleanup_strbuf_ StrBuf b = {};

        if (!text || !*text)
                return strdup("");
        strbuf_add(&b, " comment \"");
        for (size_t i = 0; text[i] && i < 100; i++)
                if (isascii(text[i]) && isprint((unsigned char) text[i]) && !strchr("\"\\", text[i]))
                        strbuf_addc(&b, text[i]);
                else
                        strbuf_addc(&b, '?');
        strbuf_addc(&b, '"');
        return strbuf_take(&b);
}

/* nft can reject in what comes from a port, not in what goes to one; and frames that are no IP, nowhere. */
static const char *verdict_of(const xmlNode *rule, Direction d, FilterLevel level) {
        const char *action = xml_attr(rule, "action") ?: "drop";

        return streq(action, "reject") && (d == IN || level == FILTER_ETHERNET) ? "drop" : action;
}

static char *states_of(uint32_t bits) {
        static const struct {
                uint32_t bit;
                const char *word;
        } words[] = {
                { FILTER_STATE_NEW, "new" },
                { FILTER_STATE_ESTABLISHED, "established" },
                { FILTER_STATE_RELATED, "related" },
                { FILTER_STATE_INVALID, "invalid" },
        };
        _cleanup_strbuf_ StrBuf b = {};

        strbuf_add(&b, "");
        for (size_t i = 0; i < ELEMENTSOF(words); i++)
                if (bits & words[i].bit)
                        strbuf_addf(&b, "%s%s", b.len ? "," : " ct state ", words[i].word);
        return strbuf_take(&b);
}

static bool has_line(const Chain *c, const char *text) {
        for (size_t i = 0; i < c->n; i++)
                if (streq(c->lines[i].text, text))
                        return true;
        return false;
}

/* condition: what is asked beside the elements. */
static int add_line(Ruleset *s, Chain *c, const RuleRequest *q, Direction d, bool reversed, FilterLevel level,
                    const char *condition) {
        MatchRequest m = { q->rule, q->values, reversed, s->addresses };
        _cleanup_free_ char *match = NULL, *comment = comment_of(q->rule), *line = NULL;
        int priority = FILTER_RULE_PRIORITY, r;

        if (!c || !comment)
                return -ENOMEM;
        (void) parse_int(xml_attr(q->rule, "priority") ?: "", &priority);
        r = filter_match(&m, &match, s->error);
        if (r != 0)
                return r < 0 ? r : 0;
        line = text_format("%s%s %s%s", match, condition, verdict_of(q->rule, d, level), comment);
        if (!line)
                return -ENOMEM;
        memmove(line, line + strspn(line, " "), strlen(line) + 1 - strspn(line, " "));
        /* values that stand twice in a list make the same rule again */
        if (q->values->n > 0 && has_line(c, line))
                return 0;
        return chain_add(c, priority, false, TAKE_PTR(line));
}

/* --- Ethernet --- */

static bool has_direction(const xmlNode *rule, Direction d) {
        const char *direction = xml_attr(rule, "direction") ?: "";

        return streq(direction, "inout") || streq(direction, direction_word(d));
}

static int add_ethernet(Ruleset *s, const RuleRequest *q) {
        bool both = xml_attr_is(q->rule, "direction", "inout");
        int r = 0;

        for (Direction d = 0; d < _DIRECTION_MAX && r >= 0; d++)
                if (has_direction(q->rule, d))
                        r = add_line(s, ethernet_chain(s, d, q), q, d, both && d == OUT, FILTER_ETHERNET, "");
        return r;
}

/* --- IP --- */

static Chain *ip_chain(Ruleset *s, Direction d) {
        return ruleset_chain(s, d == OUT ? "out-ip" : "in-ip");
}

typedef struct Conditions {
        uint32_t states; /* that the rule names; 0: none */
        char *text;      /* of the direction that the rule is about */
        char *answers;   /* NULL: answers need no rule */
} Conditions;

static void conditions_done(Conditions *c) {
        free(c->text);
        free(c->answers);
}

/* The answers to some types of ICMP are of another type: those with one are let through in one direction alone. */
static bool has_icmp_type(const xmlNode *rule) {
        const xmlNode *match = filter_rule_match(rule);

        return startswith(xml_name(match), "icmp") && xml_attr(match, "type");
}

static int read_states(const RuleRequest *q, const Ruleset *s, uint32_t *ret) {
        const MatchRequest m = { q->rule, q->values, false, s->addresses };
        FilterValue v = {};
        int r;

        r = filter_match_value(&m, filter_rule_match(q->rule), "state", &v, s->error);
        *ret = r == 0 ? v.number : 0;
        return r == -ENOENT ? 0 : r;
}

static int conditions_of(Ruleset *s, const RuleRequest *q, Conditions *ret) {
        bool follows = xml_attr_is(q->rule, "action", "accept") && !xml_attr_is(q->rule, "statematch", "false") &&
                       !xml_attr_is(q->rule, "direction", "inout");
        int r;

        r = read_states(q, s, &ret->states);
        if (r < 0)
                return r;
        if (ret->states || !follows) {
                ret->text = states_of(ret->states);
                return ret->text ? 0 : -ENOMEM;
        }
        ret->text = strdup(" ct direction original ct state new,established");
        ret->answers = has_icmp_type(q->rule) ? NULL : strdup(" ct direction reply ct state established");
        return ret->text && (ret->answers || has_icmp_type(q->rule)) ? 0 : -ENOMEM;
}

/* For each source an own count, as iptables has it; what is above it is what the rule is about. Of the guest's own
 * connections only. */
static int add_limit(Ruleset *s, const RuleRequest *q, Direction d, Conditions *c, bool *ret_skip) {
        const MatchRequest m = { q->rule, q->values, false, s->addresses };
        const xmlNode *match = filter_rule_match(q->rule);
        bool v6 = strstr(xml_name(match), "v6") != NULL, below = xml_attr_is(match, "match", "no");
        _cleanup_free_ char *text = NULL;
        FilterValue v = {};
        int r;

        *ret_skip = false;
        r = filter_match_value(&m, match, "connlimit-above", &v, s->error);
        if (r == -ENOENT)
                return 0;
        *ret_skip = d == IN;
        if (r < 0 || d == IN)
                return r;
        strbuf_addf(&s->sets, "add set bridge " FILTER_TABLE " %s/limit%u { type %s; size 65535; flags dynamic; }\n",
                    s->port, s->n_sets, v6 ? "ipv6_addr" : "ipv4_addr");
        text = text_format("%s add @%s/limit%u { %s saddr ct count %s%u }", c->text, s->port, s->n_sets++,
                           v6 ? "ip6" : "ip", below ? "" : "over ", v.number);
        if (!text)
                return -ENOMEM;
        free(c->text);
        c->text = TAKE_PTR(text);
        return 0;
}

static int add_ip(Ruleset *s, const RuleRequest *q) {
        bool both = xml_attr_is(q->rule, "direction", "inout");
        _cleanup_(conditions_done) Conditions c = {};
        bool skip = false;
        int r;

        r = conditions_of(s, q, &c);
        for (Direction d = 0; d < _DIRECTION_MAX && r >= 0; d++) {
                bool here = has_direction(q->rule, d);

                if (here)
                        r = add_limit(s, q, d, &c, &skip);
                if (r >= 0 && here && !skip)
                        r = add_line(s, ip_chain(s, d), q, d, both && d == OUT, FILTER_IP, c.text);
                else if (r >= 0 && !here && c.answers)
                        r = add_line(s, ip_chain(s, d), q, d, true, FILTER_IP, c.answers);
        }
        return r;
}

int ruleset_add_rule(Ruleset *s, const RuleRequest *q) {
        const xmlNode *match = filter_rule_match(q->rule);
        const FilterProtocol *p = match ? filter_protocol_find(xml_name(match)) : NULL;

        return p && p->level == FILTER_IP ? add_ip(s, q) : add_ethernet(s, q);
}
