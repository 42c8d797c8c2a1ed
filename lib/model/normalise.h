/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What the steps of normalising share. Each step is a function of one file that is named after the element it
 * looks after. Memory errors stick in the Normaliser and are asked for between steps, so that a step reads as
 * what it does. */

#include "definition-private.h"

typedef struct Normaliser {
        Definition *d;
        xmlNode *root;
        const HostFacts *facts;
        Error *error;
        bool out_of_memory;
} Normaliser;

int normalise_identity(Normaliser *n);

/* Changes that remember a failure. */
static inline void set(Normaliser *n, xmlNode *node, const char *name, const char *value) {
        if (node && xml_set_attr(node, name, value) < 0)
                n->out_of_memory = true;
}

static inline void set_default(Normaliser *n, xmlNode *node, const char *name, const char *value) {
        if (node && !xml_attr(node, name))
                set(n, node, name, value);
}
