/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Variables of filters, and the combinations of their values that a rule is repeated for. */

#include "model/filter.h"

typedef struct FilterVariable {
        char *name;
        char **values;
} FilterVariable;

typedef struct FilterVariables {
        FilterVariable *list;
        size_t n;
} FilterVariables;

void filter_variables_done(FilterVariables *v);
#define _cleanup_filter_variables_ _cleanup_(filter_variables_done)

/* Adds the parameters of a filterref that are not there yet: values from outside win. -ENOMEM. */
int filter_variables_add(FilterVariables *v, const xmlNode *ref);
int filter_variables_set(FilterVariables *v, const char *name, const char *value);
int filter_variables_copy(const FilterVariables *from, FilterVariables *ret);
/* Its values; NULL: it has none. */
char *const *filter_variables_get(const FilterVariables *v, const char *name);

/* --- combinations --- */

#define FILTER_DIMENSIONS_MAX 8U
#define FILTER_COMBINATIONS_MAX 4096U

/* The iterators of a rule, and how far each has come: the first one moves fastest. */
typedef struct FilterCombination {
        const FilterVariables *variables;
        bool learns;            /* the addresses of the guest ($IP) are in a set */
        struct {
                unsigned iterator;
                size_t length, at;
        } dimensions[FILTER_DIMENSIONS_MAX];
        size_t n;
} FilterCombination;

/* The first combination of what the elements of a rule say. -EINVAL and e for variables without a value, and for lists
 * of one iterator that differ in length. */
int filter_combination_begin(const xmlNode *rule, const FilterVariables *v, bool learns, FilterCombination *ret,
                             Error *e);
/* False: that was the last one. */
bool filter_combination_next(FilterCombination *c);
/* The value in this combination of what begins with '$'; NULL with *ret_learned where it is in the set. -ENOMEM. */
int filter_combination_value(const FilterCombination *c, const char *text, const char **ret, bool *ret_learned);

/* Does a rule speak of $IP where that has no value? */
bool filter_rule_needs_ip(const xmlNode *rule, const FilterVariables *v);
