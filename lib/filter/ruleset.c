/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* From a binding to commands: the tree of filters is walked in the order in which it is written, each rule goes to its
 * chains, and these are sorted. */

#include "rules.h"

#define RULES_MAX 20000U
#define DEPTH_MAX 64U

typedef struct Walk {
        Ruleset *set;
        const FilterSource *source;
        bool learns, dhcp;      /* first the rules are looked at, then made */
        bool looking, needs_ip;
        unsigned n_rules, n_filters, depth;
        const char *path[DEPTH_MAX];
} Walk;

static int visit(Walk *w, const char *name, const FilterVariables *outer);

/* --- the tree --- */

static int check_way(Walk *w, const char *name) {
        for (unsigned i = 0; i < w->depth; i++)
                if (streq(w->path[i], name))
                        return error_set(w->set->error, -ELOOP, ERROR_OPERATION_FAILED, ORIGIN_NWFILTER,
                                         "filter '%s' is its own part", name);
        if (w->depth == DEPTH_MAX || ++w->n_filters > RULES_MAX)
                return error_set(w->set->error, -E2BIG, ERROR_OPERATION_FAILED, ORIGIN_NWFILTER,
                                 "filters refer to others in too many ways");
        return 0;
}

static int visit_rule(Walk *w, const xmlNode *rule, const Definition *filter, const FilterVariables *v) {
        const xmlNode *root = definition_root(filter);
        FilterCombination values;
        RuleRequest q = { rule, xml_attr(root, "chain") ?: "root", 0, &values };
        int r;

        if (w->looking) {
                w->needs_ip = w->needs_ip || filter_rule_needs_ip(rule, v);
                return 0;
        }
        (void) parse_int(xml_attr(root, "priority") ?: "0", &q.chain_priority);
        r = filter_combination_begin(rule, v, w->learns, &values, w->set->error);
        if (r < 0)
                return r;
        do {
                if (++w->n_rules > RULES_MAX)
                        return error_set(w->set->error, -E2BIG, ERROR_OPERATION_FAILED, ORIGIN_NWFILTER,
                                         "a filter stands for more than %u rules", RULES_MAX);
                r = ruleset_add_rule(w->set, &q);
        } while (r >= 0 && filter_combination_next(&values));
        return r;
}

static int visit_reference(Walk *w, const xmlNode *ref, const FilterVariables *outer) {
        _cleanup_filter_variables_ FilterVariables v = {};
        int r;

        r = filter_variables_copy(outer, &v);
        if (r >= 0)
                r = filter_variables_add(&v, ref);
        return r < 0 ? r : visit(w, xml_attr(ref, "filter") ?: "", &v);
}

static int visit(Walk *w, const char *name, const FilterVariables *v) {
        const Definition *filter;
        int r;

        r = check_way(w, name);
        filter = r >= 0 ? w->source->find(w->source->userdata, name, w->set->error) : NULL;
        if (!filter)
                return r < 0 ? r : -ENOENT;
        w->path[w->depth++] = name;
        XML_FOREACH(child, definition_root(filter), NULL) {
                if (xml_is(child, "rule"))
                        r = visit_rule(w, child, filter, v);
                else if (xml_is(child, "filterref"))
                        r = visit_reference(w, child, v);
                if (r < 0)
                        break;
        }
        w->depth--;
        /* which of the filters it is is not in the message of a rule */
        if (r < 0 && w->depth == 0)
                error_prefix(w->set->error, "filter '%s' of %s", name, w->set->dev);
        return r;
}

/* --- addresses --- */

static int prepare_learning(Walk *w, const char *filter, const FilterVariables *v) {
        char *const *mode = filter_variables_get(v, "CTRL_IP_LEARNING");
        int r;

        w->looking = true;
        r = visit(w, filter, v);
        w->looking = false;
        w->n_filters = 0;
        if (r < 0 || !w->needs_ip)
                return r;
        if (mode && strcasecmp(*mode, "none") == 0)
                return 0; /* and the rule is refused */
        if (mode && strcasecmp(*mode, "any") != 0 && strcasecmp(*mode, "dhcp") != 0)
                return error_set(w->set->error, -EINVAL, ERROR_CONFIG_UNSUPPORTED, ORIGIN_NWFILTER,
                                 "filter '%s' can't learn IP addresses by the way '%s': CTRL_IP_LEARNING is any, dhcp "
                                 "or none", filter, *mode);
        w->learns = true;
        w->dhcp = mode && strcasecmp(*mode, "dhcp") == 0;
        return ruleset_learn(w->set, w->dhcp, w->dhcp ? filter_variables_get(v, "DHCPSERVER") : NULL);
}

