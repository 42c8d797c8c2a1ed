/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What a guest agent writes, in two pieces, cut into messages. */

#include "run/agent-reader.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void read_all(AgentReader *r) {
        int q;

        do {
                json_t *message = NULL;

                q = agent_reader_next(r, &message);
                if ((q == 1) != json_is_object(message))
                        __builtin_trap();
                json_decref(message);
        } while (q != 0 && q != -ENOMEM);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        _cleanup_agent_reader_ AgentReader r = {};
        size_t half;

        if (size < 1)
                return 0;
        half = data[0] % size;
        if (agent_reader_add(&r, (const char *) data, half) >= 0)
                read_all(&r);
        if (agent_reader_add(&r, (const char *) data + half, size - half) >= 0)
                read_all(&r);
        return 0;
}
