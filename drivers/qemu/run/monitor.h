/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* A guest's run: from the appearance of its live definition, over the connection to its QEMU, to its end. */

#include "guest/guest.h"

/* The live definition is there. id is its number. found_running: it was when we came. */
int monitor_begin_run(Guest *g, int id, bool found_running);

/* The live definition has gone, or the guest is forgotten: frees the run and its connection. Tells nobody. */
void monitor_end_run(Guest *g);

/* The connection, when commands can be sent: NULL where the guest has none (*e filled, -EREMOTEIO style code 9, or
 * code 55 "domain is not running"). */
QmpClient *guest_qmp(Guest *g, Error *e);

/* Sends a command and waits for the answer, at most timeout microseconds. arguments are taken. *ret (may be NULL) is
 * owned by the caller. QEMU's refusal: -EREMOTEIO and code 1 with its words. Within a fiber; the guest may be in
 * another state afterwards. A QEMU that has not answered in time is mute: until that answer has come, each command
 * fails at once,
 * -ETIMEDOUT with code 68. */
#define MONITOR_TIMEOUT (30U * 1000000U)
int guest_command(Guest *g, const char *command, json_t *arguments, json_t **ret, Error *e);
/* The same until a moment of CLOCK_MONOTONIC, in microseconds. */
int guest_command_until(Guest *g, const char *command, json_t *arguments, uint64_t deadline, json_t **ret, Error *e);
int guest_command_fds(Guest *g, json_t *request, const int *fds, size_t n_fds, json_t **ret, bool raw, Error *e);

/* The path of the unit's control group below /sys/fs/cgroup, by QEMU's process; owned by the caller. -ESRCH. */
int guest_cgroup(Guest *g, char **ret);

/* The entry of a disk's device in the answer to query-blockstats or query-block; borrowed, NULL where there is none. */
json_t *qmp_block_entry(json_t *list, const char *alias);
