/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Quotas of some of a guest's threads. The unit is delegated then (Delegate=cpu), and below its control group there is
 *
 *   guest/            vm-run and QEMU; what is no limit of threads stays the unit's
 *   guest/vcpu0/      threads, with a cpu.max of their own
 *   guest/iothread1/
 *   guest/emulator/
 *
 * The group in between is what lets systemd have its processes beside ours (".control"), which it could not put beside
 * threads. vm-run makes all of it, as the guest's user, through a descriptor of the unit's group; vm-plug does it for a
 * guest that has got its first quota while it runs. */

#include <stdbool.h>
#include <sys/types.h>

#define CGROUP_FD_NAME "cgroup" /* in the parcel from vm-prepare: the unit's control group */
#define RESCTRL_FD_PREFIX "resctrl-" /* and a number: where the threads of a group of resctrl are written */

/* Opens the control group of the unit that a process (0: the caller) is in: *ret_fd; -EPERM where that is another one,
 * -EOPNOTSUPP where the host's controllers are not in the one tree of version 2. */
int cgroup_open_unit(pid_t process, const char *unit, int *ret_fd);

/* Moves the process (0: the caller) to guest/ below the unit's group. Must be done for all processes of the unit's
 * group itself before the next one. */
int thread_groups_enter(int unit, pid_t process);
int thread_groups_enter_all(int unit);
/* Opens guest/, where threads may have limits from then on. */
int thread_groups_open(int unit, int *ret);

/* Puts a thread into the group of this name, and limits it: "QUOTA PERIOD" in microseconds, where QUOTA may be "max". A
 * thread that has ended is no error. */
int thread_groups_limit(int guest, const char *name, const char *limit, pid_t thread);
/* Has a group of this name been made? Only then need a limit be taken back. */
bool thread_groups_has(int guest, const char *name);

/* After the guest's end: nothing of it is left, so that the unit can be started again. */
void thread_groups_remove(int unit);
