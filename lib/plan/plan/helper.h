/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What vm-helper, vm-prepare and the plan agree on about the helpers of a guest. */

#include "base/macros.h"

/* The helper gets its listening socket under this number. */
#define HELPER_SOCKET_FD 3

/* The passphrase of what a TPM keeps, twice, since each is read to its end; and its name in the service manager's
 * store. The cipher is libvirt's. */
#define HELPER_KEY_FD 4
#define HELPER_KEY_FD_AGAIN 5
#define HELPER_KEY_NAME "key"
#define HELPER_KEY_CIPHER "aes-256-cbc"

/* ... and the name there of a connection to an agent that has keys for SSH. The helper finds the agent at this socket
 * in its folder. */
#define HELPER_AGENT_NAME "agent"
#define HELPER_AGENT "agent"

/* Where libssh looks for the keys of servers. */
#define HELPER_KNOWN_HOSTS "/etc/ssh/ssh_known_hosts"

/* passt has one connection in place of a socket that listens. Whoever connects to its vm-helper is sent the other end
 * of that, with this word, once it is ready; else its last line, and no descriptor. */
#define HELPER_READY "ready"

/* Whose folder the helper of reservations has, of a guest that had such a disk at its start, and of others. It is sent
 * the socket that it is to listen on: HELPER_RESERVATIONS_SOCKET in the guest's own folder. */
#define HELPER_RESERVATIONS "pr"
#define HELPER_RESERVATIONS_LATE "prlate"
#define HELPER_RESERVATIONS_SOCKET "pr-helper0.sock"

/* The same of the bus that a guest has for itself: HELPER_BUS_SOCKET in the guest's own folder. With it come the lines
 * of passwd(5) of those who may connect. */
#define HELPER_USERS_MAX 512U
#define HELPER_BUS "bus"
#define HELPER_BUS_SOCKET "dbus.sock"

/* In the helper's folder: its socket; the last line that it wrote, once it has failed. */
#define HELPER_SOCKET "socket"
#define HELPER_ERROR "error"

/* Folders of TPMs' states, UUID/tpm2 or UUID/tpm1.2, as libvirt has them. */
#define HELPER_TPM_STATE "/var/lib/libvirt/swtpm"

/* The folder of a guest's helper below /run: part is "tpm", or "fs0" for its first folder. Owned by the caller; NULL on
 * OOM. */
char *helper_folder(const char *guest, const char *part);
