/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Where on a host of several nodes a guest fits best (placement='auto'): numad knows. */

#include "base/error.h"

/* The nodes ("0-1"), the caller's, that numad has for so many vCPUs and so much memory. Code 67 where numad is not
 * installed, code 1 where it fails. */
int placement_ask(unsigned vcpus, uint64_t mib, char **ret_nodes, Error *e);

#define PLACEMENT_NODES_MAX 1024U

/* The CPUs of these nodes (a bit each, "0-3,8-11"), and those of the nodes that have memory ("0,1"), both the caller's.
 * Nodes that the host does not have are left out. -ENOENT where nothing is left, -ENOMEM. */
int placement_cpus(const uint64_t nodes[static PLACEMENT_NODES_MAX / 64], char **ret_cpus, char **ret_nodes);
