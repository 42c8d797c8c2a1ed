/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* A driver of toys, which answers some of the network's procedures: as small as one on this layer can be. */

#include "test-daemon.h"

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

/* A daemon of toys for a test, not started yet, and its end as cmocka's teardown. */
TestDaemon *toy_daemon_new(void);
int toy_daemon_end(void **state);
ObjectIndex *toys(TestDaemon *d);
