/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What a helper keeps its state under, or shows to a server: found by root before the helper starts, and left with the
 * service manager for the helper itself, as HELPER_KEY_NAME or HELPER_AGENT_NAME. The environment says what it is:
 * UNITVIRT_TPM_SECRET or UNITVIRT_SECRET (a secret's uuid), UNITVIRT_SECRET_ISCSI or _CEPH (its usage),
 * UNITVIRT_KEY_FILE, UNITVIRT_AGENT (the socket of an agent that has keys for SSH). */

#include "base/error.h"

/* *ret: the file, or the connection to the agent; as it was where there is nothing to find. e is filled. */
int helper_find_key(int *ret, Error *e);
