/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Control groups of version 2. */

#include <stdbool.h>

/* Is this controller there for the processes of a group, by a descriptor of its folder? Of a negative one it is not. */
bool cgroup_has_controller(int group, const char *controller);
/* ... for the host's own groups, in the one tree? UNITVIRT_CGROUP moves /sys/fs/cgroup, for tests. */
bool cgroup_host_has_controller(const char *controller);
/* Where that tree is. */
const char *cgroup_root(void);
