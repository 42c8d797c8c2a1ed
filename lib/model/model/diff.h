/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What two definitions of a kind say differently, field by field. Both are canonical and inactive: what an attribute
 * means, and what was left out, is no matter any more. */

#include "model/definition.h"

typedef struct Difference {
        const char *path;     /* below the root: "memory", "devices/disk[vda]/driver/@cache", "devices/disk[vdb]" */
        const char *before;   /* NULL: was not there; "" for an element without a text */
        const char *after;
        const xmlNode *old;   /* the element that is, or has, the field; NULL where it is not there */
        const xmlNode *new;
        const xmlNode *old_parent;      /* the element that it is, or would be, in; NULL where that is not there */
        const xmlNode *new_parent;
} Difference;

/* Calls visit for each difference, elements in the order of before, then what is new in that of after. Elements that
 * occur several times are told apart by what users call them (a disk's target, a card's MAC), which stands in brackets;
 * by their number where they have no such name. An element that only one of them has is one difference. Stops at the
 * first visit that is not 0 and returns that; -ENOMEM. */
typedef int (*DifferenceVisitor)(const Difference *d, void *userdata);
int definition_diff(const Definition *before, const Definition *after, DifferenceVisitor visit, void *userdata);
