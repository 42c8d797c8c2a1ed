/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What documents of the kinds <filter> and <filterbinding> are made of: protocols, types of values, variables. For who
 * checks such documents, and for who makes rules of them once the variables are known. */

#include "base/ip.h"
#include "model/definition.h"

/* --- protocols: the elements below <rule> --- */

typedef enum FilterLevel {
        FILTER_ETHERNET, /* looks at frames, one by one */
        FILTER_IP,       /* looks at connections */
} FilterLevel;

typedef struct FilterProtocol {
        const char *name; /* "tcp-ipv6" */
        FilterLevel level;
        int family;       /* of its addresses: AF_INET, AF_INET6 */
        int number;       /* in the IP header; -1 any */
} FilterProtocol;

/* NULL for an element that is none. */
const FilterProtocol *filter_protocol_find(const char *name);

/* The element of a rule that says what it is about (the first; others of its name belong to it); NULL: any frame. */
const xmlNode *filter_rule_match(const xmlNode *rule);

/* --- values --- */

typedef enum FilterType {
        FILTER_MAC,
        FILTER_MAC_MASK,
        FILTER_ADDRESS,   /* of the protocol's family */
        FILTER_MASK,      /* "24", "255.255.255.0" */
        FILTER_U8,
        FILTER_U16,
        FILTER_U32,
        FILTER_DSCP,      /* 0 to 63 */
        FILTER_VLAN,      /* 0 to 4095 */
        FILTER_ETHERTYPE, /* "arp", 0x0806 */
        FILTER_PROTOCOL,  /* "tcp", 6 */
        FILTER_OPCODE,    /* "Request", 1 */
        FILTER_STATE,     /* "NEW,ESTABLISHED", "NONE" */
        FILTER_TCP_FLAGS, /* "SYN,ACK/SYN" */
        FILTER_SET_NAME,
        FILTER_SET_FLAGS, /* "src,dst" */
        FILTER_BOOL,
        FILTER_COMMENT,
} FilterType;

/* The bits of FILTER_STATE. */
#define FILTER_STATE_NEW 1U
#define FILTER_STATE_ESTABLISHED 2U
#define FILTER_STATE_RELATED 4U
#define FILTER_STATE_INVALID 8U
#define FILTER_STATE_NONE 16U

#define FILTER_COMMENT_MAX 256U /* characters; longer ones are cut */
#define FILTER_SET_FLAGS_MAX 6U

typedef struct FilterValue {
        uint32_t number; /* numbers and names of them; a prefix; the bits of a state; of TCP flags the mask */
        bool hex;        /* was written with 0x */
        uint8_t flags;   /* of TCP flags: those that are to be set. Of set flags: bit N, the Nth is "src" */
        uint8_t n_flags; /* of set flags */
        uint8_t mac[6];
        IpAddress address;
} FilterValue;

/* The type of an attribute of a protocol's element; false for "match" and for what is none. */
bool filter_attribute_type(const FilterProtocol *p, const char *attribute, FilterType *ret);

/* A value without variables. -EINVAL for what is none of the type. */
int filter_value_parse(FilterType type, int family, const char *text, FilterValue *ret);

/* As libvirt prints it; the caller's. NULL without memory. */
char *filter_value_format(FilterType type, const char *text, const FilterValue *v);

/* --- variables --- */

/* "$NAME", "$NAME[@2]": all values of the list, in step with the other variables of the same iterator; "$NAME[3]": one
 * of them. */
typedef struct FilterAccess {
        char *name;
        bool is_element;
        unsigned number; /* of the iterator, or of the element */
} FilterAccess;

void filter_access_done(FilterAccess *a);

/* text begins with '$'. -EINVAL, -ENOMEM. */
int filter_access_parse(const char *text, FilterAccess *ret);
/* "$NAME[@2]"; the caller's. */
char *filter_access_format(const FilterAccess *a);

/* What a variable may be called, and what its value may be made of. */
bool filter_variable_name_ok(const char *name);
bool filter_variable_value_ok(const char *value);

/* --- documents --- */

/* The chain that a chain of this name is below ("ipv4" for "ipv4-mine"); NULL for a name that none can have. */
const char *filter_chain_prefix(const char *chain);

/* The place of a chain among the rules of root where its filter says nothing. */
int filter_chain_priority(const char *prefix);

#define FILTER_PRIORITY_MAX 1000 /* and its negative */
#define FILTER_RULE_PRIORITY 500 /* of a rule that says nothing */
