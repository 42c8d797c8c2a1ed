/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* A driver of toys, which answers some of the network's procedures: as small as one on this layer can be. */

#include "object/call.h"

typedef struct Toy {
        Object object;
        bool active;
        unsigned n_changes;
} Toy;

typedef struct ToyDriver {
        ObjectIndex toys;
} ToyDriver;

extern const ObjectKind kind_toy;
extern const Driver driver_toy;
