/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/* From now on nothing is waited for that only a timer ends: the clock goes on to it. What is asked of CLOCK_MONOTONIC
 * has that time in it; whatever the test's host still has to do by itself is done before. */
void test_clock_skips(bool yes);

/* CLOCK_MONOTONIC, in seconds. */
double test_clock_seconds(void);
