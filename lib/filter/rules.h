/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The chains of a tap, while rules are put into them. */

#include "filter/ruleset.h"
#include "match.h"

/* As the guest sees it. */
typedef enum Direction {
        OUT,
        IN,
        _DIRECTION_MAX,
} Direction;

/* A line of a chain: a rule, or the jump to another chain. */
typedef struct Line {
        int priority;
        bool jump;      /* before rules of the same priority */
        char *text;
} Line;

typedef struct Chain {
        char *name;     /* "vnet0/out/ipv4-ip" */
        Line *lines;
        size_t n;
} Chain;

typedef struct Ruleset {
        char *port;     /* the tap as nft takes it: "vnet0" */
        const char *dev;        /* its name */
        const char *mac;
        char *addresses;        /* the set of learned ones; NULL: none */
        Chain *chains;
        size_t n;
        StrBuf sets;    /* commands that make further sets */
        unsigned n_sets;
        Error *error;
} Ruleset;

void ruleset_done(Ruleset *s);

/* The chain, made where it is not there yet: suffix "out", "in-ip", "out/ipv4-ip". NULL without memory. */
Chain *ruleset_chain(Ruleset *s, const char *suffix);
/* Takes the text. -ENOMEM. */
int chain_add(Chain *c, int priority, bool jump, char *text);

/* Each character that is neither letter nor digit as _XX. */
char *ruleset_escape(const char *text);

/* One rule of a filter with one combination of values; chain: the filter's. priority: the chain's. */
typedef struct RuleRequest {
        const xmlNode *rule;
        const char *chain;
        int chain_priority;
        const FilterCombination *values;
} RuleRequest;

int ruleset_add_rule(Ruleset *s, const RuleRequest *q);

/* Rules that keep the set of addresses: servers of DHCP that are believed, NULL for all. */
int ruleset_learn(Ruleset *s, bool dhcp, char *const *servers);
