/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Any bytes as a request to vm-events. What it takes for a guest has a unit. */

#include <stdint.h>

#include "base/strings.h"
#include "events-request.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        _cleanup_events_request_ EventsRequest q = {};
        char text[EVENTS_PACKET_MAX + 1];

        /* as it comes from the socket */
        if (size > EVENTS_PACKET_MAX)
                return 0;
        memcpy(text, data, size);
        text[size] = 0;
        if (events_request_parse(text, &q) < 0)
                return 0;
        if (!q.verb || !q.guest || !q.unit || !startswith(q.unit, "vm@") || !endswith(q.unit, ".service") ||
            strchr(q.unit, '/'))
                abort();
        return 0;
}
