/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The chain of transformations, in the order in which they depend on each other. */

#include "normalise.h"

typedef int (*Step)(Normaliser *n);

static const Step steps[] = {
        normalise_identity,
};

int definition_normalise(Definition *d, const HostFacts *facts, Error *e) {
        Normaliser n = { .d = d, .root = definition_root(d), .facts = facts, .error = e };
        int r;

        for (size_t i = 0; i < ELEMENTSOF(steps); i++) {
                r = steps[i](&n);
                if (r < 0)
                        return r;
                if (n.out_of_memory)
                        return -ENOMEM;
        }

        return 0;
}
