/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The agent within a guest (qemu-guest-agent's protocol, docs/interop/qemu-ga in QEMU's tree), behind the channel
 * org.qemu.guest_agent.0.
 *
 * The channel is connected to for one command at a time: QEMU tells by its own events whether an agent is there, so
 * that nothing has to be held for guests that nobody asks. What the agent says is the guest's word, and each wait for
 * it has an end. Commands to one guest wait for each other; nothing else of the guest waits for them. */

#include <jansson.h>

#include "guest/guest.h"

/* How long a command may take, in seconds, where no client has said it (Guest.agent_timeout). */
#define AGENT_SOON 10U  /* what only looks */
#define AGENT_LONG 300U /* what works on disks */

/* Whether commands can be sent: the guest runs, has such a channel, and an agent has opened it. Codes 55, 74, 86. */
int guest_check_agent(Guest *g, Error *e);
/* The same, of an agent that is wanted where there is one. */
bool guest_has_agent(Guest *g);

/* Sends a command and waits for the answer. arguments (may be NULL) is taken. *ret (may be NULL) is owned by the
 * caller. The agent's refusal: -EREMOTEIO, and -EOPNOTSUPP where it does not know the command. No answer in time:
 * -ETIMEDOUT. Within a fiber; the guest may be in another state afterwards. */
int guest_agent(Guest *g, const char *command, json_t *arguments, unsigned seconds, json_t **ret, Error *e);

/* The same for a command that is not answered where it succeeds: done says that it has. */
int guest_agent_until(Guest *g, const char *command, json_t *arguments, unsigned seconds,
                      bool (*done)(const Guest *g), Error *e);

/* A whole request, and the whole answer. timeout: seconds, 0 does not wait, or one of AGENT_TIMEOUT_x. */
int guest_agent_request(Guest *g, json_t *request, int timeout, json_t **ret, Error *e);
