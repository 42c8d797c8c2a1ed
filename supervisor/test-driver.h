/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* A hypervisor driver without guests, for tests of the supervisor: each handler shows one thing that handlers do. */

#include "server.h"

extern const KnownDriver test_drivers[];
extern const size_t n_test_drivers;
