/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What differs between a guest that runs and its definition. */

#include "model/diff.h"

/* Calls visit for each difference, in their order: before is what runs, after the definition. Error code 42 where there
 * is no such guest, 55 where it does not run, or has no definition to compare with. Negative errno, or what visit
 * said. */
int running_differences(const char *name, DifferenceVisitor visit, void *userdata, Error *e);