/* --- commands --- */

static int compare_lines(const void *a, const void *b) {
        const Line *x = *(const Line *const *) a, *y = *(const Line *const *) b;

        if (x->priority != y->priority)
                return x->priority < y->priority ? -1 : 1;
        if (x->jump != y->jump)
                return x->jump ? -1 : 1;
        return x < y ? -1 : x > y; /* as they came */
}

static int format_chain(StrBuf *b, const Chain *c) {
        const Line **sorted = calloc(c->n ?: 1, sizeof(Line *));

        if (!sorted)
                return -ENOMEM;
        for (size_t i = 0; i < c->n; i++)
                sorted[i] = &c->lines[i];
        qsort(sorted, c->n, sizeof *sorted, compare_lines);
        for (size_t i = 0; i < c->n; i++)
                strbuf_addf(b, "add rule bridge " FILTER_TABLE " %s %s\n", c->name, sorted[i]->text);
        free(sorted);
        return 0;
}

/* Chains before who jumps to them; the entry of the maps last. */
static int format(Ruleset *s, char **ret) {
        static const char *const entries[] = { "out", "in", "out-ip", "in-ip" };
        _cleanup_strbuf_ StrBuf b = {};

        strbuf_add(&b, s->sets.data ?: "");
        b.failed = s->sets.failed;
        for (size_t i = 0; i < s->n; i++)
                strbuf_addf(&b, "add chain bridge " FILTER_TABLE " %s\n", s->chains[i].name);
        for (size_t i = 0; i < s->n; i++)
                if (format_chain(&b, &s->chains[i]) < 0)
                        return -ENOMEM;
        for (size_t i = 0; i < ELEMENTSOF(entries); i++)
                for (size_t k = 0; k < s->n; k++) {
                        const char *suffix = startswith(s->chains[k].name, s->port);

                        if (suffix && streq(suffix + 1, entries[i]))
                                strbuf_addf(&b, "add element bridge " FILTER_TABLE " %s { \"%s\" : jump %s }\n",
                                            entries[i], s->dev, s->chains[k].name);
                }
        *ret = strbuf_take(&b);
        return *ret ? 0 : -ENOMEM;
}

/* The name stands in quotes there, where a star at the end would be a pattern. */
static int check_port(const char *dev, Error *e) {
        for (const char *p = dev; *p; p++)
                if ((unsigned char) *p <= ' ' || *p == 127 || strchr("\"\\*/:%", *p))
                        return error_set(e, -EINVAL, ERROR_XML_ERROR, ORIGIN_NWFILTER,
                                         "no rule can name the link '%s'", dev);
        return strlen(dev) < 16 ? 0
                                : error_set(e, -EINVAL, ERROR_XML_ERROR, ORIGIN_NWFILTER,
                                            "no link can have the name '%s'", dev);
}

int filter_ruleset(const Definition *binding, const FilterSource *source, char **ret, Error *e) {
        const xmlNode *root = definition_root(binding), *ref = xml_child(root, "filterref");
        const char *filter = xml_attr(ref, "filter") ?: "";
        _cleanup_filter_variables_ FilterVariables v = {};
        _cleanup_(ruleset_done) Ruleset s = { .dev = xml_get(root, "portdev/@name") ?: "", .error = e };
        Walk w = { .set = &s, .source = source };
        int r;

        r = check_port(s.dev, e);
        if (r >= 0)
                r = filter_variables_add(&v, ref);
        if (r >= 0 && !filter_variables_get(&v, "MAC"))
                r = filter_variables_set(&v, "MAC", xml_get(root, "mac/@address") ?: "");
        if (r < 0)
                return r;
        s.mac = filter_variables_get(&v, "MAC")[0];
        s.port = ruleset_escape(s.dev);
        r = s.port ? prepare_learning(&w, filter, &v) : -ENOMEM;
        if (r >= 0)
                r = visit(&w, filter, &v);
        return r < 0 ? r : format(&s, ret);
}
