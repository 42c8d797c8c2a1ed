/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Making a guest known to systemd-machined, in two steps, since only root may and only vm-run is the leader: vm-prepare
 * connects to the bus as root and leaves the connection to vm-run, which sends one message over it, reads the answer and
 * closes it before the guest's first instruction. A program of its own for this would cost more than all of vm-run: the
 * service manager forks for it and builds the unit's view of the file system once more.
 *
 * D-Bus is spoken without a library: two kinds of message, with a fixed shape. Format: D-Bus specification, "Message
 * Protocol" and "Authentication Protocol". */

#include <stdint.h>

/* The connection's name in the service manager's store. */
#define MACHINED_FD_NAME "machined"

/* Connects, and sees to it that the name is free: what an earlier run of the same unit left is taken back. 0 and the
 * connection; -ENOENT without a bus or without machined; -EEXIST where a machine that is not ours has the name;
 * -EPROTO, -ETIMEDOUT (after five seconds) and other errno of the connection. May block. */
int machined_connect(const char *machine, const char *unit, int *ret);

/* Sends the request. leader is the process that gets machinectl's signals; its unit is the machine's. */
int machined_register(int fd, const char *machine, const uint8_t uuid[16], uint32_t leader);

/* Waits for machined's answer to it, at most for five seconds. Where that is an error, its text is in *ret_message,
 * owned by the caller, and the result is -EREMOTEIO. */
int machined_finish(int fd, char **ret_message);
