/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "variables.h"

#include "base/strings.h"

/* --- names and values --- */

void filter_variables_done(FilterVariables *v) {
        for (size_t i = 0; i < v->n; i++) {
                free(v->list[i].name);
                strv_free(v->list[i].values);
        }
        free(v->list);
        *v = (FilterVariables) {};
}

static FilterVariable *find(const FilterVariables *v, const char *name) {
        for (size_t i = 0; i < v->n; i++)
                if (streq(v->list[i].name, name))
                        return &v->list[i];
        return NULL;
}

char *const *filter_variables_get(const FilterVariables *v, const char *name) {
        const FilterVariable *found = find(v, name);

        return found ? found->values : NULL;
}

static FilterVariable *add(FilterVariables *v, const char *name) {
        FilterVariable *list = reallocarray(v->list, v->n + 1, sizeof *list);
        char *copy = strdup(name);

        if (list)
                v->list = list;
        if (!list || !copy) {
                free(copy);
                return NULL;
        }
        list[v->n] = (FilterVariable) { .name = copy };
        return &list[v->n++];
}

int filter_variables_set(FilterVariables *v, const char *name, const char *value) {
        FilterVariable *found = find(v, name) ?: add(v, name);

        return found ? strv_add(&found->values, value) : -ENOMEM;
}

int filter_variables_add(FilterVariables *v, const xmlNode *ref) {
        size_t before = v->n;

        XML_FOREACH(p, ref, "parameter") {
                const FilterVariable *known = find(v, xml_attr(p, "name") ?: "");
                int r = 0;

                if (!known || known >= v->list + before)
                        r = filter_variables_set(v, xml_attr(p, "name") ?: "", xml_attr(p, "value") ?: "");
                if (r < 0)
                        return r;
        }
        return 0;
}

int filter_variables_copy(const FilterVariables *from, FilterVariables *ret) {
        _cleanup_filter_variables_ FilterVariables v = {};

        for (size_t i = 0; i < from->n; i++)
                for (char *const *value = from->list[i].values; value && *value; value++)
                        if (filter_variables_set(&v, from->list[i].name, *value) < 0)
                                return -ENOMEM;
        *ret = v;
        v = (FilterVariables) {};
        return 0;
}

/* --- what a rule speaks of --- */

typedef int (*AccessFunc)(const FilterAccess *a, void *userdata);

static int for_each_access(const xmlNode *rule, AccessFunc f, void *userdata) {
        int r = 0;

        XML_FOREACH(match, rule, NULL)
                for (const xmlAttr *attr = match->properties; attr && r >= 0; attr = attr->next) {
                        _cleanup_(filter_access_done) FilterAccess a = {};
                        const char *name = (const char *) attr->name, *text = xml_attr(match, name) ?: "";

                        if (*text != '$' || streq(name, "comment"))
                                continue;
                        r = filter_access_parse(text, &a);
                        if (r >= 0)
                                r = f(&a, userdata);
                }
        return r;
}

static int is_ip_without_value(const FilterAccess *a, void *userdata) {
        return streq(a->name, "IP") && !filter_variables_get(userdata, "IP") ? -ENOENT : 0;
}

bool filter_rule_needs_ip(const xmlNode *rule, const FilterVariables *v) {
        return for_each_access(rule, is_ip_without_value, (void *) v) == -ENOENT;
}

/* --- combinations --- */

typedef struct Begin {
        FilterCombination *c;
        StrBuf missing;
        Error *error;
} Begin;

static int add_dimension(FilterCombination *c, unsigned iterator, size_t length, Error *e) {
        for (size_t i = 0; i < c->n; i++)
                if (c->dimensions[i].iterator == iterator)
                        return c->dimensions[i].length == length
                                       ? 0
                                       : error_set(e, -EINVAL, ERROR_INTERNAL, ORIGIN_NWFILTER,
                                                   "Cardinality of list items must be the same for processing them "
                                                   "in parallel");
        if (c->n == FILTER_DIMENSIONS_MAX)
                return error_set(e, -E2BIG, ERROR_CONFIG_UNSUPPORTED, ORIGIN_NWFILTER,
                                 "a rule has %u iterators at most", FILTER_DIMENSIONS_MAX);
        c->dimensions[c->n].iterator = iterator;
        c->dimensions[c->n++].length = length;
        return 0;
}

static int take_access(const FilterAccess *a, void *userdata) {
        Begin *b = userdata;
        char *const *values = filter_variables_get(b->c->variables, a->name);
        size_t n = strv_length(values);

        if (!values && b->c->learns && streq(a->name, "IP"))
                return 0;
        if (!values || (a->is_element && a->number >= n)) {
                _cleanup_free_ char *text = filter_access_format(a);

                strbuf_addf(&b->missing, "%s%s", b->missing.len ? ", " : "", text ? text + 1 : a->name);
                return 0;
        }
        return a->is_element ? 0 : add_dimension(b->c, a->number, n, b->error);
}

int filter_combination_begin(const xmlNode *rule, const FilterVariables *v, bool learns, FilterCombination *ret,
                             Error *e) {
        Begin b = { .c = ret, .error = e };
        size_t all = 1;
        int r;

        *ret = (FilterCombination) { .variables = v, .learns = learns };
        r = for_each_access(rule, take_access, &b);
        if (r >= 0 && b.missing.len > 0)
                r = error_set(e, -EINVAL, ERROR_INTERNAL, ORIGIN_NWFILTER,
                              "Cannot instantiate filter due to unresolvable variables or unavailable list elements: "
                              "%s",
                              b.missing.data);
        for (size_t i = 0; i < ret->n && r >= 0; i++) {
                all *= ret->dimensions[i].length;
                if (all > FILTER_COMBINATIONS_MAX)
                        r = error_set(e, -E2BIG, ERROR_CONFIG_UNSUPPORTED, ORIGIN_NWFILTER,
                                      "a rule stands for more than %u combinations of values",
                                      FILTER_COMBINATIONS_MAX);
        }
        strbuf_done(&b.missing);
        return r;
}

bool filter_combination_next(FilterCombination *c) {
        for (size_t i = 0; i < c->n; i++) {
                if (++c->dimensions[i].at < c->dimensions[i].length)
                        return true;
                c->dimensions[i].at = 0;
        }
        return false;
}

int filter_combination_value(const FilterCombination *c, const char *text, const char **ret, bool *ret_learned) {
        _cleanup_(filter_access_done) FilterAccess a = {};
        char *const *values;
        size_t at;
        int r;

        r = filter_access_parse(text, &a);
        if (r < 0)
                return r;
        values = filter_variables_get(c->variables, a.name);
        *ret = NULL;
        *ret_learned = !values;
        if (!values)
                return 0;
        at = a.number;
        for (size_t i = 0; i < c->n && !a.is_element; i++)
                if (c->dimensions[i].iterator == a.number)
                        at = c->dimensions[i].at;
        *ret = values[at];
        return 0;
}
