/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What a guest agent writes, cut into messages. Nothing of it is trusted: it is limited in length, number of values and
 * depth before memory or stack is taken for it. */

#include <jansson.h>

#include "base/macros.h"

#define AGENT_MESSAGE_MAX (4U * 1024U * 1024U) /* of one answer: as much as a client may be sent */
#define AGENT_TOKENS_MAX 50000U
#define AGENT_DEPTH_MAX 32U

/* Zero is an empty one. */
typedef struct AgentReader {
        char *data;
        size_t n, size;
        size_t scanned;     /* so many bytes have no end of a message in them */
} AgentReader;

void agent_reader_done(AgentReader *r);
#define _cleanup_agent_reader_ _cleanup_(agent_reader_done)

/* Bytes that have come. -EMSGSIZE where a message does not end. */
int agent_reader_add(AgentReader *r, const char *data, size_t len);
/* The next whole message, owned by the caller: 1, or 0 where none has come. What stands before a byte 0xFF is
 * no part of it. -EBADMSG for one that is no object, -EMSGSIZE for one beyond the limits; the next may be sound. */
int agent_reader_next(AgentReader *r, json_t **ret);
