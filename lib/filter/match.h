/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What the elements of a rule look at, in nft's words. */

#include "base/strings.h"
#include "variables.h"

typedef struct MatchRequest {
        const xmlNode *rule;
        const FilterCombination *values;
        bool reversed;          /* source and destination change places: the other direction */
        const char *addresses;  /* name of the set with the guest's addresses, where they are learned */
} MatchRequest;

/* All of it as one text that begins with a blank, "" for any frame. 0: *ret is the caller's; 1: nothing can be like
 * that, so there is no rule. -EINVAL, -EOPNOTSUPP with e. */
int filter_match(const MatchRequest *q, char **ret, Error *e);

/* A value of an element, with variables replaced; -ENOENT where there is none, 1 where it is what was learned. */
int filter_match_value(const MatchRequest *q, const xmlNode *match, const char *attribute, FilterValue *ret, Error *e);

/* A place in a frame that has an IPv4 address, as the key of a set of learned ones; NULL: there is none such. */
const char *filter_learned_place(const char *place);
