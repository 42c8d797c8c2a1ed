/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Where groups of the kernel's resctrl are (host/resctrl.h makes them): /sys/fs/resctrl/qemu-ID-NAME-vcpus_SET, and
 * what is monitored alone of one below its mon_groups/, or the root group's. Each text is the caller's; NULL without
 * memory.
 *
 * UNITVIRT_SYS moves /sys, for tests. */

/* The name that a group of these vCPUs ("0-1") of the guest's run id has; its path. */
char *resctrl_group_name(const char *id, const char *guest, const char *vcpus);
char *resctrl_path(const char *name);

/* The folder in which the work of some vCPUs is counted: of the group with these vCPUs where it is all of them, else a
 * folder of their own. group: NULL where the guest has no part for itself, and the group is the root. */
char *resctrl_monitor_path(const char *id, const char *guest, const char *group, const char *vcpus);
